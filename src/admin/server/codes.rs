//! Codes by campaign, as admins see and end them. They are made by the command line, which prints them once.

use serde_json::json;

use super::{Admin, Authority};
use crate::audit::{Action, AuditEntry};
use crate::credits::server::codes::Campaign;
use crate::platform::error::{AppError, AppResult};

impl Admin {
    /// All campaigns, by name.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn list_campaigns(&self, _: Authority) -> AppResult<Vec<Campaign>> {
        Ok(self.codes.campaigns(self.database.now()).await?)
    }

    /// Ends all codes of a campaign; what was given stays. Said again, it changes nothing.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn end_campaign(&self, by: Authority, name: &str) -> AppResult<()> {
        let all = self.list_campaigns(by).await?;
        let campaign = all.into_iter().find(|campaign| campaign.name == name).ok_or(AppError::NotFound)?;
        if campaign.open == 0 {
            return Ok(());
        }
        self.codes.end_campaign(name).await?;
        let entry = AuditEntry::new(by.actor(), Action::CodesEnded, None);
        let entry = entry.before(json!({ "open": campaign.open })).after(json!({ "campaign": name, "open": 0 }));
        self.log().record(entry).await;
        Ok(())
    }
}
