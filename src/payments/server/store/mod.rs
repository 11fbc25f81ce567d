//! The port to stored payments. A payment is one row, and changes only as it was read: whoever comes second reads it anew.

mod mongo;
mod sqlite;

use async_trait::async_trait;

pub use self::mongo::MongoPaymentStore;
pub use self::sqlite::SqlitePaymentStore;
use super::payment::Payment;
use crate::platform::db::StoreResult;
use crate::platform::ids::{PaymentId, UserId};

/// What came of storing a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    Yes,
    /// Somebody has changed it since it was read.
    Changed,
    /// Another payment has this order or capture.
    Taken,
}

/// Payments, and the events that were heard.
#[async_trait]
pub trait PaymentStore: Send + Sync {
    /// Stores a new payment. Where its user's `key` came before, nothing is stored, and that payment returned.
    async fn create(&self, payment: &Payment, key: Option<String>) -> StoreResult<Option<Payment>>;

    /// Stores a payment whose money has come, unless there is one with its capture: the one that is stored.
    async fn create_paid(&self, payment: &Payment) -> StoreResult<Payment>;

    async fn find(&self, id: PaymentId) -> StoreResult<Option<Payment>>;

    async fn find_by_order(&self, order_id: &str) -> StoreResult<Option<Payment>>;

    async fn find_by_capture(&self, capture_id: &str) -> StoreResult<Option<Payment>>;

    /// Stores a payment if it is of the version that is stored, and makes it the next.
    async fn save(&self, payment: &Payment) -> StoreResult<Saved>;

    /// At most `limit` payments after this one, in the order of their ids, that were to be looked at by `until`.
    async fn due(&self, until: i64, after: PaymentId, limit: usize) -> StoreResult<Vec<PaymentId>>;

    /// The payments of a user before this one, newest first.
    async fn list(&self, user: UserId, before: PaymentId, limit: usize) -> StoreResult<Vec<Payment>>;

    /// The payments of all users after this one, in the order of their ids.
    async fn list_all(&self, after: PaymentId, limit: usize) -> StoreResult<Vec<Payment>>;

    /// Whether an event was heard and its effect stored.
    async fn has_heard(&self, event: &str) -> StoreResult<bool>;

    /// Remembers an event whose effect is stored.
    async fn heard(&self, event: &str, now: i64) -> StoreResult<()>;

    /// Forgets the keys of a user's payments.
    async fn forget_keys_of(&self, user: UserId) -> StoreResult<()>;

    /// Forgets the keys of payments that were made before `keys`, and events that were heard before `events`.
    async fn forget(&self, keys: i64, events: i64) -> StoreResult<()>;
}
