//! The only reader of the environment: one documented struct per feature, every problem reported at once and by name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use secrecy::SecretString;

use super::backup::seal::read_backup_key;
use super::backup_schedule::BackupConfig;
use super::dotenv::read_dotenv;
use super::init::setting_names;
use super::metrics::MetricsConfig;
use super::misspelt::misspelt;
use crate::account::server::config::AccountsConfig;
use crate::chat::server::config::ChatConfig;
use crate::chat::server::providers::PROVIDERS as CHAT_PROVIDERS;
use crate::credits::server::config::{CreditsConfig, PricesConfig};
use crate::images::server::config::ImagesConfig;
use crate::images::server::providers::PROVIDERS as IMAGE_PROVIDERS;
use crate::payments::server::config::PaymentsConfig;
use crate::payments::server::shop::ShopConfig;
use crate::platform::app_secret::AppSecretConfig;
use crate::platform::config::Reader;
use crate::platform::db::DatabaseConfig;
use crate::platform::http::config::HttpConfig;
use crate::platform::mail::MailConfig;
use crate::platform::otlp::OtlpConfig;
use crate::platform::redis::RedisConfig;
use crate::platform::site::SiteConfig;
use crate::platform::telemetry::LogConfig;
use crate::traces::TraceLimits;
use crate::usage::server::config::UsageConfig;

/// Everything that can be set. Every field has a working default.
#[derive(Debug, Clone)]
pub struct Config {
    pub site: SiteConfig,
    pub http: HttpConfig,
    pub database: DatabaseConfig,
    pub secret: AppSecretConfig,
    pub accounts: AccountsConfig,
    pub credits: CreditsConfig,
    pub prices: PricesConfig,
    pub shop: ShopConfig,
    pub chat: ChatConfig,
    pub images: ImagesConfig,
    pub payments: PaymentsConfig,
    pub usage: UsageConfig,
    pub traces: TraceLimits,
    pub metrics: MetricsConfig,
    /// `None`: everything that Redis would do is done in this process.
    pub redis: Option<RedisConfig>,
    pub mail: MailConfig,
    /// `None`: backups are the operator's own.
    pub backups: Option<BackupConfig>,
    /// `BACKUP_KEY` (none: not encrypted): what backups are encrypted with, scheduled or not.
    pub backup_key: Option<SecretString>,
    pub log: LogConfig,
    pub otlp: OtlpConfig,
    /// Lines for people about variables that nothing reads, but whose names are almost those of settings.
    pub misspelt: Vec<String>,
}

impl Config {
    /// Reads `.env` in the working directory, then the environment, which wins.
    ///
    /// # Errors
    /// One line per problem, each beginning with the name of its variable.
    pub fn from_environment() -> Result<Self, Vec<String>> {
        let mut vars = BTreeMap::new();
        vars.extend(read_dotenv(Path::new(".env")).map_err(|problem| vec![problem])?);
        // vars() would panic on a variable that is not Unicode.
        vars.extend(read_variables(std::env::vars_os())?);
        Self::from_vars(&vars)
    }

    /// Reads the configuration from name and value pairs. An empty value counts as unset.
    ///
    /// # Errors
    /// As [`Config::from_environment`].
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        let mut reader = Reader::new(vars);
        let site = SiteConfig::read(&mut reader);
        let accounts = AccountsConfig::read(&mut reader, &site);
        let chat = ChatConfig::read(&mut reader, &site);
        let images = ImagesConfig::read(&mut reader, &site);
        let usage = UsageConfig::read(&mut reader);
        let credits = CreditsConfig::read(&mut reader);
        let prices = PricesConfig::read(&mut reader, credits, &usage.prices, provider_names(&chat));
        let mail = MailConfig::read(&mut reader, &site.public_url);
        let database = DatabaseConfig::read(&mut reader);
        let backups = BackupConfig::read(&mut reader);
        let config = Self {
            site,
            http: HttpConfig::read(&mut reader),
            database,
            secret: AppSecretConfig::read(&mut reader),
            accounts,
            credits,
            prices,
            shop: ShopConfig::read(&mut reader),
            chat,
            images,
            payments: PaymentsConfig::read(&mut reader),
            usage,
            traces: TraceLimits::read(&mut reader),
            metrics: MetricsConfig { token: reader.text("METRICS_TOKEN").map(SecretString::from) },
            redis: RedisConfig::read(&mut reader),
            mail,
            backups,
            backup_key: read_backup_key(&mut reader),
            log: LogConfig::read(&mut reader),
            otlp: OtlpConfig::read(&mut reader),
            misspelt: misspelt(reader.names()),
        };
        reader.finish(config)
    }
}

