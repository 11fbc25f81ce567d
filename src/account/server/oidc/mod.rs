//! Signing in with identity providers: OIDC, authorization code flow with PKCE.
//!
//! `jsonwebtoken` checks signatures; what else the protocol asks of us is little, and most of it is not in any library: whose an
//! answer is (RFC 9207), clocks that differ, keys that are fetched once for many, and answers that have no end.

pub mod config;
mod flow;
mod kept;
mod keys;
mod letters;
mod problem;
mod provider;
pub(super) mod remote;
pub mod routes;
mod service;
pub mod store;
mod token;
mod view;

use std::sync::Arc;

use self::config::ProviderConfig;
pub use self::provider::Provider;
pub(super) use self::service::is_old;
pub use self::view::{ProviderButtons, ways_html};
pub(super) use self::view::{act, no_default};
use crate::platform::site::SiteConfig;

/// The providers of the configuration.
///
/// # Errors
/// One line that names the variables.
pub fn build_providers(configs: &[ProviderConfig], site: &SiteConfig) -> Result<Vec<Arc<Provider>>, String> {
    let build = |config: &ProviderConfig| {
        let provider = Provider::new(config.clone(), &site.public_url);
        provider.map(Arc::new).map_err(|problem| format!("{}_ISSUER: {problem}", config.variables))
    };
    configs.iter().map(build).collect()
}
