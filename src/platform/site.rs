//! Where the site is: what every page and every address depends on.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use leptos::config::LeptosOptions;
use url::Url;

use super::config::Reader;

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

impl SiteConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
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

/// The database file inside `DATA_DIR`.
#[must_use]
pub fn database_path(data_dir: &Path) -> PathBuf {
    data_dir.join("tessera.db")
}

/// The site's configuration, and where its files are. Cheap to clone.
#[derive(Clone)]
pub struct Site(Arc<(SiteConfig, LeptosOptions)>);

impl Site {
    #[must_use]
    pub fn new(config: SiteConfig, leptos: LeptosOptions) -> Self {
        Self(Arc::new((config, leptos)))
    }

    /// Where the bundle of the browser and the static files are.
    #[must_use]
    pub fn leptos(&self) -> &LeptosOptions {
        &self.0.1
    }

    /// A path of this site with its origin, as others write it.
    #[must_use]
    pub fn address_of(&self, path: &str) -> Option<Url> {
        self.public_url.join(path).ok()
    }
}

impl Deref for Site {
    type Target = SiteConfig;

    fn deref(&self) -> &SiteConfig {
        &self.0.0
    }
}
