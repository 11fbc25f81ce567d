//! The only reader of the environment: one documented struct per feature, every problem reported at once and by name.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::account::Email;
pub use crate::images::server::config::{
    ImageProviderName, ImagesConfig, OpenAiImageConfig, ReplicateConfig, StorageConfig, WebhookConfig,
};
use crate::platform::config::Reader;
use crate::usage::server::prices::PriceTable;

/// Everything that can be set. Every field has a working default.
#[derive(Debug, Clone)]
pub struct Config {
    pub site: SiteConfig,
    pub database: DatabaseConfig,
    pub accounts: AccountsConfig,
    pub credits: CreditsConfig,
    pub chat: ChatConfig,
    pub images: ImagesConfig,
    pub usage: UsageConfig,
    pub metrics: MetricsConfig,
    /// `None`: everything that Redis would do is done in this process.
    pub redis: Option<RedisConfig>,
    pub log: LogConfig,
}

/// Where the site is and where it keeps its files.
#[derive(Debug, Clone)]
pub struct SiteConfig {
    /// `SITE_ADDR` (127.0.0.1:3000): the address to listen on.
    pub addr: SocketAddr,
    /// `PUBLIC_URL` (<http://localhost:3000>): how browsers reach the site. With `https` cookies are `Secure`.
    pub public_url: Url,
    /// `DATA_DIR` (./data): the database and everything else that must survive.
    pub data_dir: PathBuf,
    /// `TRUSTED_PROXIES` (none): addresses whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// `RATE_LIMIT_PER_MINUTE` (20): sign-ins and registrations that one address may try in a minute, and messages that
    /// one user may send.
    pub rate_limit_per_minute: u32,
}

impl SiteConfig {
    /// Whether browsers reach the site over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// Where everything is stored.
#[derive(Debug, Clone)]
pub enum DatabaseConfig {
    /// The file `tessera.db` in `DATA_DIR`: one machine.
    Sqlite,
    /// `MONGODB_URI` or `DATABASE_URL`: any number of servers. The database is the one that the URI names, or `tessera`.
    Mongo(SecretString),
}

/// Who may do more than others.
#[derive(Debug, Clone, Default)]
pub struct AccountsConfig {
    /// `ADMIN_EMAILS` (none): comma-separated; whoever registers or signs in with one becomes an admin.
    pub admin_emails: Vec<String>,
}

/// Prices and gifts, in whole credits.
#[derive(Debug, Clone, Copy)]
pub struct CreditsConfig {
    /// `FREE_CREDITS` (10): what a new account gets. May be 0.
    pub free: i64,
    /// `CHAT_CREDITS` (1): price of a reply, at least 1.
    pub chat: i64,
    /// `IMAGE_CREDITS` (2): price of an image, at least 1.
    pub image: i64,
}

/// Who answers, and within which limits.
#[derive(Debug, Clone)]
pub struct ChatConfig {
    /// `CHAT_PROVIDERS` (those configured): the order in which providers are asked.
    pub providers: Vec<ProviderName>,
    /// `CHAT_TIMEOUT_SECS` (30): the longest wait for the first token over all providers, and between two tokens.
    pub timeout: Duration,
    /// `CHAT_CACHE` (shared): for whom answers are kept.
    pub cache: CacheScope,
    /// `CHAT_CACHE_TTL_SECS` (86400): how long.
    pub cache_ttl: Duration,
    /// `MAX_MESSAGE_CHARS` (1000).
    pub max_message_chars: usize,
    pub gemini: Option<GeminiConfig>,
    pub openai: Option<OpenAiConfig>,
    pub local: LocalConfig,
}

/// Who is given an answer that was given before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheScope {
    /// Whoever asks the same in the same context.
    Shared,
    /// Only who got it.
    User,
    Off,
}

/// Google's Gemini. There when `GEMINI_API_KEY` is set.
#[derive(Debug, Clone)]
pub struct GeminiConfig {
    /// `GEMINI_API_KEY`.
    pub api_key: SecretString,
    /// `GEMINI_MODEL` (gemini-3.8-flash).
    pub model: String,
    /// `GEMINI_CONTEXT_TOKENS` (what is known of the model): how many tokens it takes, shown where one picks a model.
    pub context_tokens: Option<u32>,
    /// `GEMINI_BASE_URL` (<https://generativelanguage.googleapis.com>).
    pub base_url: Url,
}

/// An OpenAI-compatible server. There when `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// `OPENAI_API_KEY` (none: compatible servers often need no key).
    pub api_key: Option<SecretString>,
    /// `OPENAI_MODEL` (gpt-5.4-mini).
    pub model: String,
    /// `OPENAI_CONTEXT_TOKENS` (what is known of the model): how many tokens it takes, shown where one picks a model.
    pub context_tokens: Option<u32>,
    /// `OPENAI_BASE_URL` (<https://api.openai.com/v1>).
    pub base_url: Url,
}

