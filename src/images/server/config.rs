//! Who makes images, and where they are kept.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::storage::{CloudinaryConfig, S3Config, parse_cloudinary_url};
use crate::platform::config::Reader;
use crate::platform::site::SiteConfig;

/// Who makes images, within which limits, and where they are kept.
#[derive(Debug, Clone)]
pub struct ImagesConfig {
    /// `IMAGE_PROVIDERS` (those configured): the order in which providers are asked.
    pub providers: Vec<ImageProviderName>,
    /// `IMAGE_TIMEOUT_SECS` (120): the longest wait for an image over all providers.
    pub timeout: Duration,
    /// `IMAGE_PROMPT_IN_FILE` (`false`): whether an image's file also says by which prompt it was made.
    pub keeps_prompt: bool,
    pub replicate: Option<ReplicateConfig>,
    pub openai: Option<OpenAiImageConfig>,
    pub storage: StorageConfig,
}

/// The image providers of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageProviderName {
    Replicate,
    OpenAi,
    Sketch,
}

impl ImageProviderName {
    const ALL: [Self; 3] = [Self::Replicate, Self::OpenAi, Self::Sketch];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replicate => "replicate",
            Self::OpenAi => "openai",
            Self::Sketch => "sketch",
        }
    }

    const fn needs(self) -> &'static str {
        match self {
            Self::Replicate => "REPLICATE_API_TOKEN",
            Self::OpenAi | Self::Sketch => "OPENAI_IMAGE_MODEL, and OPENAI_API_KEY or OPENAI_BASE_URL",
        }
    }
}

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

/// An OpenAI-compatible image server. There when `OPENAI_IMAGE_MODEL` is set.
#[derive(Debug, Clone)]
pub struct OpenAiImageConfig {
    /// `OPENAI_API_KEY` (none: compatible servers often need no key).
    pub api_key: Option<SecretString>,
    /// `OPENAI_IMAGE_MODEL`.
    pub model: String,
    /// `OPENAI_BASE_URL` (<https://api.openai.com/v1>).
    pub base_url: Url,
}

/// Where images are kept.
#[derive(Debug, Clone)]
pub enum StorageConfig {
    /// The folder `images` in `DATA_DIR`: one machine.
    Files,
    S3(S3Config),
    Cloudinary(CloudinaryConfig),
}

impl StorageConfig {
    /// The variable that says where images are kept, to name when it cannot be used.
    #[must_use]
    pub const fn variable(&self) -> &'static str {
        match self {
            Self::Files => "DATA_DIR",
            Self::S3(_) => "S3_BUCKET",
            Self::Cloudinary(_) => "CLOUDINARY_URL",
        }
    }

    fn read(reader: &mut Reader) -> Self {
        match (read_cloudinary(reader), read_s3(reader)) {
            (Some(cloudinary), None) => Self::Cloudinary(cloudinary),
            (None, Some(s3)) => Self::S3(s3),
            (None, None) => Self::Files,
            (Some(_), Some(_)) => {
                reader.problem("S3_BUCKET", "is set beside Cloudinary; set one of them");
                Self::Files
            }
        }
    }
}

impl ImagesConfig {
    pub(crate) fn read(reader: &mut Reader, site: &SiteConfig) -> Self {
        let (replicate, openai) = (ReplicateConfig::read(reader, site), OpenAiImageConfig::read(reader));
        let configured: Vec<_> = ImageProviderName::ALL
            .into_iter()
            .filter(|name| match name {
                ImageProviderName::Replicate => replicate.is_some(),
                ImageProviderName::OpenAi => openai.is_some(),
                ImageProviderName::Sketch => true,
            })
            .collect();
        let mut providers = Vec::new();
        for name in reader.list("IMAGE_PROVIDERS") {
            match ImageProviderName::ALL.into_iter().find(|known| known.as_str() == name) {
                Some(provider) if !configured.contains(&provider) => {
                    let why = format!("{name} is listed but not configured (set {})", provider.needs());
                    reader.problem("IMAGE_PROVIDERS", why);
                }
                Some(provider) if providers.contains(&provider) => {
                    reader.problem("IMAGE_PROVIDERS", format!("{name} is listed twice"));
                }
                Some(provider) => providers.push(provider),
                None => reader.problem("IMAGE_PROVIDERS", format!("{name:?} is not one of replicate, openai, sketch")),
            }
        }
        Self {
            providers: if providers.is_empty() { configured } else { providers },
            timeout: Duration::from_secs(reader.at_least("IMAGE_TIMEOUT_SECS", 120, 1)),
            keeps_prompt: reader.parsed("IMAGE_PROMPT_IN_FILE", false, "true or false"),
            replicate,
            openai,
            storage: StorageConfig::read(reader),
        }
    }
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
        let webhook = WebhookConfig::read(reader, site);
        Some(Self { token: token?, model, base_url, webhook })
    }
}

