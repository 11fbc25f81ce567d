//! What is set for Replicate.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::super::{ImageProvider, ImageProviderRow};
use super::ReplicateProvider;
use crate::generation::ProviderConfig;
use crate::platform::config::Reader;
use crate::platform::site::SiteConfig;

/// Models that run at Replicate.
pub const REPLICATE: ImageProviderRow = ImageProviderRow {
    name: "replicate",
    needs: "REPLICATE_API_TOKEN",
    read: |reader, site| Some(Arc::new(ReplicateConfig::read(reader, site)?)),
};

/// Models that run at Replicate. There when `REPLICATE_API_TOKEN` is set.
#[derive(Debug, Clone)]
pub struct ReplicateConfig {
    /// `REPLICATE_API_TOKEN`.
    pub token: SecretString,
    /// `REPLICATE_MODEL` (black-forest-labs/flux-schnell): `owner/name`, or `owner/name:version`.
    pub model: String,
    /// `REPLICATE_BASE_URL` (<https://api.replicate.com/v1>).
    pub base_url: Url,
    pub webhook: Option<WebhookConfig>,
}

/// A second way to learn that an image is there. With `REPLICATE_WEBHOOK_SECRET`.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// `/api/webhooks/replicate` under `PUBLIC_URL`. Replicate calls `https` only.
    pub url: Url,
    /// `REPLICATE_WEBHOOK_SECRET`: `whsec_…`.
    pub secret: SecretString,
}

impl ReplicateConfig {
    fn read(reader: &mut Reader, site: &SiteConfig) -> Option<Self> {
        let base_url = reader.url("REPLICATE_BASE_URL", "https://api.replicate.com/v1");
        let model = reader.text("REPLICATE_MODEL").unwrap_or("black-forest-labs/flux-schnell").to_owned();
        if !is_model(&model) {
            reader.problem("REPLICATE_MODEL", format!("{model:?} is not like owner/name or owner/name:version"));
        }
        let token = reader.text("REPLICATE_API_TOKEN").map(SecretString::from);
        let others = ["REPLICATE_BASE_URL", "REPLICATE_MODEL", "REPLICATE_WEBHOOK_SECRET"];
        if token.is_none() && others.into_iter().any(|name| reader.text(name).is_some()) {
            reader.problem("REPLICATE_API_TOKEN", "is needed when another REPLICATE_ variable is set");
        }
        if reader.text("REPLICATE_WEBHOOK_SECRET").is_some_and(|secret| !secret.starts_with("whsec_")) {
            reader.problem("REPLICATE_WEBHOOK_SECRET", "does not begin with whsec_");
        }
        Some(Self { token: token?, model, base_url, webhook: WebhookConfig::read(reader, site) })
    }
}

impl ProviderConfig<dyn ImageProvider> for ReplicateConfig {
    fn build(&self) -> Result<Arc<dyn ImageProvider>, String> {
        let provider = ReplicateProvider::new(self.clone()).map_err(|error| format!("REPLICATE_MODEL: {error}"))?;
        Ok(Arc::new(provider))
    }
}

impl WebhookConfig {
    /// What is wrong with the secret is said with the other variables.
    pub(crate) fn read(reader: &Reader, site: &SiteConfig) -> Option<Self> {
        let secret = reader.text("REPLICATE_WEBHOOK_SECRET")?;
        let url = site.public_url.join("/api/webhooks/replicate").ok()?;
        Some(Self { url, secret: secret.into() })
    }
}

/// `owner/name`, with `:` and the 64 hexadecimal digits of a version behind it or not.
fn is_model(text: &str) -> bool {
    let (model, version) = text.split_once(':').map_or((text, None), |(model, version)| (model, Some(version)));
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let is_version = |version: &str| version.len() == 64 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    model.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name)) && version.is_none_or(is_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_an_owner_and_may_have_a_version() {
        assert!(is_model(&format!("a/b:{}", "0".repeat(64))) && !is_model("a/b:1") && !is_model("a/../b"));
    }
}