/// The model inside the server.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// `LOCAL_MODEL` (models/SmolLM2-135M-Instruct.Q4_1.gguf): a GGUF file.
    pub path: PathBuf,
}

/// What the operator pays for.
#[derive(Debug, Clone)]
pub struct UsageConfig {
    /// `MODEL_PRICES` (the list prices): `model=input/output`, comma-separated, in US dollars for a million tokens.
    pub prices: PriceTable,
}

/// What servers that share a database share besides it. There when `REDIS_URL` is set.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// `REDIS_URL`: `redis://` or, over TLS with the system's trusted CAs, `rediss://`. It may carry a password.
    pub url: SecretString,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// `METRICS_TOKEN` (none: whoever is on this machine may).
    pub token: Option<SecretString>,
}

/// `RUST_LOG` (info) and `LOG_FORMAT` (pretty on a terminal, else json).
#[derive(Debug, Clone)]
pub struct LogConfig {
    pub filter: String,
    /// `None`: pretty on a terminal, else JSON.
    pub format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Pretty,
    Json,
}

/// The chat providers of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderName {
    Gemini,
    OpenAi,
    Local,
}

impl ProviderName {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
            Self::Local => "local",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Gemini, Self::OpenAi, Self::Local].into_iter().find(|provider| provider.as_str() == name)
    }
}

/// Where the set-up script leaves the model.
pub const DEFAULT_LOCAL_MODEL: &str = "models/SmolLM2-135M-Instruct.Q4_1.gguf";
const DEFAULT_GEMINI_MODEL: &str = "gemini-3.8-flash";
const DEFAULT_OPENAI_MODEL: &str = "gpt-5.4-mini";

impl Config {
    /// Reads `.env` in the working directory, then the environment, which wins.
    ///
    /// # Errors
    /// One line per problem, each beginning with the name of its variable.
    pub fn from_environment() -> Result<Self, Vec<String>> {
        let mut vars = BTreeMap::new();
        match dotenvy::dotenv_iter() {
            Ok(lines) => {
                for line in lines {
                    match line {
                        Ok((name, value)) => {
                            vars.entry(name).or_insert(value);
                        }
                        Err(error) => return Err(vec![format!(".env: cannot be read: {error}")]),
                    }
                }
            }
            Err(error) if error.not_found() => {}
            Err(error) => return Err(vec![format!(".env: cannot be read: {error}")]),
        }
        // vars() would panic on a variable that is not Unicode.
        for (name, value) in std::env::vars_os() {
            if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) {
                vars.insert(name, value);
            }
        }
        Self::from_vars(&vars)
    }

    /// Reads the configuration from name and value pairs. An empty value counts as unset.
    ///
    /// # Errors
    /// As [`Config::from_environment`].
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        let mut reader = Reader::new(vars);
        let chat = ChatConfig::read(&mut reader);
        let site = SiteConfig::read(&mut reader);
        let images = ImagesConfig::read(&mut reader, &site);
        let config = Self {
            site,
            database: DatabaseConfig::read(&mut reader),
            accounts: AccountsConfig::read(&mut reader),
            credits: CreditsConfig::read(&mut reader),
            chat,
            images,
            usage: UsageConfig::read(&mut reader),
            metrics: MetricsConfig { token: reader.text("METRICS_TOKEN").map(SecretString::from) },
            redis: RedisConfig::read(&mut reader),
            log: LogConfig::read(&mut reader),
        };
        reader.finish(config)
    }
}

impl SiteConfig {
    fn read(reader: &mut Reader) -> Self {
        Self {
            addr: reader.parsed(
                "SITE_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 3000)),
                "an address such as 127.0.0.1:3000",
            ),
            public_url: reader.url("PUBLIC_URL", "http://localhost:3000"),
            data_dir: reader.text("DATA_DIR").unwrap_or("./data").into(),
            trusted_proxies: reader
                .list("TRUSTED_PROXIES")
                .into_iter()
                .filter_map(|text| {
                    text.parse()
                        .map_err(|_| reader.problem("TRUSTED_PROXIES", format!("{text:?} is not an IP address")))
                        .ok()
                })
                .collect(),
            rate_limit_per_minute: reader.at_least("RATE_LIMIT_PER_MINUTE", 20, 1),
        }
    }
}

