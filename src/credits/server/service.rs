//! What one can ask about credits. Holding and charging happens where the work is (`generation/hold.rs`).

use super::Credits;
use crate::credits::{self, Balance, Dashboard, LedgerEntry, Page};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::UserId;

/// Entries of a ledger page where nothing else is asked for.
pub const LEDGER_PAGE: usize = 25;

impl Credits {
    /// Balance and plan of a user; opens the account if this is the first that is heard of it.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] when the store cannot be reached.
    pub async fn load_credits(&self, user: UserId) -> AppResult<credits::Credits> {
        let Balance { available, held, debt } = self.store.balance(user, &current_request_id()).await?;
        Ok(credits::Credits { available, held, debt, plan: "free".to_owned() })
    }

    /// A page of the ledger, newest first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] for a cursor that this server never gave out.
    pub async fn load_ledger(&self, user: UserId, cursor: Option<&str>, limit: usize) -> AppResult<Page<LedgerEntry>> {
        self.store
            .ledger(user, cursor, limit)
            .await?
            .ok_or_else(|| AppError::invalid("cursor", "This cursor is not valid."))
    }

    /// Everything the dashboard shows.
    ///
    /// # Errors
    /// As [`Credits::load_credits`] and [`Credits::load_ledger`].
    pub async fn load_dashboard(&self, user: UserId, cursor: Option<&str>) -> AppResult<Dashboard> {
        let credits = self.load_credits(user).await?;
        let ledger = self.load_ledger(user, cursor, LEDGER_PAGE).await?;
        Ok(Dashboard { credits, ledger })
    }
}

/// The first line of the ledger as CSV.
pub const CSV_HEADER: &str = "id,kind,amount,heldChange,availableAfter,requestId,reason,createdAt\r\n";

/// One entry as a line of CSV (RFC 4180).
#[must_use]
pub fn csv_line(entry: &LedgerEntry) -> String {
    format!(
        "{},{},{},{},{},{},{},{}\r\n",
        entry.id,
        entry.kind.as_str(),
        entry.amount,
        entry.held_change,
        entry.available_after,
        csv_text(&entry.request_id),
        csv_text(entry.reason.as_deref().unwrap_or_default()),
        entry.created_at
    )
}

/// Quotes a text, and keeps spreadsheets from taking it for a formula.
fn csv_text(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::csv_text;

    #[test]
    fn csv_is_quoted_and_holds_no_formula() {
        assert_eq!(csv_text("plain-1"), "plain-1");
        assert_eq!(csv_text("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_text("=1+1"), "\"'=1+1\"");
    }
}
