//! Answers that were given before: the same question in the same context is not asked, and not paid for, twice.
//!
//! Several that ask the same at the same time wait for the first of them. Only whole answers are kept.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Chat;
use super::providers::{AnswerFormat, ImageDetail, Role, Sampling, Turn};
use crate::chat::Usage;
use crate::platform::cache::{Cache, Looked};
use crate::platform::ids::UserId;

/// How long a leader may be silent before others take it for dead.
const LEADER_LIVES: Duration = Duration::from_secs(5);
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// How often those who wait look.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptAnswer {
    pub text: String,
    pub provider: String,
    pub model: String,
    pub usage: Option<Usage>,
}

/// What names an answer: a hash over all that shapes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AnswerKey(String);

impl AnswerKey {
    /// Every part comes with its length, so that no two questions look alike. `owner` is whose the answer is, where it
    /// is not everybody's, and `picked` the provider that was picked, and its model.
    pub(super) fn new(
        owner: Option<UserId>,
        picked: Option<(&str, Option<&str>)>,
        sampling: &Sampling,
        turns: &[Turn],
    ) -> Self {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        // Raised when answers to the same question are to be others.
        part(b"answer 5");
        let owner = owner.map(Uuid::from);
        part(owner.as_ref().map_or(&[], |owner| owner.as_bytes()));
        let (provider, model) = picked.map_or((None, None), |(provider, model)| (Some(provider), model));
        for picked in [provider, model] {
            part(&[u8::from(picked.is_some())]);
            part(picked.unwrap_or_default().as_bytes());
        }
        let Sampling {
            max_output_tokens,
            temperature,
            top_p,
            frequency_penalty,
            presence_penalty,
            seed,
            stop,
            // Requests with tools are never answered from here.
            toolbox: _,
            format,
            // It says nothing to a model.
            cache: _,
            passed_on,
            no_thoughts,
            names: _,
        } = sampling;
        part(&max_output_tokens.to_be_bytes());
        part(&seed.map(i64::to_be_bytes).unwrap_or_default());
        part(&[u8::from(seed.is_some())]);
        part(&[u8::from(*no_thoughts)]);
        part(&(passed_on.len() as u64).to_be_bytes());
        for (name, value) in passed_on {
            part(name.as_bytes());
            part(value.to_string().as_bytes());
        }
        part(&[u8::from(format.is_some())]);
        if let Some(format) = format {
            let schema = format.schema().map_or("", RawValue::get);
            let (name, description, strict) = match format {
                AnswerFormat::JsonObject => (None, None, None),
                AnswerFormat::JsonSchema { name, description, strict, .. } => {
                    (Some(name.as_str()), description.as_deref(), *strict)
                }
            };
            for text in [name, description] {
                part(&[u8::from(text.is_some())]);
                part(text.unwrap_or_default().as_bytes());
            }
            part(&[u8::from(strict.is_some()), u8::from(strict == Some(true))]);
            part(schema.as_bytes());
        }
        for number in [temperature, top_p, frequency_penalty, presence_penalty] {
            part(&number.map(f32::to_be_bytes).unwrap_or_default());
            part(&[u8::from(number.is_some())]);
        }
        part(&(stop.len() as u64).to_be_bytes());
        for stop in stop {
            part(stop.as_bytes());
        }
        part(&(turns.len() as u64).to_be_bytes());
        // Neither are those with calls and results.
        for turn in turns {
            let Turn { role, name, content, images, .. } = turn;
            part(&[match role {
                Role::User => 0,
                Role::Assistant => 1,
                Role::System => 2,
                Role::Tool => 3,
            }]);
            part(&[u8::from(name.is_some())]);
            part(name.as_deref().unwrap_or_default().as_bytes());
            part(content.as_bytes());
            part(&(images.len() as u64).to_be_bytes());
            for (image, detail) in turn.shown() {
                part(image.media_type.as_bytes());
                part(&image.bytes);
                part(&[match detail {
                    None => 0,
                    Some(ImageDetail::Auto) => 1,
                    Some(ImageDetail::Low) => 2,
                    Some(ImageDetail::High) => 3,
                    Some(ImageDetail::Original) => 4,
                }]);
            }
        }
        Self(BASE64_URL_SAFE_NO_PAD.encode(hash.finalize()))
    }

    fn answer(&self) -> String {
        format!("answer:{}", self.0)
    }

    fn leader(&self) -> String {
        format!("lead:{}", self.0)
    }
}

/// As the cache knows a user.
pub(super) fn owner_of(user: UserId) -> String {
    user.to_string()
}

/// What there is for a question.
pub(super) enum Found {
    Answer(KeptAnswer),
    /// Nobody else asks: others wait for this one.
    Leader(Leader),
    /// Somebody else asks already.
    Elsewhere(AnswerKey),
    /// Answers are not kept, a new one is wanted, or somebody else takes too long.
    Nothing,
}

/// The first of those that ask the same. Dropped, the next one leads.
pub(super) struct Leader {
    cache: Arc<dyn Cache>,
    key: AnswerKey,
    /// Who asks: what they were told is forgotten when they are erased, whoever else it was given to.
    asker: UserId,
    token: Vec<u8>,
    renewal: JoinHandle<()>,
    keep: Duration,
}

