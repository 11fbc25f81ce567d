//! An entry of the audit log. It holds ids, amounts and names of states: no secret, and nothing that somebody wrote to a model.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::i18n::Text;
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{AuditId, UserId};

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    User(UserId),
    /// Whoever runs the server: by the command line, or by the configuration.
    Operator,
    /// The server by itself, such as when it heard of money.
    System,
    /// Somebody who is not signed in.
    Visitor,
}

impl Actor {
    /// The actor of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "operator" => Some(Self::Operator),
            "system" => Some(Self::System),
            "visitor" => Some(Self::Visitor),
            id => id.parse().ok().map(Self::User),
        }
    }
}

impl fmt::Display for Actor {
    /// The stored and shown name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Operator => f.write_str("operator"),
            Self::System => f.write_str("system"),
            Self::Visitor => f.write_str("visitor"),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    SignUp,
    SignIn,
    SignInFailed,
    KeyCreated,
    KeyRevoked,
    Purchase,
    /// Bought credits went back, or came back.
    Refund,
    RoleChanged,
    StatusChanged,
    SessionsEnded,
    CreditsAdjusted,
    /// A flag, by an admin or by its safeguard.
    FlagChanged,
    AnnouncementChanged,
    /// What a request had charged was given back.
    GoodwillGiven,
    /// An admin gave bought credits back for their buyer.
    RefundOrdered,
    LogLevelChanged,
    BudgetsSet,
    PasswordChanged,
    EmailChanged,
    /// An admin had an archive of everything of a user made, or downloaded it.
    UserExported,
    UserErased,
    /// The codes of a campaign can be redeemed no more.
    CodesEnded,
    /// Codes of a campaign were made.
    CodesMade,
}

impl Action {
    pub const ALL: [Self; 23] = [
        Self::SignUp,
        Self::SignIn,
        Self::SignInFailed,
        Self::KeyCreated,
        Self::KeyRevoked,
        Self::Purchase,
        Self::Refund,
        Self::RoleChanged,
        Self::StatusChanged,
        Self::SessionsEnded,
        Self::CreditsAdjusted,
        Self::FlagChanged,
        Self::AnnouncementChanged,
        Self::GoodwillGiven,
        Self::RefundOrdered,
        Self::LogLevelChanged,
        Self::BudgetsSet,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::UserExported,
        Self::UserErased,
        Self::CodesEnded,
        Self::CodesMade,
    ];

    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::SignIn => "sign_in",
            Self::SignInFailed => "sign_in_failed",
            Self::KeyCreated => "key_created",
            Self::KeyRevoked => "key_revoked",
            Self::Purchase => "purchase",
            Self::Refund => "refund",
            Self::RoleChanged => "role_changed",
            Self::StatusChanged => "status_changed",
            Self::SessionsEnded => "sessions_ended",
            Self::CreditsAdjusted => "credits_adjusted",
            Self::FlagChanged => "flag_changed",
            Self::AnnouncementChanged => "announcement_changed",
            Self::GoodwillGiven => "goodwill_given",
            Self::RefundOrdered => "refund_ordered",
            Self::LogLevelChanged => "log_level_changed",
            Self::BudgetsSet => "budgets_set",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::UserExported => "user_exported",
            Self::UserErased => "user_erased",
            Self::CodesEnded => "codes_ended",
            Self::CodesMade => "codes_made",
        }
    }

    /// The action of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// For people.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::SignUp => Text::AuditSignUp,
            Self::SignIn => Text::AuditSignIn,
            Self::SignInFailed => Text::AuditSignInFailed,
            Self::KeyCreated => Text::AuditKeyCreated,
            Self::KeyRevoked => Text::AuditKeyRevoked,
            Self::Purchase => Text::AuditPurchase,
            Self::Refund => Text::AuditRefund,
            Self::RoleChanged => Text::AuditRoleChanged,
            Self::StatusChanged => Text::AuditStatusChanged,
            Self::SessionsEnded => Text::AuditSessionsEnded,
            Self::CreditsAdjusted => Text::AuditCreditsAdjusted,
            Self::FlagChanged => Text::AuditFlagChanged,
            Self::AnnouncementChanged => Text::AuditAnnouncementChanged,
            Self::GoodwillGiven => Text::AuditGoodwillGiven,
            Self::RefundOrdered => Text::AuditRefundOrdered,
            Self::LogLevelChanged => Text::AuditLogLevelChanged,
            Self::BudgetsSet => Text::AuditBudgetsSet,
            Self::PasswordChanged => Text::AuditPasswordChanged,
            Self::EmailChanged => Text::AuditEmailChanged,
            Self::UserExported => Text::AuditUserExported,
            Self::UserErased => Text::AuditUserErased,
            Self::CodesEnded => Text::AuditCodesEnded,
            Self::CodesMade => Text::AuditCodesMade,
        }
    }

    /// Whether its entries are forgotten after [`super::store::SIGN_INS_KEPT`]: they are many, and say where people are.
    #[must_use]
    pub const fn is_sign_in(self) -> bool {
        matches!(self, Self::SignIn | Self::SignInFailed)
    }
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Begins with its time.
    pub id: AuditId,
    pub actor: Actor,
    pub action: Action,
    /// Whose account it is about.
    pub target: Option<UserId>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub request_id: String,
    /// Names what happened once and for all, where it may be written more than once.
    pub once: Option<String>,
}

impl AuditEntry {
    /// Something that happens now, in the request that is served.
    #[must_use]
    pub fn new(actor: Actor, action: Action, target: Option<UserId>) -> Self {
        Self {
            id: AuditId::now_v7(),
            actor,
            action,
            target,
            before: None,
            after: None,
            request_id: current_request_id(),
            once: None,
        }
    }

    /// With what was there before.
    #[must_use]
    pub fn before(self, before: Value) -> Self {
        Self { before: Some(before), ..self }
    }

    /// With what is there now, or what there is to say of it.
    #[must_use]
    pub fn after(self, after: Value) -> Self {
        Self { after: Some(after), ..self }
    }

    /// As what is written once under this name.
    #[must_use]
    pub fn once(self, name: String) -> Self {
        Self { once: Some(name), ..self }
    }

    /// When it happened, in milliseconds since 1970.
    #[must_use]
    pub fn at(&self) -> i64 {
        i64::try_from(Uuid::from(self.id).as_u128() >> 80).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::db::now_millis;

    #[test]
    fn every_name_is_read_back() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
        for actor in [Actor::User(UserId::now_v7()), Actor::Operator, Actor::System, Actor::Visitor] {
            assert_eq!(Actor::parse(&actor.to_string()), Some(actor));
        }
        assert_eq!((Action::parse("nothing"), Actor::parse("nobody")), (None, None));
    }

    #[test]
    fn an_entry_knows_its_time() {
        let before = now_millis();
        let at = AuditEntry::new(Actor::Visitor, Action::SignIn, None).at();
        assert!((before..=now_millis()).contains(&at), "{before} {at}");
    }
}
