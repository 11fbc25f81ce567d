//! Where the site is: what every page and every address depends on.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use leptos::config::LeptosOptions;
use url::{Host, Url};

use super::config::Reader;
use super::http::host::KnownHosts;
use super::limits::{Rates, TrustedProxy};

/// Where the site is and where it keeps its files.
#[derive(Debug, Clone)]
pub struct SiteConfig {
    /// `SITE_ADDR` (127.0.0.1:3000): the address to listen on.
    pub addr: SocketAddr,
    /// `PUBLIC_URL` (<http://localhost:3000>): how browsers reach the site. With `https` cookies are `Secure`.
    pub public_url: Url,
    /// `ALLOWED_HOSTS` (none): other names than that of `PUBLIC_URL` under which the site is asked for.
    pub known_hosts: KnownHosts,
    /// `DATA_DIR` (./data): the database and everything else that must survive.
    pub data_dir: PathBuf,
    /// `OPERATOR_CONTACT` (none): whom users ask for credits, an email address or a page.
    pub operator_contact: Option<String>,
    /// `TRUSTED_PROXIES` (none): addresses and networks whose `X-Forwarded-For` or `Forwarded` is believed.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// `RATE_LIMIT_PER_MINUTE` (20): sign-ins that one address may try in a minute, and messages that one user may send.
    /// `REGISTRATIONS_PER_HOUR` (as many as that): registrations of one address. `FREE_STOPS_PER_DAY` (50): how often one
    /// user may stop work before there is anything to pay for.
    pub rates: Rates,
}

impl SiteConfig {
    /// Whether browsers reach the site over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Whether only browsers of this machine reach it by its address.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        match self.public_url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }
}

impl SiteConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let public_url = reader.url("PUBLIC_URL", "http://localhost:3000");
        if let Some(part) = part_beside_origin(&public_url) {
            reader.problem("PUBLIC_URL", format!("has {part}: name the site alone, such as https://chat.example.org"));
        }
        let usual = Rates::of(reader.at_least("RATE_LIMIT_PER_MINUTE", 20, 1));
        Self {
            addr: reader.parsed(
                "SITE_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 3000)),
                "an address such as 127.0.0.1:3000",
            ),
            known_hosts: KnownHosts::read(reader, &public_url),
            public_url,
            data_dir: reader.text("DATA_DIR").unwrap_or("./data").into(),
            operator_contact: read_contact(reader),
            trusted_proxies: reader
                .list("TRUSTED_PROXIES")
                .into_iter()
                .filter_map(|text| {
                    text.parse()
                        .map_err(|()| {
                            reader
                                .problem("TRUSTED_PROXIES", format!("{text:?} is no IP address and no network (CIDR)"));
                        })
                        .ok()
                })
                .collect(),
            rates: Rates {
                registrations_per_hour: reader.at_least("REGISTRATIONS_PER_HOUR", usual.registrations_per_hour, 1),
                free_stops_per_day: reader.at_least("FREE_STOPS_PER_DAY", usual.free_stops_per_day, 1),
                ..usual
            },
        }
    }
}

/// An email address, or the address of a page.
fn read_contact(reader: &mut Reader) -> Option<String> {
    let contact = reader.text("OPERATOR_CONTACT")?;
    if !is_contact(contact) {
        reader.problem("OPERATOR_CONTACT", format!("{contact:?} is neither an email address nor an http or https URL"));
    }
    Some(contact.to_owned())
}

/// Whether this is an email address or the address of a page, with nothing in it that is special in HTML but `&`.
#[must_use]
pub fn is_contact(text: &str) -> bool {
    let is_page = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let is_address = text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'));
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !"<>\"'&\\".contains(c) || (is_page && c == '&'));
    is_plain && (is_page || is_address)
}

/// What an address has besides scheme, host and port. The site is at the root of its host; and what is in its address is in
/// every link that it tells.
fn part_beside_origin(url: &Url) -> Option<&'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        Some("a name or a password")
    } else if url.path() != "/" {
        Some("a path")
    } else if url.query().is_some() {
        Some("a query")
    } else {
        url.fragment().map(|_| "a fragment")
    }
}

/// The database file inside `DATA_DIR`. With it, and the folder `images` where those are files, a backup has all that must survive.
pub const DATABASE: &str = "tessera.db";
/// The other files inside `DATA_DIR` that must survive, where they are there. Each is small.
pub const SMALL_FILES: [&str; 1] = ["app.secret"];

/// Where the database file is.
#[must_use]
pub fn database_path(data_dir: &Path) -> PathBuf {
    data_dir.join(DATABASE)
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

    /// Whether it is a file of the bundle: its name changes with its content.
    #[must_use]
    pub fn is_of_bundle(&self, path: &str) -> bool {
        path.strip_prefix('/').is_some_and(|path| path.starts_with(self.leptos().site_pkg_dir.as_ref()))
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
