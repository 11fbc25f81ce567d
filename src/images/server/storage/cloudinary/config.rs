//! Which account of Cloudinary, and how its URL is read.

use secrecy::SecretString;
use url::Url;

use super::signature::HashAlgorithm;
use crate::images::server::storage::StorageError;

const UPLOAD: &str = "https://api.cloudinary.com";
const DELIVERY: &str = "https://res.cloudinary.com";

/// One product environment of Cloudinary.
#[derive(Debug, Clone)]
pub struct CloudinaryConfig {
    pub cloud_name: String,
    pub api_key: String,
    pub api_secret: SecretString,
    /// Where it is uploaded to: `https://api.cloudinary.com`, or that of another region.
    pub base_url: Url,
    /// Where it is fetched from: `https://res.cloudinary.com`.
    pub delivery_url: Url,
    pub algorithm: HashAlgorithm,
}

impl CloudinaryConfig {
    /// The account behind another server, which also delivers: a test's, or a proxy.
    #[must_use]
    pub fn behind(self, base_url: Url) -> Self {
        Self { delivery_url: base_url.clone(), base_url, ..self }
    }
}

/// Reads `cloudinary://{api_key}:{api_secret}@{cloud_name}`, as the console gives it.
///
/// `?upload_prefix={url}` and `?signature_algorithm=sha256` are understood as Cloudinary's own SDKs do; other settings
/// of theirs mean nothing here.
///
/// # Errors
/// [`StorageError::Refused`], which never repeats the text.
pub fn parse_cloudinary_url(text: &str) -> Result<CloudinaryConfig, StorageError> {
    let wrong = || StorageError::Refused("a Cloudinary URL is cloudinary://API_KEY:API_SECRET@CLOUD_NAME".to_owned());
    // By hand: `Url` takes no host with a `_`, nor a secret with a `/` in it.
    let rest = text.trim().strip_prefix("cloudinary://").ok_or_else(wrong)?;
    let (credentials, place) = rest.rsplit_once('@').ok_or_else(wrong)?;
    let (api_key, api_secret) = credentials.split_once(':').ok_or_else(wrong)?;
    let (path, query) = place.split_once('?').unwrap_or((place, ""));
    // What follows the name was once for private delivery hosts.
    let cloud_name = path.split('/').next().unwrap_or_default();
    let [api_key, api_secret, cloud_name] = [api_key, api_secret, cloud_name].map(decode_percents);
    let (Some(api_key), Some(api_secret), Some(cloud_name)) = (api_key, api_secret, cloud_name) else {
        return Err(wrong());
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    // The example of the console, `<your_api_key>`, is no key.
    if !api_key.chars().all(is_name) || !cloud_name.chars().all(is_name) || api_secret.contains(['<', '>']) {
        return Err(wrong());
    }
    let mut config = CloudinaryConfig {
        cloud_name,
        api_key,
        api_secret: api_secret.into(),
        base_url: parse_url(UPLOAD)?,
        delivery_url: parse_url(DELIVERY)?,
        algorithm: HashAlgorithm::default(),
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("upload_prefix", prefix) => {
                let base_url = parse_url(prefix)?;
                // Another region uploads elsewhere, but is delivered from the same place.
                let is_region = base_url.domain().is_some_and(|host| host.ends_with(".cloudinary.com"));
                config = if is_region { CloudinaryConfig { base_url, ..config } } else { config.behind(base_url) };
            }
            ("signature_algorithm", "sha1") => config.algorithm = HashAlgorithm::Sha1,
            ("signature_algorithm", "sha256") => config.algorithm = HashAlgorithm::Sha256,
            ("signature_algorithm", _) => {
                return Err(StorageError::Refused("signature_algorithm is sha1 or sha256".to_owned()));
            }
            _ => {}
        }
    }
    Ok(config)
}

fn parse_url(text: &str) -> Result<Url, StorageError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| StorageError::Refused("upload_prefix is a URL that begins with https://".to_owned()))
}

/// `None` where nothing is left.
fn decode_percents(text: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(text).decode_utf8().ok()?;
    Some(text.into_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_url_of_the_console_is_understood() {
        let config = parse_cloudinary_url(" cloudinary://123456789012345:aB-c_d9@my-cloud_1\n").unwrap();
        assert_eq!((&*config.api_key, &*config.cloud_name), ("123456789012345", "my-cloud_1"));
        assert_eq!(config.api_secret.expose_secret(), "aB-c_d9");
        assert_eq!(config.base_url.as_str(), "https://api.cloudinary.com/");
        assert_eq!(config.delivery_url.as_str(), "https://res.cloudinary.com/");
        assert_eq!(config.algorithm, HashAlgorithm::Sha1);
    }

    #[test]
    fn secrets_may_have_any_letters() {
        for (written, secret) in [("a%2Fb%40c%3A%25", "a/b@c:%"), ("a/b:c@d", "a/b:c@d"), ("%C3%BC+", "ü+")] {
            let config = parse_cloudinary_url(&format!("cloudinary://12:{written}@cloud")).unwrap();
            assert_eq!(config.api_secret.expose_secret(), secret);
        }
    }

    #[test]
    fn settings_in_the_query_are_those_of_the_sdks() {
        let parse = |query: &str| parse_cloudinary_url(&format!("cloudinary://1:s@cloud?{query}"));
        let own = parse("upload_prefix=http://127.0.0.1:8902&secure=true").unwrap();
        assert_eq!(
            (own.base_url.as_str(), own.delivery_url.as_str()),
            ("http://127.0.0.1:8902/", "http://127.0.0.1:8902/")
        );
        let region = parse("upload_prefix=https%3A%2F%2Fapi-eu.cloudinary.com").unwrap();
        assert_eq!(region.base_url.as_str(), "https://api-eu.cloudinary.com/");
        assert_eq!(region.delivery_url.as_str(), "https://res.cloudinary.com/");
        assert_eq!(parse("signature_algorithm=sha256").unwrap().algorithm, HashAlgorithm::Sha256);
        for query in ["signature_algorithm=md5", "upload_prefix=ftp://x", "upload_prefix=x"] {
            assert!(parse(query).is_err(), "{query}");
        }
    }

    #[test]
    fn other_texts_are_refused_without_being_repeated() {
        for text in [
            "",
            "https://12:hush@cloud",
            "cloudinary://",
            "cloudinary://hush@cloud",
            "cloudinary://:hush@cloud",
            "cloudinary://12:@cloud",
            "cloudinary://12:hush",
            "cloudinary://12:hush@",
            "cloudinary://12:hush@/x",
            "cloudinary://12:hush@a b",
            "cloudinary://12:hush@a%2Fb",
            "cloudinary://<your_api_key>:<hush>@cloud",
            "cloudinary://12:%FFhush@cloud",
        ] {
            let error = parse_cloudinary_url(text).unwrap_err().to_string();
            assert!(error.contains("cloudinary://API_KEY:API_SECRET@CLOUD_NAME") && !error.contains("hush"), "{text}");
        }
        let config = parse_cloudinary_url("cloudinary://12:hush@cloud").unwrap();
        assert!(!format!("{config:?}").contains("hush"));
    }
}
