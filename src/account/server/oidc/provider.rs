//! An identity provider: where it is, what it signs with, and what it says of a person.

use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::from_slice;
use url::Url;
use url::form_urlencoded::Serializer;

use super::config::ProviderConfig;
use super::flow::Flow;
use super::kept::Kept;
use super::keys::{Keys, Signed};
use super::remote::{Failure, Remote};
use super::token::{About, Expected, IdToken, TokenAnswer, UserInfo};
use crate::platform::db::now_millis;

/// What a provider says of itself (OIDC Discovery 1.0).
#[derive(Deserialize)]
struct Described {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

struct Metadata {
    authorization: Url,
    token: Url,
    keys: Url,
    userinfo: Option<Url>,
    /// The secret goes into the header, as it does unless it must not.
    takes_basic: bool,
    takes_post: bool,
    /// Its answers always say whose they are (RFC 9207).
    names_itself: bool,
}

impl Metadata {
    fn read(body: &[u8], issuer: &str) -> Result<Self, Failure> {
        let described: Described =
            from_slice(body).map_err(|error| Failure::Wrong(format!("its description cannot be read: {error}")))?;
        if described.issuer != issuer {
            return Err(Failure::Wrong(format!("it calls itself {:?}", described.issuer)));
        }
        let is_private = issuer.starts_with("https://");
        let address = |text: &str| {
            let url = Url::parse(text).ok().filter(Url::has_host);
            url.filter(|url| url.scheme() == "https" || url.scheme() == "http" && !is_private)
                .ok_or_else(|| Failure::Wrong(format!("its description has the address {text:?}")))
        };
        let methods = described.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.as_ref().is_some_and(|methods| methods.iter().any(|known| known == method));
        Ok(Self {
            authorization: address(&described.authorization_endpoint)?,
            token: address(&described.token_endpoint)?,
            keys: address(&described.jwks_uri)?,
            userinfo: described.userinfo_endpoint.as_deref().map(address).transpose()?,
            takes_basic: methods.is_none() || takes("client_secret_basic"),
            takes_post: takes("client_secret_post"),
            names_itself: described.authorization_response_iss_parameter_supported,
        })
    }
}

/// Who signs people in besides us.
pub struct Provider {
    pub config: ProviderConfig,
    /// Where it sends people back to.
    redirect_uri: String,
    remote: Remote,
    metadata: Kept<Metadata>,
    keys: Kept<Keys>,
}

/// Somebody whom the provider vouches for.
pub struct Vouched {
    pub subject: String,
    /// What the ID token says.
    pub about: About,
    access_token: Option<String>,
}

/// The client's name and secret in the header, if they go there, and the form.
type TokenRequest = (Option<(String, String)>, String);

impl Provider {
    /// # Errors
    /// Why there is no HTTP client.
    pub fn new(config: ProviderConfig, public_url: &Url) -> Result<Self, String> {
        let path = format!("/sign-in/{}/callback", config.name);
        let redirect_uri = public_url.join(&path).map_err(|error| error.to_string())?.to_string();
        let (remote, metadata, keys) = (Remote::new()?, Kept::default(), Kept::default());
        Ok(Self { config, redirect_uri, remote, metadata, keys })
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, Failure> {
        let issuer = &self.config.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let fetch = async {
            let address = Url::parse(&address).map_err(|error| Failure::Wrong(error.to_string()))?;
            Metadata::read(&self.remote.get(&address, None).await?, issuer)
        };
        self.metadata.get(|_| true, fetch).await
    }

    /// The keys, new ones if none of those that are known may have signed this.
    async fn keys(&self, metadata: &Metadata, signed: &Signed<'_>) -> Result<Arc<Keys>, Failure> {
        let fetch = async { Keys::read(&self.remote.get(&metadata.keys, None).await?) };
        self.keys.get(|keys| keys.may_have_signed(signed), fetch).await
    }

    /// Where the browser goes to sign in.
    ///
    /// # Errors
    /// The provider is down, or describes itself wrongly.
    pub async fn authorization_url(&self, flow: &Flow) -> Result<Url, Failure> {
        let mut url = self.metadata().await?.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.config.scopes)
            .append_pair("state", &flow.state())
            .append_pair("nonce", &flow.nonce())
            .append_pair("code_challenge", &flow.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Whether an answer is this provider's, as far as it says whose it is (RFC 9207): who is tricked into answering one
    /// provider with what is meant for another would give codes away.
    ///
    /// # Errors
    /// `Failure::Wrong` if it is not.
    pub async fn check_answer(&self, issuer: Option<&str>) -> Result<(), Failure> {
        match issuer {
            Some(issuer) if issuer == self.config.issuer => Ok(()),
            Some(_) => Err(Failure::wrong("an answer of another issuer")),
            None if self.metadata().await?.names_itself => {
                Err(Failure::wrong("an answer that does not say whose it is"))
            }
            None => Ok(()),
        }
    }

    /// Gives a code back, for somebody whom the provider vouches for.
    ///
    /// # Errors
    /// The code counts no more, or what comes back must not be believed.
    pub async fn redeem(&self, code: &str, flow: &Flow) -> Result<Vouched, Failure> {
        let metadata = self.metadata().await?;
        let answer = self.ask_for_token(&metadata, code, flow).await?;
        let answer: TokenAnswer = from_slice(&answer).map_err(|_| Failure::wrong("an answer without an ID token"))?;
        let signed = Signed::read(&answer.id_token)?;
        let token: IdToken = self.keys(&metadata, &signed).await?.verify(&signed)?;
        #[expect(clippy::cast_precision_loss, reason = "seconds of any time that will be are exact")]
        let now = (now_millis() / 1000) as f64;
        let (issuer, client_id) = (&*self.config.issuer, &*self.config.client_id);
        token.check(&Expected { issuer, client_id, nonce: &flow.nonce(), now })?;
        Ok(Vouched { subject: token.sub, about: token.about, access_token: answer.access_token })
    }

    async fn ask_for_token(&self, metadata: &Metadata, code: &str, flow: &Flow) -> Result<Bytes, Failure> {
        let (authorization, form) = self.token_request(metadata, code, flow)?;
        let authorization = authorization.as_ref().map(|(id, secret)| (id.as_str(), secret.as_str()));
        self.remote.post(&metadata.token, &form, authorization).await
    }

    /// What goes into the header, and what into the form.
    fn token_request(&self, metadata: &Metadata, code: &str, flow: &Flow) -> Result<TokenRequest, Failure> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("code_verifier", &flow.verifier());
        let id = &self.config.client_id;
        match &self.config.client_secret {
            Some(secret) if metadata.takes_basic => {
                // RFC 6749, section 2.3.1: as in a form, before they are joined.
                Ok((Some((form_encoded(id), form_encoded(secret.expose_secret()))), form.finish()))
            }
            Some(secret) if metadata.takes_post => {
                form.append_pair("client_id", id).append_pair("client_secret", secret.expose_secret());
                Ok((None, form.finish()))
            }
            Some(_) => Err(Failure::wrong("it takes a secret neither in the header nor in the form")),
            None => {
                form.append_pair("client_id", id);
                Ok((None, form.finish()))
            }
        }
    }

    /// All that the provider says of somebody: it is asked if the ID token has no address.
    ///
    /// # Errors
    /// It is asked and does not answer, or answers about somebody else.
    pub async fn describe(&self, vouched: &Vouched) -> Result<About, Failure> {
        let metadata = self.metadata().await?;
        let (Some(url), Some(token), None) = (&metadata.userinfo, &vouched.access_token, &vouched.about.email) else {
            return Ok(vouched.about.clone());
        };
        let answer = self.remote.get(url, Some(token)).await?;
        let info: UserInfo = from_slice(&answer).map_err(|_| Failure::wrong("a userinfo that cannot be read"))?;
        if info.sub != vouched.subject {
            return Err(Failure::wrong("a userinfo of somebody else"));
        }
        Ok(vouched.about.clone().or(info.about))
    }

    /// Reaches it. Says where it is, or what is wrong.
    ///
    /// # Errors
    /// One line.
    pub async fn check(&self) -> Result<String, String> {
        let look = async {
            let metadata = self.metadata().await?;
            Keys::read(&self.remote.get(&metadata.keys, None).await?)
        };
        look.await.map(|_| self.config.issuer.clone()).map_err(|failure| failure.to_string())
    }
}

fn form_encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_description_is_of_the_issuer_that_is_configured_to_the_letter() {
        let described = |issuer: &str, token: &str| {
            let body = json!({
                "issuer": issuer,
                "authorization_endpoint": "https://id.example.org/authorize",
                "token_endpoint": token,
                "jwks_uri": "https://id.example.org/keys",
            });
            Metadata::read(&serde_json::to_vec(&body).unwrap(), "https://id.example.org").map(|_| ())
        };
        assert_eq!(described("https://id.example.org", "https://id.example.org/token"), Ok(()));
        for (issuer, token) in [
            ("https://id.example.org/", "https://id.example.org/token"),
            ("https://evil.example", "https://id.example.org/token"),
            ("https://id.example.org", "http://id.example.org/token"),
            ("https://id.example.org", "file:///etc/passwd"),
            ("https://id.example.org", "/token"),
        ] {
            assert!(described(issuer, token).is_err(), "{issuer} {token}");
        }
    }
}
