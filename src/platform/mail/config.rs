//! Who delivers mails, and whom they are from.

use std::fmt;
use std::sync::Arc;

use lettre::Address;
use lettre::message::Mailbox;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::{Host, Url};

use super::{LogMailer, Mailer, SmtpMailer};
use crate::platform::config::Reader;

/// What can be set of mails.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// `SMTP_URL` (none: mails go to the log).
    pub smtp: Option<SmtpConfig>,
    /// `MAIL_FROM` (`Tessera <noreply@…>` with the host of `PUBLIC_URL`): whom mails are from.
    pub from: Mailbox,
    /// The host of the site, as it names itself to others.
    pub host: String,
}

/// When a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// From its first byte.
    Always,
    /// Once both have said so (`STARTTLS`), and never a mail before.
    Required,
    None,
}

/// A server that takes mails.
#[derive(Clone)]
pub struct SmtpConfig {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    pub user: Option<(String, SecretString)>,
}

impl fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({:?})", self.host, self.port, self.encryption)
    }
}

impl MailConfig {
    pub(crate) fn read(reader: &mut Reader, public_url: &Url) -> Self {
        let smtp = reader.text("SMTP_URL").and_then(|text| {
            // It carries a password: what is wrong is said, never the value.
            SmtpConfig::parse(text).map_err(|problem| reader.problem("SMTP_URL", problem)).ok()
        });
        let host = literal(public_url.host());
        let from = match reader.text("MAIL_FROM") {
            // lettre (0.11.23) reads no address whose host is an IP address, and ignores what follows one that it reads.
            None => Mailbox::new(Some("Tessera".to_owned()), Address::new_dangerous("noreply", &host)),
            Some(text) => {
                text.parse().ok().filter(|_| !text.contains(|c: char| c.is_control() || c == ',')).unwrap_or_else(
                    || {
                        reader.problem(
                            "MAIL_FROM",
                            format!("{text:?} is not an address such as Tessera <tessera@example.org>"),
                        );
                        Mailbox::new(None, Address::new_dangerous("noreply", "localhost"))
                    },
                )
            }
        };
        Self { smtp, from, host }
    }

    /// Who takes mails on.
    ///
    /// # Errors
    /// One line that names the variable.
    pub fn mailer(&self) -> Result<Arc<dyn Mailer>, String> {
        match &self.smtp {
            Some(smtp) => {
                let mailer = SmtpMailer::new(smtp, self.from.clone(), self.host.clone());
                Ok(Arc::new(mailer.map_err(|error| format!("SMTP_URL: {error}"))?))
            }
            None => Ok(Arc::new(LogMailer)),
        }
    }
}

/// A host as mails write it.
fn literal(host: Option<Host<&str>>) -> String {
    match host {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => format!("[{address}]"),
        Some(Host::Ipv6(address)) => format!("[IPv6:{address}]"),
        None => "localhost".to_owned(),
    }
}

