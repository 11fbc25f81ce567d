//! Mails by SMTP.

use std::time::Duration;

use async_trait::async_trait;
use idna::domain_to_ascii;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;

use super::config::{Encryption, SmtpConfig};
use super::{Mail, MailError, Mailer};

/// How long a server may take to answer one command.
const PATIENCE: Duration = Duration::from_secs(20);

/// [`Mailer`] over SMTP, a connection for each mail: they are few.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    host: String,
    server: String,
}

impl SmtpMailer {
    /// Mails from this address, through this server. `host` is what this side calls itself.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: &SmtpConfig, from: Mailbox, host: String) -> Result<Self, String> {
        let tls = || TlsParameters::new(config.host.clone()).map_err(|error| error.to_string());
        let tls = match config.encryption {
            Encryption::Always => Tls::Wrapper(tls()?),
            Encryption::Required => Tls::Required(tls()?),
            Encryption::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.host.clone())
            .port(config.port)
            .tls(tls)
            .timeout(Some(PATIENCE))
            .hello_name(ClientId::Domain(host.clone()));
        if let Some((user, password)) = &config.user {
            transport = transport.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        let server = format!("{}:{}", config.host, config.port);
        Ok(Self { transport: transport.build(), from, host, server })
    }

    fn message(&self, mail: &Mail) -> Result<Message, String> {
        let to = address(&mail.to).ok_or("no mail can be sent to this address")?;
        // Of several lines, it would be several headers.
        let subject: String = mail.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .date(mail.at)
            .message_id(Some(format!("<{}@{}>", mail.id, self.host)))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|error| error.to_string())
    }
}

/// As SMTP writes it: its domain in ASCII. `None` for what no server takes.
fn address(text: &str) -> Option<Address> {
    let (local, domain) = text.rsplit_once('@')?;
    Address::new(local, domain_to_ascii(domain).ok()?).ok()
}

/// `Auto-Submitted: auto-generated` (RFC 3834): no answer of a machine, such as that its reader is on holiday.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = self.message(mail).map_err(|reason| MailError { reason, is_final: true })?;
        let sent = self.transport.send(message).await;
        let told = |error: lettre::transport::smtp::Error| {
            let is_final = error.is_permanent() || error.is_client();
            MailError { reason: whole(&error), is_final }
        };
        sent.map(drop).map_err(told)
    }

    async fn check(&self) -> Result<String, String> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(self.server.clone()),
            Ok(false) => Err(format!("{}: it does not answer as a mail server does", self.server)),
            Err(error) => Err(format!("{}: {}", self.server, whole(&error))),
        }
    }
}

/// An error with its causes.
fn whole(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use uuid::Uuid;

    use super::*;

    fn mailer() -> SmtpMailer {
        let config = SmtpConfig::parse("smtp://127.0.0.1:1").unwrap();
        SmtpMailer::new(&config, "Tessera <noreply@example.org>".parse().unwrap(), "chat.example.org".into()).unwrap()
    }

    fn mail(to: &str, subject: &str) -> Mail {
        let (id, at) = (Uuid::new_v4(), SystemTime::now());
        Mail { id, at, to: to.into(), subject: subject.into(), text: "Hi".into(), html: "<p>Hi</p>".into() }
    }

    fn headers(mail: &Mail) -> Vec<String> {
        let message = String::from_utf8(mailer().message(mail).unwrap().formatted()).unwrap();
        let head = message.split_once("\r\n\r\n").unwrap().0.replace("\r\n ", " ");
        head.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn no_text_becomes_a_header() {
        let mail = mail("ada@bücher.example", "Hello\r\nBcc: bob@example.org\r\n\r\nbody");
        let headers = headers(&mail);
        let names: Vec<_> = headers.iter().map(|header| header.split_once(':').unwrap().0).collect();
        let expected =
            ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];
        assert_eq!(names, expected, "{headers:?}");
        assert_eq!(headers[1], "To: ada@xn--bcher-kva.example");
        assert_eq!(headers[4], format!("Message-ID: <{}@chat.example.org>", mail.id));
        for wrong in
            ["ada@example.org\r\nBcc: bob@example.org", "ada", "a b@example.org", "ada@example.org,bob@example.org"]
        {
            assert!(mailer().message(&self::mail(wrong, "Hello")).is_err(), "{wrong}");
        }
    }
}
