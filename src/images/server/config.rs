//! Who makes images, and where they are kept.

use std::time::Duration;

use super::providers::replicate::WebhookConfig;
use super::providers::{ImageProvider, PROVIDERS};
use super::storage::{CloudinaryConfig, S3Config, parse_cloudinary_url};
use crate::generation::{ConfiguredProvider, read_providers};
use crate::platform::config::Reader;
use crate::platform::site::SiteConfig;

/// Who makes images, within which limits, and where they are kept.
#[derive(Debug, Clone)]
pub struct ImagesConfig {
    /// `IMAGE_PROVIDERS` (those configured): the order in which providers are asked.
    pub providers: Vec<ConfiguredProvider<dyn ImageProvider>>,
    /// `IMAGE_TIMEOUT_SECS` (120): the longest wait for an image over all providers.
    pub timeout: Duration,
    /// `IMAGE_PROMPT_IN_FILE` (`false`): whether an image's file also says by which prompt it was made.
    pub keeps_prompt: bool,
    /// How Replicate tells that an image is there.
    pub webhook: Option<WebhookConfig>,
    pub storage: StorageConfig,
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
        Self {
            providers: read_providers(PROVIDERS, "IMAGE_PROVIDERS", reader, site),
            timeout: reader.seconds("IMAGE_TIMEOUT_SECS", 120),
            keeps_prompt: reader.parsed("IMAGE_PROMPT_IN_FILE", false, "true or false"),
            webhook: WebhookConfig::read(reader, site),
            storage: StorageConfig::read(reader),
        }
    }
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

    fn names(config: &ImagesConfig) -> Vec<&str> {
        config.providers.iter().map(|provider| provider.name).collect()
    }

    #[test]
    fn without_settings_the_sketch_painter_works_into_files() {
        let config = read(&[]).unwrap();
        assert_eq!(names(&config), ["sketch"]);
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
        assert_eq!(names(&config), ["replicate", "openai", "sketch"]);
        assert!(format!("{:?}", config.providers[0]).contains(r#"model: "black-forest-labs/flux-schnell""#));
        let webhook = config.webhook.as_ref().unwrap();
        assert_eq!(webhook.url.as_str(), "https://tessera.example/api/webhooks/replicate");
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
    }
}
