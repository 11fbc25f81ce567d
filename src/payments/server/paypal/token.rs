//! The token that requests carry: asked for once, kept until shortly before it ends.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

/// So long before its end a token is no longer used: the request has to arrive, too.
const MARGIN: Duration = Duration::from_mins(1);

/// The current token. Who comes while one is asked for waits for the same.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Option<Token>>);

struct Token {
    text: SecretString,
    until: Instant,
}

/// What PayPal answers with.
#[derive(Deserialize)]
pub(super) struct Granted {
    access_token: String,
    /// Seconds.
    #[serde(default)]
    expires_in: u64,
}

impl Tokens {
    /// The current token, or a new one that `ask` brings.
    pub(super) async fn get<E>(&self, ask: impl Future<Output = Result<Granted, E>>) -> Result<SecretString, E> {
        self.get_at(Instant::now(), ask).await
    }

    async fn get_at<E>(&self, now: Instant, ask: impl Future<Output = Result<Granted, E>>) -> Result<SecretString, E> {
        let mut current = self.0.lock().await;
        if let Some(token) = current.as_ref().filter(|token| now < token.until) {
            return Ok(token.text.clone());
        }
        let Granted { access_token, expires_in } = ask.await?;
        let text = SecretString::from(access_token);
        let lasts = Duration::from_secs(expires_in).saturating_sub(MARGIN);
        // One that lasts longer than time itself is not kept.
        let until = now.checked_add(lasts).unwrap_or(now);
        *current = Some(Token { text: text.clone(), until });
        Ok(text)
    }

    /// This token is not taken any more. A newer one stays.
    pub(super) async fn forget(&self, refused: &SecretString) {
        let mut current = self.0.lock().await;
        if current.as_ref().is_some_and(|token| token.text.expose_secret() == refused.expose_secret()) {
            *current = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_token_is_kept_until_shortly_before_its_end() {
        let (tokens, asked) = (Tokens::default(), AtomicU32::new(0));
        let begin = Instant::now();
        let get = async |seconds: u64| {
            let grant = async {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(Granted { access_token: number.to_string(), expires_in: 32_400 })
            };
            tokens.get_at(begin + Duration::from_secs(seconds), grant).await.unwrap()
        };
        let (first, second) = tokio::join!(get(0), get(0));
        assert_eq!((first.expose_secret(), second.expose_secret()), ("0", "0"));
        assert_eq!(get(32_300).await.expose_secret(), "0");
        assert_eq!(get(32_350).await.expose_secret(), "1");
        // The old one was refused a moment too late.
        tokens.forget(&first).await;
        assert_eq!(get(32_350).await.expose_secret(), "1");
        tokens.forget(&"1".into()).await;
        assert_eq!(get(32_350).await.expose_secret(), "2");
    }
}
