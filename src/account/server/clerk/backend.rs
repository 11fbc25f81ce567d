//! Clerk's Backend API: who a user is, and the end of a session; and what the frontend publishes.

use bytes::Bytes;
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;

use super::config::ClerkConfig;
use crate::account::server::oidc::remote::{Failure, Remote};

/// Speaks to Clerk in the name of the operator.
pub struct Backend {
    /// `None`: there is no HTTP client, as was logged.
    remote: Option<Remote>,
    api_url: Url,
    keys_url: Url,
    secret_key: secrecy::SecretString,
}

/// A user as Clerk knows them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Person {
    pub id: String,
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
    primary_email_address_id: Option<String>,
    email_addresses: Vec<Address>,
    public_metadata: serde_json::Value,
    banned: bool,
    locked: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Address {
    id: String,
    #[serde(rename = "email_address")]
    email: String,
    verification: Option<Verification>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Verification {
    status: String,
}

impl Person {
    /// The primary address, and whether it was verified; `None`: there is none.
    #[must_use]
    pub fn email(&self) -> Option<(&str, bool)> {
        let primary = self.primary_email_address_id.as_deref()?;
        let address = self.email_addresses.iter().find(|address| address.id == primary)?;
        let is_verified = address.verification.as_ref().is_some_and(|said| said.status == "verified");
        Some((&address.email, is_verified))
    }

    /// What they call themselves; empty if nothing is known.
    #[must_use]
    pub fn name(&self) -> String {
        let names = [&self.first_name, &self.last_name].into_iter().flatten().map(|name| name.trim());
        let name = names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ");
        if name.is_empty() { self.username.clone().unwrap_or_default() } else { name }
    }

    /// `role` of the public metadata, which only the operator writes.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.public_metadata.get("role")?.as_str()
    }

    /// Whether the operator has shut them out there.
    #[must_use]
    pub const fn is_shut_out(&self) -> bool {
        self.banned || self.locked
    }
}

impl Backend {
    #[must_use]
    pub fn new(config: &ClerkConfig) -> Self {
        let mut keys_url = config.frontend_url.clone();
        keys_url.set_path(".well-known/jwks.json");
        let remote = Remote::new().inspect_err(|error| tracing::error!(error, "Clerk cannot be asked")).ok();
        Self { remote, api_url: config.api_url.clone(), keys_url, secret_key: config.secret_key.clone() }
    }

    /// The keys that the instance publishes.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn fetch_keys(&self) -> Result<Bytes, Failure> {
        self.remote()?.get(&self.keys_url, None).await
    }

    /// A user; `None`: there is none, or no more.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn find_user(&self, id: &str) -> Result<Option<Person>, Failure> {
        let body = match self.ask(&["users", id]).await {
            Ok(body) => body,
            Err(Failure::Refused { status: 404, .. }) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let person: Person = serde_json::from_slice(&body).map_err(|_| Failure::wrong("a user cannot be read"))?;
        if person.id == id { Ok(Some(person)) } else { Err(Failure::wrong("it answers with another user")) }
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn revoke_session(&self, id: &str) -> Result<(), Failure> {
        let address = self.address(&["sessions", id, "revoke"])?;
        self.remote()?.request(&address, self.secret_key.expose_secret()).await.map(drop)
    }

    /// Whether Clerk is there and knows us. Says where it is, or what is wrong.
    ///
    /// # Errors
    /// For people.
    pub async fn check(&self) -> Result<String, String> {
        match self.ask(&["users", "count"]).await {
            Ok(_) => Ok(self.api_url.to_string()),
            Err(Failure::Refused { status: 401, .. }) => {
                Err("CLERK_SECRET_KEY is not one of an instance there".to_owned())
            }
            Err(failure) => Err(failure.to_string()),
        }
    }

    async fn ask(&self, steps: &[&str]) -> Result<Bytes, Failure> {
        self.remote()?.get(&self.address(steps)?, Some(self.secret_key.expose_secret())).await
    }

    fn remote(&self) -> Result<&Remote, Failure> {
        self.remote.as_ref().ok_or_else(|| Failure::Unreachable("there is no HTTP client".to_owned()))
    }

    fn address(&self, steps: &[&str]) -> Result<Url, Failure> {
        let mut address = self.api_url.clone();
        // Ids come from elsewhere: a slash in one must not lead to another route.
        let pushed = address.path_segments_mut().map(|mut path| {
            path.pop_if_empty().push("v1").extend(steps);
        });
        pushed.map(|()| address).map_err(|()| Failure::wrong("CLERK_API_URL cannot be extended"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_is_read_leniently() {
        let person: Person = serde_json::from_value(json!({
            "id": "user_1", "object": "user", "username": "ada", "first_name": "Ada", "last_name": null,
            "primary_email_address_id": "idn_2",
            "email_addresses": [
                { "id": "idn_1", "email_address": "old@example.org", "verification": { "status": "verified" } },
                { "id": "idn_2", "email_address": "ada@example.org", "verification": null },
            ],
            "public_metadata": { "role": "ADMIN" }, "created_at": 1_654_012_591_835_i64,
        }))
        .unwrap();
        assert_eq!((person.email(), person.name()), (Some(("ada@example.org", false)), "Ada".to_owned()));
        assert_eq!((person.role(), person.is_shut_out()), (Some("ADMIN"), false));
        let nobody: Person =
            serde_json::from_value(json!({ "id": "user_2", "public_metadata": { "role": 7 } })).unwrap();
        assert_eq!((nobody.email(), nobody.name(), nobody.role()), (None, String::new(), None));
    }
}
