//! Keeping the models as the file and the servers have them, while the server runs.

use tokio::task::spawn_blocking;

use crate::chat::server::Chat;
use crate::credits::server::store::WorkKind;
use crate::platform::data_file::Reload;
use crate::platform::error::{AppError, AppResult};

impl Chat {
    /// Takes the providers of a file that has changed, or says why not, and asks servers for their models whose turn it is.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]: the next turn begins anew.
    pub async fn keep_models(&self) -> AppResult<()> {
        let models = self.models.clone();
        // A disk may be slow, and one of the network may not answer.
        let looked = spawn_blocking(move || models.reload()).await.map_err(|_| AppError::Internal)?;
        if let Reload::Refused(problems) = looked {
            for problem in problems {
                tracing::error!(problem, "the providers stay as they were");
            }
        }
        if self.models.is_stale() {
            let names = self.models.names();
            self.prices.source().know(&names);
            self.generation.flags.know(WorkKind::Chat, &names);
            // What is off is off from the first request on.
            self.generation.flags.load().await?;
            self.models.rebuild();
            tracing::info!(file = %self.models.source().file.path.display(), "the providers have changed");
        }
        self.models.refresh().await;
        Ok(())
    }
}
