//! Payments in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{PaymentStore, Saved};
use crate::payments::server::payment::Payment;
use crate::platform::db::sqlite::{Durability, Lane, Sqlite, is_duplicate};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::{PaymentId, UserId};

/// [`PaymentStore`] over the embedded database.
pub struct SqlitePaymentStore {
    db: Sqlite,
}

impl SqlitePaymentStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }

    async fn find_where(&self, condition: &'static str, value: String) -> StoreResult<Option<Payment>> {
        self.db
            .read(move |connection| {
                let mut found =
                    connection.prepare_cached(&format!("SELECT version, body FROM payments WHERE {condition} = ?1"))?;
                let mut rows = found.query([value])?;
                rows.next()?.map(read).transpose()
            })
            .await
    }
}

/// A payment: `version, body`.
fn read(row: &Row<'_>) -> StoreResult<Payment> {
    let body: String = row.get(1)?;
    let payment: Payment =
        serde_json::from_str(&body).map_err(|error| StoreError::Corrupt(format!("a payment: {error}")))?;
    Ok(Payment { version: row.get(0)?, ..payment })
}

fn written(payment: &Payment) -> StoreResult<String> {
    serde_json::to_string(payment).map_err(|error| StoreError::Corrupt(format!("a payment: {error}")))
}

fn find_by_key(connection: &Connection, user: UserId, key: Option<&str>) -> StoreResult<Option<Payment>> {
    let mut found =
        connection.prepare_cached("SELECT version, body FROM payments WHERE user_id = ?1 AND once_key = ?2")?;
    let mut rows = found.query(params![user, key])?;
    rows.next()?.map(read).transpose()
}

fn insert(connection: &Connection, payment: &Payment, key: Option<&str>) -> StoreResult<()> {
    connection
        .prepare_cached(
            "INSERT INTO payments (id, user_id, version, state, order_id, capture_id, once_key, look_at, created_at,
                 credits, price, refunded, currency, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            payment.id,
            payment.user,
            payment.version,
            payment.state.as_str(),
            payment.order_id,
            payment.capture_id,
            key,
            payment.look_at,
            payment.created_at,
            payment.credits,
            payment.price.minor,
            payment.refunded.minor,
            payment.price.currency.code(),
            written(payment)?,
        ])?;
    Ok(())
}

#[async_trait]
impl PaymentStore for SqlitePaymentStore {
    async fn create(&self, payment: &Payment, key: Option<String>) -> StoreResult<Option<Payment>> {
        let payment = payment.clone();
        self.db
            .write(Durability::Durable, move |connection| {
                if let Some(before) = find_by_key(connection, payment.user, key.as_deref())? {
                    return Ok(Some(before));
                }
                insert(connection, &payment, key.as_deref())?;
                Ok(None)
            })
            .await
    }

    async fn create_paid(&self, payment: &Payment) -> StoreResult<Payment> {
        let payment = payment.clone();
        self.db
            .write(Durability::Durable, move |connection| {
                let mut found =
                    connection.prepare_cached("SELECT version, body FROM payments WHERE capture_id = ?1")?;
                let mut rows = found.query([&payment.capture_id])?;
                if let Some(row) = rows.next()? {
                    return read(row);
                }
                insert(connection, &payment, None)?;
                Ok(payment)
            })
            .await
    }

    async fn find(&self, id: PaymentId) -> StoreResult<Option<Payment>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached("SELECT version, body FROM payments WHERE id = ?1")?;
                let mut rows = found.query([id])?;
                rows.next()?.map(read).transpose()
            })
            .await
    }

    async fn find_by_order(&self, order_id: &str) -> StoreResult<Option<Payment>> {
        self.find_where("order_id", order_id.to_owned()).await
    }

    async fn find_by_capture(&self, capture_id: &str) -> StoreResult<Option<Payment>> {
        self.find_where("capture_id", capture_id.to_owned()).await
    }

    async fn save(&self, payment: &Payment) -> StoreResult<Saved> {
        let payment = payment.clone();
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE payments SET version = version + 1, state = ?3, order_id = ?4, capture_id = ?5, look_at = ?6,
                             refunded = ?7, body = ?8
                         WHERE id = ?1 AND version = ?2",
                    )?
                    .execute(params![
                        payment.id,
                        payment.version,
                        payment.state.as_str(),
                        payment.order_id,
                        payment.capture_id,
                        payment.look_at,
                        payment.refunded.minor,
                        written(&payment)?,
                    ]);
                match changed {
                    Ok(1) => Ok(Saved::Yes),
                    Ok(_) => Ok(Saved::Changed),
                    Err(error) if is_duplicate(&error) => Ok(Saved::Taken),
                    Err(error) => Err(error.into()),
                }
            })
            .await
    }

    async fn due(&self, until: i64, after: PaymentId, limit: usize) -> StoreResult<Vec<PaymentId>> {
        self.db
            .read(move |connection| {
                let mut due = connection.prepare_cached(
                    "SELECT id FROM payments WHERE look_at IS NOT NULL AND look_at <= ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                )?;
                let rows = due.query_map(params![until, after, to_i64(limit)], |row| row.get(0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn list(&self, user: UserId, before: PaymentId, limit: usize) -> StoreResult<Vec<Payment>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT version, body FROM payments WHERE user_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
                )?;
                let mut rows = found.query(params![user, before, to_i64(limit)])?;
                let mut payments = Vec::new();
                while let Some(row) = rows.next()? {
                    payments.push(read(row)?);
                }
                Ok(payments)
            })
            .await
    }

    async fn list_all(&self, after: PaymentId, limit: usize) -> StoreResult<Vec<Payment>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection
                    .prepare_cached("SELECT version, body FROM payments WHERE id > ?1 ORDER BY id LIMIT ?2")?;
                let mut rows = found.query(params![after, to_i64(limit)])?;
                let mut payments = Vec::new();
                while let Some(row) = rows.next()? {
                    payments.push(read(row)?);
                }
                Ok(payments)
            })
            .await
    }

    async fn has_heard(&self, event: &str) -> StoreResult<bool> {
        let event = event.to_owned();
        self.db
            .read(move |connection| {
                let mut heard = connection.prepare_cached("SELECT 1 FROM payment_events WHERE id = ?1")?;
                Ok(heard.query_row([event], |_| Ok(())).optional()?.is_some())
            })
            .await
    }

    async fn heard(&self, event: &str, now: i64) -> StoreResult<()> {
        let event = event.to_owned();
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached("INSERT INTO payment_events (id, heard_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                    .execute(params![event, now])?;
                Ok(())
            })
            .await
    }

    async fn forget(&self, keys: i64, events: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE payments SET once_key = NULL WHERE once_key IS NOT NULL AND created_at < ?1",
                    )?
                    .execute([keys])?;
                connection.prepare_cached("DELETE FROM payment_events WHERE heard_at < ?1")?.execute([events])?;
                Ok(())
            })
            .await
    }

    async fn forget_keys_of(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached("UPDATE payments SET once_key = NULL WHERE user_id = ?1 AND once_key IS NOT NULL")?
                    .execute([user])?;
                Ok(())
            })
            .await
    }
}
