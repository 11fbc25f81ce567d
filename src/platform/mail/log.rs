//! Mails without anybody who delivers them: whoever reads the log can, as on one's own machine.

use async_trait::async_trait;

use super::{Mail, MailError, Mailer};

/// [`Mailer`] that writes mails to the log, as a whole.
pub struct LogMailer;

#[async_trait]
impl Mailer for LogMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let Mail { to, subject, text, .. } = mail;
        tracing::info!(to, subject, text, "a mail, which nobody delivers as SMTP_URL is not set");
        Ok(())
    }

    async fn check(&self) -> Result<String, String> {
        Ok("to the log, as SMTP_URL is not set".to_owned())
    }
}
