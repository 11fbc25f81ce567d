//! What ids name: a type for each kind, so that two that are swapped do not compile.
//!
//! All of them are `UUIDv7`s: ordered by the time they were made, and the same bytes in each database, path and JSON.

use std::fmt;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one, greater than all that this process has made before.
            #[must_use]
            pub fn now_v7() -> Self {
                Self(Uuid::now_v7())
            }

            /// The smallest of this time or later, in milliseconds since 1970: ids begin with their time, so they are an index over
            /// it.
            #[must_use]
            pub fn first_of(millis: i64) -> Self {
                Self(Uuid::from_u128(u128::from(u64::try_from(millis).unwrap_or(0)) << 80))
            }

            /// Smaller than all others, as a bound.
            #[must_use]
            pub const fn min() -> Self {
                Self(Uuid::nil())
            }

            /// Greater than all others, as a bound.
            #[must_use]
            pub const fn max() -> Self {
                Self(Uuid::max())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Uuid::column_result(value).map(Self)
            }
        }
    )+};
}

ids! {
    /// A user.
    UserId;
    /// Whose an account of credits is. Today a user: their own account has the user's id.
    OwnerId;
    /// Credits of one origin in an account. It has the id of the entry that it came with.
    LotId;
    /// A cap on what may be spent in a time.
    BudgetId;
    /// One use of a code by a user.
    RedemptionId;
    /// A way to sign in with a provider.
    IdentityId;
    /// A passkey of a user.
    PasskeyId;
    /// An API key of a user.
    ApiKeyId;
    /// Where a user is signed in.
    SessionId;
    /// A paid piece of work, its job and its hold: one id, which is also that of what is made.
    WorkId;
    /// An entry of the ledger.
    EntryId;
    /// An attempt at a provider.
    AttemptId;
    /// What was done for one request.
    TraceId;
    /// A conversation of a user.
    ConversationId;
    /// A message of a conversation, be it the user's or the reply.
    MessageId;
    /// An image that a user sent with a message.
    AttachmentId;
    /// An image that was made for a user.
    ImageId;
    /// Something that a user buys, from the order to the last refund.
    PaymentId;
    /// A subscription of a user, from the wish to its end.
    SubscriptionId;
    /// An entry of the audit log.
    AuditId;
    /// A receipt, or a credit note.
    PaperId;
    /// One server's run at making an image: who goes on with it has another.
    RunId;
}

/// What paid work makes has the id of the work.
macro_rules! made_by_work {
    ($($name:ident),+) => {$(
        impl From<$name> for WorkId {
            fn from(id: $name) -> Self {
                Self(id.0)
            }
        }

        impl From<WorkId> for $name {
            fn from(work: WorkId) -> Self {
                Self(work.0)
            }
        }
    )+};
}

made_by_work!(MessageId, ImageId);

impl From<UserId> for OwnerId {
    fn from(user: UserId) -> Self {
        Self(user.0)
    }
}

impl From<OwnerId> for UserId {
    fn from(owner: OwnerId) -> Self {
        Self(owner.0)
    }
}

impl From<EntryId> for LotId {
    fn from(entry: EntryId) -> Self {
        Self(entry.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::db::now_millis;

    const TEXT: &str = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab";

    #[test]
    fn an_id_is_told_and_read_as_the_bare_uuid() {
        let id: UserId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{TEXT}\""));
        assert_eq!(serde_json::from_str::<UserId>(&format!("\"{TEXT}\"")).unwrap(), id);
        assert!("0193".parse::<UserId>().is_err());
    }

    #[test]
    fn ids_are_an_index_over_time() {
        let before = now_millis();
        let id = AttemptId::now_v7();
        assert!(AttemptId::first_of(before) < id && id < AttemptId::first_of(now_millis() + 1));
        let time = 0x0193_a1b2_c3d4;
        let id: UserId = TEXT.parse().unwrap();
        assert!(UserId::first_of(time) < id && id < UserId::first_of(time + 1));
        // From before 1970 there is none.
        assert_eq!([UserId::first_of(0), UserId::first_of(-1)], [UserId::min(); 2]);
    }

    #[test]
    fn a_database_keeps_the_bytes_of_the_uuid() {
        let (id, uuid): (ImageId, Uuid) = (TEXT.parse().unwrap(), TEXT.parse().unwrap());
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let (bytes, read): (Vec<u8>, ImageId) =
            connection.query_row("SELECT ?1, ?1", [id], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!((bytes.as_slice(), read), (uuid.as_bytes().as_slice(), id));
        assert_eq!(crate::platform::db::mongo::to_bson(id).bytes(), uuid.into_bytes());
        assert_eq!(
            crate::platform::db::mongo::from_bson::<ImageId>(mongodb::bson::Uuid::from_bytes(uuid.into_bytes())),
            id
        );
    }
}