impl DatabaseConfig {
    /// The variable that says where the database is, to name when it cannot be opened.
    #[must_use]
    pub const fn variable(&self) -> &'static str {
        match self {
            Self::Sqlite => "DATA_DIR",
            Self::Mongo(_) => "MONGODB_URI",
        }
    }

    fn read(reader: &mut Reader) -> Self {
        let mut found = None;
        for name in ["MONGODB_URI", "DATABASE_URL"] {
            let Some(uri) = reader.text(name) else { continue };
            // A URI carries a password: name the variable, never the value.
            if !uri.starts_with("mongodb://") && !uri.starts_with("mongodb+srv://") {
                reader.problem(
                    name,
                    "is not a mongodb:// or mongodb+srv:// URI; leave it unset to use SQLite in DATA_DIR",
                );
            }
            if found.is_some_and(|before| before != uri) {
                reader.problem(name, "is not what MONGODB_URI says; set one of them");
            }
            found = Some(uri);
        }
        found.map_or(Self::Sqlite, |uri| Self::Mongo(uri.into()))
    }
}

impl AccountsConfig {
    fn read(reader: &mut Reader) -> Self {
        let admin_emails = reader
            .list("ADMIN_EMAILS")
            .into_iter()
            .filter_map(|text| {
                let email = Email::parse(text).map(|email| email.as_str().to_owned());
                email.map_err(|_| reader.problem("ADMIN_EMAILS", format!("{text:?} is not an email address"))).ok()
            })
            .collect();
        Self { admin_emails }
    }
}

impl CreditsConfig {
    fn read(reader: &mut Reader) -> Self {
        Self {
            free: reader.at_least("FREE_CREDITS", 10, 0),
            chat: reader.at_least("CHAT_CREDITS", 1, 1),
            image: reader.at_least("IMAGE_CREDITS", 2, 1),
        }
    }
}

impl ChatConfig {
    fn read(reader: &mut Reader) -> Self {
        let (gemini, openai) = (GeminiConfig::read(reader), OpenAiConfig::read(reader));
        let configured: Vec<_> = [
            gemini.is_some().then_some(ProviderName::Gemini),
            openai.is_some().then_some(ProviderName::OpenAi),
            Some(ProviderName::Local),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut providers = Vec::new();
        for name in reader.list("CHAT_PROVIDERS") {
            match ProviderName::parse(name) {
                Some(provider) if !configured.contains(&provider) => {
                    let missing = match provider {
                        ProviderName::Gemini => "GEMINI_API_KEY",
                        ProviderName::OpenAi | ProviderName::Local => "OPENAI_API_KEY or OPENAI_BASE_URL",
                    };
                    let why = format!("{name} is listed but not configured (set {missing})");
                    reader.problem("CHAT_PROVIDERS", why);
                }
                Some(provider) if providers.contains(&provider) => {
                    reader.problem("CHAT_PROVIDERS", format!("{name} is listed twice"));
                }
                Some(provider) => providers.push(provider),
                None => reader.problem("CHAT_PROVIDERS", format!("{name:?} is not one of gemini, openai, local")),
            }
        }
        Self {
            providers: if providers.is_empty() { configured } else { providers },
            timeout: Duration::from_secs(reader.at_least("CHAT_TIMEOUT_SECS", 30, 1)),
            cache: match reader.text("CHAT_CACHE") {
                None | Some("shared") => CacheScope::Shared,
                Some("user") => CacheScope::User,
                Some("off") => CacheScope::Off,
                Some(other) => {
                    reader.problem("CHAT_CACHE", format!("{other:?} is not shared, user or off"));
                    CacheScope::Off
                }
            },
            cache_ttl: Duration::from_secs(reader.at_least("CHAT_CACHE_TTL_SECS", 86_400, 1)),
            max_message_chars: reader.at_least("MAX_MESSAGE_CHARS", 1000, 1),
            gemini,
            openai,
            local: LocalConfig { path: reader.text("LOCAL_MODEL").unwrap_or(DEFAULT_LOCAL_MODEL).into() },
        }
    }
}

impl GeminiConfig {
    fn read(reader: &mut Reader) -> Option<Self> {
        let base_url = reader.url("GEMINI_BASE_URL", "https://generativelanguage.googleapis.com");
        let model = reader.text("GEMINI_MODEL").unwrap_or(DEFAULT_GEMINI_MODEL).to_owned();
        let api_key = reader.text("GEMINI_API_KEY").map(SecretString::from);
        if api_key.is_none() && (reader.text("GEMINI_BASE_URL").is_some() || reader.text("GEMINI_MODEL").is_some()) {
            reader.problem("GEMINI_API_KEY", "is needed when another GEMINI_ variable is set");
        }
        let context_tokens = reader.window("GEMINI_CONTEXT_TOKENS");
        Some(Self { api_key: api_key?, model, context_tokens, base_url })
    }
}

impl OpenAiConfig {
    fn read(reader: &mut Reader) -> Option<Self> {
        let api_key = reader.text("OPENAI_API_KEY").map(SecretString::from);
        let configured = api_key.is_some() || reader.text("OPENAI_BASE_URL").is_some();
        let base_url = reader.url("OPENAI_BASE_URL", "https://api.openai.com/v1");
        let model = reader.text("OPENAI_MODEL").unwrap_or(DEFAULT_OPENAI_MODEL).to_owned();
        let context_tokens = reader.window("OPENAI_CONTEXT_TOKENS");
        configured.then_some(Self { api_key, model, context_tokens, base_url })
    }
}

impl UsageConfig {
    fn read(reader: &mut Reader) -> Self {
        let own = PriceTable::parse(reader.text("MODEL_PRICES").unwrap_or_default());
        Self {
            prices: own.unwrap_or_else(|problem| {
                reader.problem("MODEL_PRICES", problem);
                PriceTable::default()
            }),
        }
    }
}

impl RedisConfig {
    fn read(reader: &mut Reader) -> Option<Self> {
        let text = reader.text("REDIS_URL")?;
        // A fragment is how the driver is told not to check certificates, which is not on offer here.
        let is_redis =
            |url: Url| matches!(url.scheme(), "redis" | "rediss") && url.has_host() && url.fragment().is_none();
        if !Url::parse(text).is_ok_and(is_redis) || redis::Client::open(text).is_err() {
            reader.problem("REDIS_URL", "is not a redis:// or rediss:// URL");
            return None;
        }
        Some(Self { url: SecretString::from(text) })
    }
}

impl LogConfig {
    fn read(reader: &mut Reader) -> Self {
        let format = match reader.text("LOG_FORMAT") {
            None => None,
            Some("pretty") => Some(LogFormat::Pretty),
            Some("json") => Some(LogFormat::Json),
            Some(other) => {
                reader.problem("LOG_FORMAT", format!("{other:?} is not one of pretty, json"));
                None
            }
        };
        let filter = reader.text("RUST_LOG").unwrap_or("info").to_owned();
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
            reader.problem("RUST_LOG", format!("{filter:?} is not a log filter: {error}"));
        }
        Self { filter, format }
    }
}