impl Leader {
    fn new(chat: &Chat, key: AnswerKey, asker: UserId, token: Vec<u8>) -> Self {
        let (cache, name, value) = (chat.cache.clone(), key.leader(), token.clone());
        let renewal = tokio::spawn(async move {
            loop {
                sleep(RENEW_EVERY).await;
                cache.put(&name, value.clone(), LEADER_LIVES).await;
            }
        });
        Self { cache: chat.cache.clone(), key, asker, token, renewal, keep: chat.config.cache_ttl }
    }

    /// Keeps the answer for those who wait and those who come.
    pub(super) async fn keep(&self, answer: &KeptAnswer) {
        // A struct of texts and numbers: JSON can say it.
        if let Ok(value) = serde_json::to_vec(answer) {
            self.cache.put_of(&owner_of(self.asker), &self.key.answer(), value, self.keep).await;
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.renewal.abort();
        let (cache, name, token) = (self.cache.clone(), self.key.leader(), std::mem::take(&mut self.token));
        // Without a runtime the process is ending: the claim runs out by itself.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { cache.release(&name, &token).await });
        }
    }
}

/// Looks for an answer. Where there is none, this one asks for it, or somebody else does already.
pub(super) async fn find(chat: &Chat, key: AnswerKey, asker: UserId) -> Found {
    let token = Uuid::now_v7().as_bytes().to_vec();
    let looked = chat.cache.get_or_claim(&key.answer(), &key.leader(), &token, LEADER_LIVES).await;
    match looked {
        Looked::Found(kept) => match serde_json::from_slice(&kept) {
            Ok(answer) => Found::Answer(answer),
            // It was kept by another version: as good as nothing.
            Err(_) if chat.cache.claim(&key.leader(), &token, LEADER_LIVES).await => {
                Found::Leader(Leader::new(chat, key, asker, token))
            }
            Err(_) => Found::Elsewhere(key),
        },
        Looked::Claimed => Found::Leader(Leader::new(chat, key, asker, token)),
        Looked::Taken => Found::Elsewhere(key),
    }
}

/// Waits while somebody else asks.
pub(super) async fn wait(chat: &Chat, mut key: AnswerKey, asker: UserId) -> Found {
    let until = Instant::now() + chat.config.timeout;
    while Instant::now() < until {
        sleep(LOOK_EVERY).await;
        match find(chat, key, asker).await {
            Found::Elsewhere(still) => key = still,
            found => return found,
        }
    }
    Found::Nothing
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::chat::server::attachments::Image;

    /// Pieces that run into each other where lengths or separators are missing.
    fn text(random: &mut SmallRng) -> String {
        const PIECES: [&str; 8] = ["a", "b", "\0", "\u{1}", ":", "|", ",", "\0\0\0\0\0\0\0\u{1}"];
        (0..random.random_range(0..4)).map(|_| PIECES[random.random_range(0..PIECES.len())]).collect()
    }

    /// The same id for all: it does not shape an answer.
    fn image(random: &mut SmallRng) -> Image {
        Image {
            id: Uuid::nil().into(),
            media_type: text(random),
            bytes: text(random).into_bytes().into(),
            same_as: None,
        }
    }

    #[test]
    fn a_million_questions_have_as_many_keys() {
        let mut random = SmallRng::seed_from_u64(7);
        let mut seen = HashMap::new();
        for _ in 0..1_000_000 {
            let owner = random.random::<bool>().then(UserId::max);
            let provider = random.random::<bool>().then(|| text(&mut random));
            let model = provider.as_ref().and_then(|_| random.random::<bool>().then(|| text(&mut random)));
            let turns: Vec<Turn> = (0..random.random_range(0..4))
                .map(|_| Turn {
                    role: if random.random() { Role::User } else { Role::Assistant },
                    name: random.random::<bool>().then(|| text(&mut random)),
                    content: text(&mut random),
                    images: (0..random.random_range(0..3)).map(|_| image(&mut random)).collect(),
                    ..Turn::new(Role::User, "")
                })
                .collect();
            let picked = provider.as_deref().map(|provider| (provider, model.as_deref()));
            let sampling = Sampling {
                max_output_tokens: random.random_range(1..3),
                temperature: random.random::<bool>().then_some(0.0),
                top_p: random.random::<bool>().then_some(1.0),
                seed: random.random::<bool>().then(|| random.random_range(0..2)),
                stop: (0..random.random_range(0..3)).map(|_| text(&mut random)).collect(),
                passed_on: (0..random.random_range(0..2))
                    .map(|_| (text(&mut random), text(&mut random).into()))
                    .collect(),
                ..Sampling::default()
            };
            let key = AnswerKey::new(owner, picked, &sampling, &turns);
            // Quotes tell where each part begins and ends.
            let question = format!("{owner:?} {provider:?} {model:?} {sampling:?} {turns:?}");
            if let Some(before) = seen.insert(key, question.clone()) {
                assert_eq!(before, question, "two questions, one key");
            }
        }
        assert!(seen.len() > 500_000, "{}", seen.len());
    }
}
