//! The indexes of the schema, by what they are of.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;

pub(super) fn of_payments() -> [(&'static str, Document, IndexOptions); 6] {
    [
        ("payments", doc! { "user": 1, "_id": -1 }, plain()),
        ("payments", doc! { "orderId": 1 }, unique_if_set("orderId")),
        // Money that came is of one payment.
        ("payments", doc! { "captureId": 1 }, unique_if_set("captureId")),
        ("payments", doc! { "user": 1, "onceKey": 1 }, unique_if_set("onceKey")),
        ("payments", doc! { "_id": 1, "lookAt": 1 }, partial(doc! { "lookAt": { "$exists": true } })),
        ("paymentEvents", doc! { "heardAt": 1 }, plain()),
    ]
}

/// A number is one paper's, and so is what a paper is about.
pub(super) fn of_papers() -> [(&'static str, Document, IndexOptions); 3] {
    [
        ("papers", doc! { "kind": 1, "year": 1, "number": 1 }, unique()),
        ("papers", doc! { "kind": 1, "subject": 1 }, unique()),
        ("papers", doc! { "user": 1, "_id": -1 }, plain()),
    ]
}

/// The _id of each is its user.
pub(super) fn of_referrals() -> [(&'static str, Document, IndexOptions); 2] {
    [("inviteCodes", doc! { "code": 1 }, unique()), ("inviters", doc! { "inviter": 1 }, plain())]
}

/// Each use of a code has a place among those of its user and among all, which nobody else has.
pub(super) fn of_codes() -> [(&'static str, Document, IndexOptions); 4] {
    [
        ("codes", doc! { "campaign": 1 }, plain()),
        ("codeUses", doc! { "code": 1, "user": 1, "nth": 1 }, unique()),
        ("codeUses", doc! { "code": 1, "place": 1 }, unique()),
        ("codeUses", doc! { "at": 1 }, partial(doc! { "posted": false })),
    ]
}

/// A user has one subscription that runs, or may begin.
pub(super) fn of_subscriptions() -> [(&'static str, Document, IndexOptions); 5] {
    let open = IndexOptions::builder().unique(true).partial_filter_expression(doc! { "isOpen": true }).build();
    [
        ("subscriptions", doc! { "user": 1, "_id": -1 }, plain()),
        ("subscriptions", doc! { "user": 1 }, open),
        ("subscriptions", doc! { "providerId": 1 }, unique_if_set("providerId")),
        ("subscriptions", doc! { "_id": 1, "lookAt": 1 }, partial(doc! { "lookAt": { "$exists": true } })),
        ("planPeriods", doc! { "_id.user": 1, "from": 1 }, plain()),
    ]
}

/// The _id of a link is its user and purpose.
pub(super) fn of_mail_links() -> [(&'static str, Document, IndexOptions); 2] {
    [("mailLinks", doc! { "hash": 1 }, unique()), ("mailLinks", doc! { "expiresAt": 1 }, plain())]
}

/// Issuer and subject together are one person's.
pub(super) fn of_identities() -> [(&'static str, Document, IndexOptions); 3] {
    [
        ("identities", doc! { "issuer": 1, "subject": 1 }, unique()),
        ("identities", doc! { "user": 1 }, plain()),
        ("identitiesAside", doc! { "expiresAt": 1 }, plain()),
    ]
}

/// A passkey is one user's, and has a place among theirs.
pub(super) fn of_passkeys() -> [(&'static str, Document, IndexOptions); 4] {
    [
        ("passkeys", doc! { "credentialId": 1 }, unique()),
        ("passkeys", doc! { "user": 1, "slot": 1 }, unique()),
        ("passkeyCeremonies", doc! { "expiresAt": 1 }, plain()),
        ("passkeyCeremonies", doc! { "user": 1 }, plain()),
    ]
}

/// The _id of a leaving is its user and kind, that of a piece its run and number. And what is a user's is found without looking at
/// what is others'.
pub(super) fn of_leavings() -> [(&'static str, Document, IndexOptions); 7] {
    [
        ("leavings", doc! { "_id.kind": 1, "lookAt": 1 }, partial(doc! { "lookAt": { "$exists": true } })),
        ("leavings", doc! { "receipt": 1 }, unique_if_set("receipt")),
        ("exportPieces", doc! { "user": 1 }, plain()),
        ("exportPieces", doc! { "expiresAt": 1 }, plain()),
        ("attachments", doc! { "user": 1 }, plain()),
        ("attempts", doc! { "user": 1, "_id": 1 }, plain()),
        ("images", doc! { "user": 1, "_id": 1 }, partial(doc! { "user": { "$exists": true } })),
    ]
}

/// The _id of an authenticator app is its user.
pub(super) fn of_half_sign_ins() -> [(&'static str, Document, IndexOptions); 2] {
    [("halfSignIns", doc! { "user": 1 }, plain()), ("halfSignIns", doc! { "expiresAt": 1 }, plain())]
}

/// The audit log, and users as admins look for them.
pub(super) fn of_admins() -> [(&'static str, Document, IndexOptions); 6] {
    [
        ("auditLog", doc! { "actor": 1, "_id": -1 }, plain()),
        ("auditLog", doc! { "target": 1, "_id": -1 }, partial(doc! { "target": { "$exists": true } })),
        ("auditLog", doc! { "action": 1, "_id": -1 }, plain()),
        ("auditLog", doc! { "once": 1 }, unique_if_set("once")),
        ("users", doc! { "role": 1, "_id": 1 }, plain()),
        ("users", doc! { "status": 1, "_id": 1 }, plain()),
    ]
}

/// By these, what is new is counted without reading it.
pub(super) fn of_statistics() -> [(&'static str, Document, IndexOptions); 7] {
    [
        ("statistics", doc! { "start": 1 }, plain()),
        ("attempts", doc! { "at": 1, "_id": 1 }, plain()),
        // One over its time alone is there, of some.
        ("ledger", doc! { "at": 1, "_id": 1 }, plain()),
        // Entries that are not in the ledger yet.
        ("accounts", doc! { "recent.at": 1 }, plain()),
        ("payments", doc! { "createdAt": 1 }, plain()),
        ("users", doc! { "createdAt": 1 }, plain()),
        ("messages", doc! { "cached": 1, "createdAt": 1 }, partial(doc! { "cached": true })),
    ]
}

/// By the API key that they were asked with; and those that failed, which are few, and looked for among all.
pub(super) fn of_attempts() -> [(&'static str, Document, IndexOptions); 2] {
    let failed = ["timeout", "rate_limited", "blocked", "rejected", "malformed", "unavailable", "cut"];
    let failed = partial(doc! { "outcome": { "$in": failed.to_vec() } });
    [
        ("attempts", doc! { "key": 1, "at": -1, "_id": -1 }, partial(doc! { "key": { "$exists": true } })),
        ("attempts", doc! { "at": -1, "_id": -1 }, failed),
    ]
}

/// Traces of requests: MongoDB forgets them a day after the servers should have.
pub(super) fn of_traces() -> [(&'static str, Document, IndexOptions); 3] {
    let kept = Duration::from_hours(24 * 15);
    [
        ("traces", doc! { "requestId": 1, "at": -1 }, plain()),
        ("traces", doc! { "at": 1 }, IndexOptions::builder().expire_after(kept).build()),
        ("traces", doc! { "user": 1 }, partial(doc! { "user": { "$exists": true } })),
    ]
}

/// The _id of a close is its number.
pub(super) fn of_closes() -> [(&'static str, Document, IndexOptions); 3] {
    [
        ("closes", doc! { "day": 1 }, unique()),
        ("closes", doc! { "attempt": 1 }, unique()),
        ("closedAccounts", doc! { "_id.owner": 1 }, plain()),
    ]
}

/// Responses of a user, with the room that they take, and those that are too old.
pub(super) fn of_responses() -> [(&'static str, Document, IndexOptions); 2] {
    [("responses", doc! { "user": 1, "_id": 1, "bytes": 1 }, plain()), ("responses", doc! { "createdAt": 1 }, plain())]
}

/// API keys, what is hidden, attempts, and what is pinned or shared.
pub(super) fn of_keys_and_talks() -> [(&'static str, Document, IndexOptions); 7] {
    [
        ("apiKeys", doc! { "hash": 1 }, unique()),
        ("apiKeys", doc! { "user": 1, "_id": 1 }, plain()),
        ("messages", doc! { "createdAt": 1 }, partial(doc! { "hidden": true })),
        ("attachments", doc! { "conversation": 1, "message": 1 }, plain()),
        // The _id of attempts is an index over time.
        ("attempts", doc! { "requestId": 1 }, plain()),
        ("conversations", doc! { "user": 1, "pin": 1 }, unique_if_set("pin")),
        ("conversations", doc! { "share": 1 }, unique_if_set("share")),
    ]
}

pub(super) fn plain() -> IndexOptions {
    IndexOptions::default()
}

pub(super) fn unique() -> IndexOptions {
    IndexOptions::builder().unique(true).build()
}

pub(super) fn partial(filter: Document) -> IndexOptions {
    IndexOptions::builder().partial_filter_expression(filter).build()
}

pub(super) fn unique_if_set(field: &str) -> IndexOptions {
    IndexOptions::builder().unique(true).partial_filter_expression(doc! { field: { "$exists": true } }).build()
}
