//! Mails: what one is, who takes them on (the port and its adapters), and the queue before that.

mod config;
mod letter;
mod log;
mod outbox;
mod smtp;

use std::time::SystemTime;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::config::{MailConfig, SmtpConfig};
pub use self::letter::Letter;
pub use self::log::LogMailer;
pub use self::outbox::{MailCounts, Outbox};
pub use self::smtp::SmtpMailer;

/// A mail. However often it is tried, it is the same one.
#[derive(Debug, Clone)]
pub struct Mail {
    /// In its `Message-ID`.
    pub id: Uuid,
    pub at: SystemTime,
    /// One address, without a name.
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Whether no mail can ever reach an address (RFC 2606): it stands for one that somebody does not have.
#[must_use]
pub fn is_nobodys(address: &str) -> bool {
    address.ends_with(".invalid")
}

/// Why a mail was not taken on.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct MailError {
    pub reason: String,
    /// Trying again comes to the same.
    pub is_final: bool,
}

/// Who takes mails on.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over: from then on it is somebody else's to deliver.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;

    /// Whether mails would be taken on: for people, by whom, or why not.
    async fn check(&self) -> Result<String, String>;
}