impl SmtpConfig {
    /// Reads `smtp://user:password@host:port` or `smtps://…`, percent-encoded. With `smtp`, `?tls=required` or `?tls=none` say
    /// whether `STARTTLS` must be; by default it must, but on this machine itself.
    ///
    /// # Errors
    /// What is wrong, without the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|_| "is not an smtp or smtps URL".to_owned())?;
        if !matches!(url.scheme(), "smtp" | "smtps") {
            return Err("is not an smtp or smtps URL".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("has more than user, password, host and port".to_owned());
        }
        let is_here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let encryption = match (url.scheme(), url.query()) {
            ("smtps", None) => Encryption::Always,
            ("smtp", None) if is_here => Encryption::None,
            ("smtp", None | Some("tls=required")) => Encryption::Required,
            ("smtp", Some("tls=none")) => Encryption::None,
            _ => return Err("may only say tls=required or tls=none, with smtp, after the host".to_owned()),
        };
        let usual = match encryption {
            Encryption::Always => 465,
            Encryption::Required => 587,
            Encryption::None => 25,
        };
        let decoded = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
            decoded.map_err(|_| "has a user or password that is not UTF-8".to_owned())
        };
        let user = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => {
                Some((decoded(user)?, SecretString::from(decoded(password)?)))
            }
            _ => return Err("has a user without a password, or a password without a user".to_owned()),
        };
        Ok(Self { host, port: url.port().unwrap_or(usual), encryption, user })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::ExposeSecret;

    use super::*;

    fn parsed(text: &str) -> (String, u16, Encryption) {
        let config = SmtpConfig::parse(text).unwrap();
        (config.host, config.port, config.encryption)
    }

    #[test]
    fn an_address_says_where_and_how() {
        let elsewhere = "mail.example.org".to_owned();
        assert_eq!(parsed("smtps://mail.example.org"), (elsewhere.clone(), 465, Encryption::Always));
        assert_eq!(parsed("smtp://mail.example.org/"), (elsewhere.clone(), 587, Encryption::Required));
        assert_eq!(parsed("smtp://mail.example.org:25?tls=required"), (elsewhere.clone(), 25, Encryption::Required));
        assert_eq!(parsed("smtp://mail.example.org:2525?tls=none"), (elsewhere, 2525, Encryption::None));
        assert_eq!(parsed("smtp://localhost:1025"), ("localhost".to_owned(), 1025, Encryption::None));
        assert_eq!(parsed("smtp://[::1]:1025?tls=required"), ("::1".to_owned(), 1025, Encryption::Required));
        let (user, password) =
            SmtpConfig::parse("smtps://ada%40example.org:p%2Fw%40@mail.example.org").unwrap().user.unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("ada@example.org", "p/w@"));
    }

    #[test]
    fn what_is_wrong_is_named_and_the_value_is_not() {
        for wrong in [
            "hunter2",
            "http://ada:hunter2@mail.example.org",
            "smtp://ada:hunter2@",
            "smtp://:hunter2@mail.example.org",
            "smtp://hunter2@mail.example.org",
            "smtp://ada:hunter2@mail.example.org/path",
            "smtp://ada:hunter2@mail.example.org?tls=maybe",
            "smtps://ada:hunter2@mail.example.org?tls=none",
            "smtp://ada:hunter2@mail.example.org:99999",
        ] {
            let vars = BTreeMap::from([("SMTP_URL".to_owned(), wrong.to_owned())]);
            let mut reader = Reader::new(&vars);
            let config = MailConfig::read(&mut reader, &Url::parse("https://chat.example.org").unwrap());
            assert_eq!(config.from.to_string(), "Tessera <noreply@chat.example.org>");
            let problems = reader.finish(()).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with("SMTP_URL: "), "{wrong}: {problems:?}");
            assert!(!problems[0].contains("hunter2"), "{problems:?}");
        }
        let config = SmtpConfig::parse("smtp://ada:hunter2@mail.example.org").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn whom_mails_are_from_is_one_address() {
        let read = |from: &str, site: &str| {
            let vars = BTreeMap::from([("MAIL_FROM".to_owned(), from.to_owned())]);
            let mut reader = Reader::new(&vars);
            let config = MailConfig::read(&mut reader, &Url::parse(site).unwrap());
            reader.finish(config.from.to_string())
        };
        assert_eq!(read("", "http://127.0.0.1:3000").unwrap(), "Tessera <noreply@[127.0.0.1]>");
        assert_eq!(read("ada@example.org", "http://localhost").unwrap(), "ada@example.org");
        for wrong in ["Ada", "ada@example.org, bob@example.org", "ada@example.org\r\nBcc: bob@example.org"] {
            let problems = read(wrong, "http://localhost").unwrap_err();
            assert!(problems[0].starts_with("MAIL_FROM: "), "{wrong}: {problems:?}");
        }
    }
}