impl WebhookConfig {
    fn read(reader: &mut Reader, site: &SiteConfig) -> Option<Self> {
        let secret = reader.text("REPLICATE_WEBHOOK_SECRET")?;
        if !secret.starts_with("whsec_") {
            reader.problem("REPLICATE_WEBHOOK_SECRET", "does not begin with whsec_");
        }
        let url = site.public_url.join("/api/webhooks/replicate").ok()?;
        Some(Self { url, secret: secret.into() })
    }
}

impl OpenAiImageConfig {
    fn read(reader: &mut Reader) -> Option<Self> {
        let model = reader.text("OPENAI_IMAGE_MODEL")?.to_owned();
        let api_key = reader.text("OPENAI_API_KEY").map(SecretString::from);
        if api_key.is_none() && reader.text("OPENAI_BASE_URL").is_none() {
            reader.problem("OPENAI_API_KEY", "or OPENAI_BASE_URL is needed when OPENAI_IMAGE_MODEL is set");
        }
        // What is wrong with it was said where chat reads it.
        let base_url = reader.quiet_url("OPENAI_BASE_URL", "https://api.openai.com/v1");
        Some(Self { api_key, model, base_url })
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

fn read_cloudinary(reader: &mut Reader) -> Option<CloudinaryConfig> {
    const PARTS: [&str; 3] = ["CLOUDINARY_CLOUD_NAME", "CLOUDINARY_API_KEY", "CLOUDINARY_API_SECRET"];
    let parts = PARTS.map(|name| reader.text(name));
    let text = match (reader.text("CLOUDINARY_URL"), parts) {
        (Some(url), [None, None, None]) => url.to_owned(),
        (Some(_), _) => {
            reader.problem(
                "CLOUDINARY_URL",
                "says what CLOUDINARY_CLOUD_NAME, _API_KEY and _API_SECRET say; set one or the others",
            );
            return None;
        }
        (None, [Some(cloud), Some(key), Some(secret)]) => {
            // `%` begins an escape in a URL.
            format!("cloudinary://{key}:{}@{cloud}", secret.replace('%', "%25"))
        }
        (None, [None, None, None]) => {
            if reader.text("CLOUDINARY_BASE_URL").is_some() {
                reader.problem("CLOUDINARY_URL", "is needed when CLOUDINARY_BASE_URL is set");
            }
            return None;
        }
        (None, some) => {
            for (name, _) in PARTS.into_iter().zip(some).filter(|(_, value)| value.is_none()) {
                reader.problem(name, "is needed when another CLOUDINARY_ variable is set");
            }
            return None;
        }
    };
    let config = match parse_cloudinary_url(&text) {
        Ok(config) => config,
        Err(error) => {
            reader.problem("CLOUDINARY_URL", error);
            return None;
        }
    };
    if reader.text("CLOUDINARY_BASE_URL").is_none() {
        return Some(config);
    }
    let base_url = reader.url("CLOUDINARY_BASE_URL", "https://api.cloudinary.com");
    Some(config.behind(base_url))
}

fn read_s3(reader: &mut Reader) -> Option<S3Config> {
    const NEEDED: [&str; 3] = ["S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"];
    const OTHERS: [&str; 3] = ["S3_REGION", "S3_ENDPOINT", "S3_PREFIX"];
    if NEEDED.into_iter().chain(OTHERS).all(|name| reader.text(name).is_none()) {
        return None;
    }
    for name in NEEDED {
        if reader.text(name).is_none() {
            reader.problem(name, "is needed when another S3_ variable is set");
        }
    }
    let endpoint = reader.text("S3_ENDPOINT").is_some().then(|| reader.url("S3_ENDPOINT", "https://localhost"));
    Some(S3Config {
        bucket: reader.text("S3_BUCKET")?.to_owned(),
        region: reader.text("S3_REGION").unwrap_or("us-east-1").to_owned(),
        endpoint,
        access_key_id: reader.text("S3_ACCESS_KEY_ID")?.to_owned(),
        secret_access_key: reader.text("S3_SECRET_ACCESS_KEY")?.into(),
        prefix: reader.text("S3_PREFIX").unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::credits::server::config::CreditsConfig;

    fn read(vars: &[(&str, &str)]) -> Result<ImagesConfig, Vec<String>> {
        let vars: BTreeMap<_, _> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&vars);
        let site = SiteConfig::read(&mut reader);
        let config = ImagesConfig::read(&mut reader, &site);
        // The price of an image is read with the others.
        CreditsConfig::read(&mut reader);
        reader.finish(config)
    }

    #[test]
    fn without_settings_the_sketch_painter_works_into_files() {
        let config = read(&[]).unwrap();
        assert_eq!(config.providers, [ImageProviderName::Sketch]);
        assert_eq!(config.timeout, Duration::from_mins(2));
        assert!(matches!(config.storage, StorageConfig::Files));
    }

    #[test]
    fn what_is_configured_is_asked_before_the_sketch_painter() {
        let config = read(&[
            ("REPLICATE_API_TOKEN", "r8_hush"),
            ("OPENAI_API_KEY", "sk-hush"),
            ("OPENAI_IMAGE_MODEL", "gpt-image-2"),
            ("PUBLIC_URL", "https://tessera.example"),
            ("REPLICATE_WEBHOOK_SECRET", "whsec_hush"),
        ])
        .unwrap();
        assert_eq!(config.providers, ImageProviderName::ALL);
        let replicate = config.replicate.clone().unwrap();
        assert_eq!(replicate.model, "black-forest-labs/flux-schnell");
        assert_eq!(replicate.webhook.unwrap().url.as_str(), "https://tessera.example/api/webhooks/replicate");
        assert!(!format!("{config:?}").contains("hush"));
    }

    #[test]
    fn a_cloud_is_named_whole_or_not_at_all() {
        let whole = [
            ("CLOUDINARY_CLOUD_NAME", "demo"),
            ("CLOUDINARY_API_KEY", "123"),
            ("CLOUDINARY_API_SECRET", "a%2Fb"),
            ("CLOUDINARY_BASE_URL", "http://127.0.0.1:1"),
        ];
        let StorageConfig::Cloudinary(cloud) = read(&whole).unwrap().storage else { panic!("not Cloudinary") };
        assert_eq!(secrecy::ExposeSecret::expose_secret(&cloud.api_secret), "a%2Fb");
        assert_eq!(cloud.delivery_url.as_str(), "http://127.0.0.1:1/");
        assert_eq!(read(&whole[..2]).unwrap_err().len(), 1);
        assert!(read(&[("CLOUDINARY_URL", "hush")]).unwrap_err()[0].starts_with("CLOUDINARY_URL: "));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (vars, name) in [
            (&[("IMAGE_PROVIDERS", "replicate")][..], "IMAGE_PROVIDERS"),
            (&[("IMAGE_PROVIDERS", "sketch,sketch")], "IMAGE_PROVIDERS"),
            (&[("IMAGE_PROVIDERS", "crayon")], "IMAGE_PROVIDERS"),
            (&[("IMAGE_TIMEOUT_SECS", "0")], "IMAGE_TIMEOUT_SECS"),
            (&[("IMAGE_CREDITS", "0")], "IMAGE_CREDITS"),
            (&[("IMAGE_PROMPT_IN_FILE", "perhaps")], "IMAGE_PROMPT_IN_FILE"),
            (&[("REPLICATE_MODEL", "flux")], "REPLICATE_MODEL"),
            (&[("REPLICATE_MODEL", "a/b")], "REPLICATE_API_TOKEN"),
            (&[("REPLICATE_API_TOKEN", "r8"), ("REPLICATE_WEBHOOK_SECRET", "x")], "REPLICATE_WEBHOOK_SECRET"),
            (&[("OPENAI_IMAGE_MODEL", "gpt-image-2")], "OPENAI_API_KEY"),
            (&[("S3_BUCKET", "b")], "S3_ACCESS_KEY_ID"),
            (&[("S3_REGION", "eu")], "S3_BUCKET"),
        ] {
            let problems = read(vars).unwrap_err();
            assert!(problems.iter().any(|problem| problem.starts_with(&format!("{name}: "))), "{name}: {problems:?}");
        }
        assert!(is_model(&format!("a/b:{}", "0".repeat(64))) && !is_model("a/b:1") && !is_model("a/../b"));
    }
}