/// What is not Unicode is no setting's value: a key that is left out in silence would leave a backup open to all.
fn read_variables(all: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, Vec<String>> {
    let mut read = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in all {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => read.push((name, value)),
            (Ok(name), Err(_)) if setting_names().any(|setting| setting == name) => {
                problems.push(format!("{name}: is not UTF-8"));
            }
            // Somebody else's.
            _ => {}
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

/// Every provider of this version, for replies and for images.
fn provider_names(chat: &ChatConfig) -> Vec<&'static str> {
    let mut names: Vec<_> = CHAT_PROVIDERS.iter().map(|row| row.name).collect();
    names.extend(chat.source.names());
    names.extend(IMAGE_PROVIDERS.iter().map(|row| row.name));
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use crate::platform::amount::Amount;
    use std::time::Duration;

    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        Config::from_vars(&vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn chat_providers(config: &Config) -> Vec<&str> {
        config.chat.providers.iter().map(|provider| provider.name).collect()
    }

    #[test]
    fn what_would_only_show_later_is_named_at_the_start() {
        for (name, value, why) in [
            ("RUST_LOG", "inof", "\"inof\" is no level"),
            ("RUST_LOG", "info,tessera", "\"tessera\" is no level"),
            ("CHAT_TIMEOUT_SECS", "9223372036854775807", "is more than 31622400, a year"),
            ("IMAGE_TIMEOUT_SECS", "31622401", "is more than 31622400, a year"),
            ("CHAT_CACHE_TTL_SECS", "0", "is less than 1"),
        ] {
            let problems = read(&[(name, value)]).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with(name) && problems[0].contains(why), "{problems:?}");
        }
        for filter in ["WARN", "off", "info,tessera::chat=debug", "error,[span]=trace"] {
            assert!(read(&[("RUST_LOG", filter)]).is_ok(), "{filter}");
        }
    }

    #[test]
    fn a_setting_that_is_not_unicode_is_a_problem_and_what_is_none_is_left_alone() {
        let odd = || OsString::from_vec(b"passphr\xe9se".to_vec());
        let read = |name: &str| read_variables([(name.into(), odd()), ("A".into(), "b".into())].into_iter());
        assert_eq!(read("BACKUP_KEY"), Err(vec!["BACKUP_KEY: is not UTF-8".to_owned()]));
        assert_eq!(read("SOMEBODY_ELSES"), Ok(vec![("A".to_owned(), "b".to_owned())]));
    }

    #[test]
    fn nothing_at_all_is_needed() {
        let config = read(&[]).unwrap();
        assert_eq!(config.site.addr.to_string(), "127.0.0.1:3000");
        assert_eq!((config.credits.free, config.credits.chat), (Amount::credits(10), Amount::credits(1)));
        assert_eq!(chat_providers(&config), ["local"]);
        assert_eq!(config.chat.timeout, Duration::from_secs(30));
        assert!(!config.site.is_https());
    }

    #[test]
    fn every_problem_is_reported_at_once_and_by_name() {
        let problems = read(&[
            ("SITE_ADDR", "nowhere"),
            ("PUBLIC_URL", "ftp://x"),
            ("OPERATOR_CONTACT", "call me"),
            ("CHAT_CREDITS", "0"),
            ("FREE_CREDITS", "-1"),
            ("MAX_MESSAGE_CHARS", "many"),
            ("MAX_CONTEXT_CHARS", "0"),
            ("MAX_OUTPUT_TOKENS", "1000000"),
            ("CHAT_CACHE", "some"),
            ("CHAT_CACHE_TTL_SECS", "0"),
            ("CHAT_PROVIDERS", "openai,clippy"),
            ("LOG_FORMAT", "xml"),
            ("ADMIN_EMAILS", "root"),
            ("TRUSTED_PROXIES", "proxy"),
            ("MONGODB_URI", "postgres://localhost"),
            ("RATE_LIMIT_PER_MINUTE", "0"),
            ("READ_LIMIT_PER_MINUTE", "0"),
            ("MODEL_PRICES", "gpt=cheap"),
        ])
        .unwrap_err();
        for name in [
            "SITE_ADDR",
            "PUBLIC_URL",
            "OPERATOR_CONTACT",
            "CHAT_CREDITS",
            "FREE_CREDITS",
            "MAX_MESSAGE_CHARS",
            "MAX_CONTEXT_CHARS",
            "MAX_OUTPUT_TOKENS",
            "CHAT_CACHE",
            "CHAT_CACHE_TTL_SECS",
            "CHAT_PROVIDERS",
            "LOG_FORMAT",
            "ADMIN_EMAILS",
            "TRUSTED_PROXIES",
            "MONGODB_URI",
            "RATE_LIMIT_PER_MINUTE",
            "READ_LIMIT_PER_MINUTE",
            "MODEL_PRICES",
        ] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(&format!("{name}: "))),
                "{name} in {problems:#?}"
            );
        }
    }

    #[test]
    fn the_address_of_the_site_is_an_origin() {
        for good in
            ["http://localhost:3000", "https://chat.example.org", "https://chat.example.org/", "http://[::1]:8080"]
        {
            assert!(read(&[("PUBLIC_URL", good)]).is_ok(), "{good}");
        }
        for (bad, part) in [
            ("https://chat.example.org/tessera", "a path"),
            ("https://chat.example.org//", "a path"),
            ("https://chat.example.org?a=hunter2", "a query"),
            ("https://chat.example.org/?", "a query"),
            ("https://chat.example.org/#hunter2", "a fragment"),
            ("https://ada:hunter2@chat.example.org", "a password"),
            ("https://hunter2@chat.example.org", "a name"),
            ("https://:hunter2@chat.example.org/", "a password"),
        ] {
            let problems = read(&[("PUBLIC_URL", bad)]).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with("PUBLIC_URL: ") && problems[0].contains(part), "{bad}: {problems:?}");
            assert!(!problems[0].contains("hunter2"), "{problems:?}");
        }
    }

    #[test]
    fn a_base_url_alone_configures_openai_and_puts_it_first() {
        let config = read(&[("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")]).unwrap();
        assert_eq!(chat_providers(&config), ["openai", "local"]);
        assert!(format!("{:?}", config.chat.providers[0]).contains("api_key: None"));
    }

    #[test]
    fn gemini_comes_first_and_needs_its_key() {
        let config = read(&[("GEMINI_API_KEY", "g-secret"), ("OPENAI_API_KEY", "sk-x")]).unwrap();
        assert_eq!(chat_providers(&config), ["gemini", "openai", "local"]);
        assert!(!format!("{config:?}").contains("g-secret"));
        let problems = read(&[("GEMINI_MODEL", "gemini-9"), ("CHAT_PROVIDERS", "gemini")]).unwrap_err();
        assert!(problems.iter().any(|problem| problem.starts_with("GEMINI_API_KEY: ")), "{problems:?}");
        assert!(problems.iter().any(|problem| problem.contains("(set GEMINI_API_KEY)")), "{problems:?}");
    }

    #[test]
    fn redis_is_reached_plainly_or_over_tls_and_its_url_is_never_shown() {
        assert!(read(&[]).unwrap().redis.is_none());
        for url in ["redis://127.0.0.1", "redis://:hunter2@cache:6380/1", "rediss://default:hunter2@cache.example"] {
            let config = read(&[("REDIS_URL", url)]).unwrap();
            assert!(config.redis.is_some() && !format!("{config:?}").contains("hunter2"));
        }
        for url in [
            "hunter2",
            "http://u:hunter2@x",
            "redis:hunter2",
            "unix:///hunter2",
            "redis://hunter2/x",
            "rediss://hunter2/#insecure",
        ] {
            let problems = read(&[("REDIS_URL", url)]).unwrap_err();
            assert_eq!(problems, ["REDIS_URL: is not a redis:// or rediss:// URL"]);
        }
    }

    #[test]
    fn a_mongodb_uri_takes_the_place_of_the_file_and_stays_secret() {
        assert!(matches!(read(&[]).unwrap().database, DatabaseConfig::Sqlite));
        for name in ["MONGODB_URI", "DATABASE_URL"] {
            let config = read(&[(name, "mongodb+srv://ada:hunter2@db.example.org/tessera")]).unwrap();
            assert!(matches!(config.database, DatabaseConfig::Mongo(_)));
            assert!(!format!("{config:?}").contains("hunter2"));
        }
        let two = read(&[("MONGODB_URI", "mongodb://a"), ("DATABASE_URL", "mongodb://b")]).unwrap_err();
        assert_eq!(two, ["DATABASE_URL: is not what MONGODB_URI says; set one of them"]);
        let other = read(&[("DATABASE_URL", "postgres://ada:hunter2@localhost")]).unwrap_err();
        assert!(other[0].starts_with("DATABASE_URL: ") && !other[0].contains("hunter2"), "{other:?}");
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let config = read(&[("OPENAI_API_KEY", "sk-very-secret"), ("METRICS_TOKEN", "very-secret")]).unwrap();
        assert!(!format!("{config:?}").contains("very-secret"));
    }
}
