//! What `providers.toml` says of a provider and of its models, and the kinds of providers that there are.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::ChatProvider;

/// A way to speak to providers. Its folder has its row, and [`super::KINDS`] lists it.
pub struct ProviderKind {
    /// What the file calls it.
    pub name: &'static str,
    /// What a provider of this kind may have in the file, besides its name and kind.
    pub fields: &'static [&'static str],
    /// Where it is, unless the file says where; `None`: it is in this process.
    pub base_url: Option<&'static str>,
    /// Whether nobody is served without a key.
    pub needs_key: bool,
    /// One model of a provider, ready to be asked.
    pub build: BuildModel,
    /// Where a server tells its models; `None`: it does not.
    pub list: Option<ListModels>,
}

/// Makes what asks one model, with the client of its provider, which sends its headers.
///
/// # Errors
/// One line that says why not.
pub type BuildModel = fn(&ProviderSpec, &ModelSpec, reqwest::Client) -> Result<Arc<dyn ChatProvider>, String>;

/// Where the models are told, with the headers that go there.
pub type ListModels = fn(&ProviderSpec) -> (String, HeaderMap);

impl fmt::Debug for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for ProviderKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The key of a provider: told to nobody else.
#[derive(Debug, Clone)]
pub struct Key(pub SecretString);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// A provider of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderSpec {
    pub name: &'static str,
    pub kind: &'static ProviderKind,
    pub base_url: Option<Url>,
    pub key: Option<Key>,
    /// Its share of what is asked of a model that others have as well; `None`: it is asked in its turn.
    pub weight: Option<u32>,
    /// Sent with every request. What is a secret among them is marked as one.
    pub headers: HeaderMap,
    /// The model of its server that embeds, for programs.
    pub embeds: Option<String>,
    /// Fields that its server is never sent.
    pub leave_out: Vec<String>,
    /// The file of a model that runs in this process.
    pub file: Option<PathBuf>,
    /// Which of the models that its server tells are offered, as names or beginnings of names with a `*`; empty: none.
    pub list: Vec<String>,
    /// The models that the file names, in its order.
    pub models: Vec<ModelSpec>,
}

/// A model of a provider. What is not said is found out, or not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelSpec {
    pub name: String,
    pub label: Option<String>,
    pub context_tokens: Option<u32>,
    pub max_output_tokens: Option<u32>,
    pub sees_images: Option<bool>,
    pub thinks: Option<bool>,
    pub calls_tools: Option<bool>,
}

impl ModelSpec {
    /// With what somebody else says where this says nothing.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            name: self.name,
            label: self.label.or_else(|| other.label.clone()),
            context_tokens: self.context_tokens.or(other.context_tokens),
            max_output_tokens: self.max_output_tokens.or(other.max_output_tokens),
            sees_images: self.sees_images.or(other.sees_images),
            thinks: self.thinks.or(other.thinks),
            calls_tools: self.calls_tools.or(other.calls_tools),
        }
    }
}

impl ProviderSpec {
    /// Where a path of its server is.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        let base = self.base_url.as_ref().map(Url::as_str).unwrap_or_default();
        format!("{}/{path}", base.trim_end_matches('/'))
    }

    /// Its headers, and its key in one more of them.
    #[must_use]
    pub fn headers_with(&self, name: HeaderName, before: &str) -> HeaderMap {
        let mut headers = self.headers.clone();
        let key = self.key.as_ref().map(|Key(key)| format!("{before}{}", key.expose_secret()));
        if let Some(mut value) = key.and_then(|key| HeaderValue::try_from(key).ok()) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers
    }

    /// Its key, for who has one.
    #[must_use]
    pub fn secret(&self) -> Option<SecretString> {
        self.key.as_ref().map(|Key(key)| key.clone())
    }
}
