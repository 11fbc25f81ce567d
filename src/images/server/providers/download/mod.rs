//! Fetching a picture from an address that a provider gave. Nothing in that address is trusted.

mod public;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use public::PublicOnly;
use reqwest::header::CONTENT_TYPE;
use reqwest::{ClientBuilder, Response, StatusCode};
use url::{Host, Origin, Url};

use super::{MAX_BYTES, SetUpError};
use crate::generation::{ProviderError, Refusal, read_body, unreachable_error};
use crate::images::server::picture::sniff;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For the whole of it: 32 MiB in a minute are 0.5 MiB a second.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Fetches pictures from few hosts: never from this machine's own network, never elsewhere by a redirect, never more
/// than [`MAX_BYTES`], and with no credentials.
pub struct Downloader {
    hosts: &'static [&'static str],
    /// For these hosts. It connects to public addresses only.
    guarded: reqwest::Client,
    /// The operator's own server, wherever it is, and what connects to it.
    own: Option<(Origin, reqwest::Client)>,
}

impl Downloader {
    /// Allows `hosts` and what is below them, by https, and `own`: exactly this scheme, host and port.
    pub fn new(hosts: &'static [&'static str], own: Option<&Url>) -> Result<Self, SetUpError> {
        // Name resolution is where public addresses are told from others: a name that changes its address between a
        // check and the connection wins nothing.
        let guarded = build(builder().https_only(true).dns_resolver(Arc::new(PublicOnly)))?;
        let own = own.map(|url| build(builder()).map(|http| (url.origin(), http))).transpose()?;
        Ok(Self { hosts, guarded, own })
    }

    /// The bytes of a PNG, JPEG or WebP: at least they begin like one.
    pub async fn get(&self, url: &Url) -> Result<Bytes, ProviderError> {
        // The texts are for logs: addresses can be signed, so no more of them than the host.
        let refuse = |why: &str| ProviderError::Malformed(format!("a picture at {}: {why}", shown(url)));
        let http = self.client_for(url).map_err(&refuse)?;
        // Not the fragment, which is nobody's business.
        let mut address = url.clone();
        address.set_fragment(None);
        let response = http.get(address).send().await.map_err(|error| unreachable_error(&error))?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => return Err(refuse("it redirects")),
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(ProviderError::RateLimited { retry_after: Refusal::read(response).await.retry_after });
            }
            status if status.is_server_error() => {
                return Err(ProviderError::Unavailable(format!("a picture at {}: {status}", shown(url))));
            }
            status => return Err(refuse(status.as_str())),
        }
        if !is_picture_type(&response) {
            return Err(refuse("its type is not that of a picture"));
        }
        let bytes = read_body(response, MAX_BYTES).await?;
        // The type is only what somebody says.
        if sniff(&bytes).is_none() {
            return Err(refuse("it is neither PNG nor JPEG nor WebP"));
        }
        Ok(bytes)
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, &'static str> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it has a user name");
        }
        if let Some((origin, http)) = &self.own
            && *origin == url.origin()
        {
            return Ok(http);
        }
        if url.scheme() != "https" {
            return Err("it is not by https");
        }
        // `None` also where 443 is written out.
        if url.port().is_some() {
            return Err("its port is not allowed");
        }
        let Some(Host::Domain(host)) = url.host() else {
            return Err("it has no host name");
        };
        // The parser has made it lower case. A dot at its end only says that it is whole.
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_allowed =
            |allowed: &&str| host.strip_suffix(*allowed).is_some_and(|below| below.is_empty() || below.ends_with('.'));
        if self.hosts.iter().any(is_allowed) { Ok(&self.guarded) } else { Err("its host is not allowed") }
    }
}

/// No proxy: it would resolve names on its own.
fn builder() -> ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .tcp_nodelay(true)
}

fn build(builder: ClientBuilder) -> Result<reqwest::Client, SetUpError> {
    builder.build().map_err(|error| SetUpError(format!("the HTTP client: {error}")))
}

fn is_picture_type(response: &Response) -> bool {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("image/") || essence == "application/octet-stream" || essence == "binary/octet-stream"
}

fn shown(url: &Url) -> &str {
    url.host_str().unwrap_or("an address without a host")
}

#[cfg(test)]
mod tests;