/// The database file inside `DATA_DIR`.
#[must_use]
pub fn database_path(data_dir: &Path) -> PathBuf {
    data_dir.join("tessera.db")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        Config::from_vars(&vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn nothing_at_all_is_needed() {
        let config = read(&[]).unwrap();
        assert_eq!(config.site.addr.to_string(), "127.0.0.1:3000");
        assert_eq!((config.credits.free, config.credits.chat), (10, 1));
        assert_eq!(config.chat.providers, [ProviderName::Local]);
        assert_eq!(config.chat.timeout, Duration::from_secs(30));
        assert!(!config.site.is_https());
    }

    #[test]
    fn every_problem_is_reported_at_once_and_by_name() {
        let problems = read(&[
            ("SITE_ADDR", "nowhere"),
            ("PUBLIC_URL", "ftp://x"),
            ("CHAT_CREDITS", "0"),
            ("FREE_CREDITS", "-1"),
            ("MAX_MESSAGE_CHARS", "many"),
            ("CHAT_CACHE", "some"),
            ("CHAT_CACHE_TTL_SECS", "0"),
            ("CHAT_PROVIDERS", "openai,clippy"),
            ("LOG_FORMAT", "xml"),
            ("ADMIN_EMAILS", "root"),
            ("TRUSTED_PROXIES", "proxy"),
            ("MONGODB_URI", "postgres://localhost"),
            ("RATE_LIMIT_PER_MINUTE", "0"),
            ("MODEL_PRICES", "gpt=cheap"),
        ])
        .unwrap_err();
        for name in [
            "SITE_ADDR",
            "PUBLIC_URL",
            "CHAT_CREDITS",
            "FREE_CREDITS",
            "MAX_MESSAGE_CHARS",
            "CHAT_CACHE",
            "CHAT_CACHE_TTL_SECS",
            "CHAT_PROVIDERS",
            "LOG_FORMAT",
            "ADMIN_EMAILS",
            "TRUSTED_PROXIES",
            "MONGODB_URI",
            "RATE_LIMIT_PER_MINUTE",
            "MODEL_PRICES",
        ] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(&format!("{name}: "))),
                "{name} in {problems:#?}"
            );
        }
    }

    #[test]
    fn a_base_url_alone_configures_openai_and_puts_it_first() {
        let config = read(&[("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")]).unwrap();
        assert_eq!(config.chat.providers, [ProviderName::OpenAi, ProviderName::Local]);
        assert!(config.chat.openai.unwrap().api_key.is_none());
    }

    #[test]
    fn gemini_comes_first_and_needs_its_key() {
        let config = read(&[("GEMINI_API_KEY", "g-secret"), ("OPENAI_API_KEY", "sk-x")]).unwrap();
        assert_eq!(config.chat.providers, [ProviderName::Gemini, ProviderName::OpenAi, ProviderName::Local]);
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
