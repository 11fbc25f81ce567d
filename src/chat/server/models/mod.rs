//! The models that can be asked: those of the variables, and those of a file that is read again while the server runs.
//!
//! What is in the file is `file.rs`, what servers tell of their models `listing.rs`, what names stand for `catalogue.rs`.

mod catalogue;
mod file;
mod listing;
mod pick;
mod reload;
mod secrets;
mod source;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::future::join_all;

pub use self::catalogue::{Alias, Catalogue, Model, Picked};
pub use self::file::{AliasSpec, ProviderFile};
pub use self::pick::unknown_model;
pub use self::source::ModelSource;
use super::providers::{ChatProvider, GuardedProvider, ModelSpec, ProviderSpec, build_client};
use crate::platform::data_file::{Reload, Watched};

/// How often a server is asked for its models.
const LIST_EVERY: Duration = Duration::from_mins(10);
/// The same after it could not be reached.
const LIST_AGAIN: Duration = Duration::from_secs(30);

/// The models that can be asked. Cheap to clone: all clones change together.
#[derive(Clone)]
pub struct Models(Arc<Inner>);

struct Inner {
    source: ModelSource,
    /// Those of the variables, in their order.
    own: Vec<Arc<GuardedProvider>>,
    file: Watched<ProviderFile>,
    now: RwLock<Arc<Catalogue>>,
    /// What was built for the models of the file, to be kept where nothing about them has changed.
    built: Mutex<Vec<Built>>,
    listings: Mutex<HashMap<&'static str, Listing>>,
    http: Option<reqwest::Client>,
}

/// A model of the file, and what it was built from.
#[derive(Clone)]
struct Built {
    /// Without its models.
    provider: ProviderSpec,
    model: ModelSpec,
    asks: Arc<GuardedProvider>,
    /// Shared by all models of the provider.
    http: reqwest::Client,
}

/// What a server told last.
struct Listing {
    /// Whom it was asked as.
    spec: ProviderSpec,
    models: Vec<ModelSpec>,
    /// Why it did not, the last time.
    problem: Option<String>,
    next: Instant,
}

impl Models {
    /// Those of the variables, `own`, and those of the file. What cannot be built is left out, and logged.
    #[must_use]
    pub fn new(source: ModelSource, own: Vec<Arc<dyn ChatProvider>>) -> Self {
        let models = Self(Arc::new(Inner {
            own: own.into_iter().map(GuardedProvider::new).map(Arc::new).collect(),
            file: Watched::new(source.read.clone(), source.stamp),
            source,
            now: RwLock::default(),
            built: Mutex::default(),
            listings: Mutex::default(),
            http: build_client(reqwest::header::HeaderMap::new()).ok(),
        }));
        models.rebuild();
        models
    }

    /// All that can be asked now.
    #[must_use]
    pub fn now(&self) -> Arc<Catalogue> {
        self.0.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn source(&self) -> &ModelSource {
        &self.0.source
    }

    /// The names of all providers that the file has now, listed or not.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let own = self.0.own.iter().map(|provider| provider.name());
        own.chain(self.0.file.now().providers.iter().map(|spec| spec.name)).collect()
    }

    /// Looks whether the file has changed, and reads it if so. Blocks for as long as that takes. What it says counts from
    /// [`Models::rebuild`] on.
    #[must_use]
    pub fn reload(&self) -> Reload {
        let source = &self.0.source;
        let otherwise = "only the providers of the variables";
        self.0.file.reload(&source.file, otherwise, || source.load().map(|(read, _)| read))
    }

    /// Whether the file says what does not count yet.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        !Arc::ptr_eq(&self.now().file, &self.0.file.now())
    }

    /// Puts together what can be asked from what the file says and what servers told.
    pub fn rebuild(&self) {
        let file = self.0.file.now();
        let mut built = self.0.built.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.now();
        let mut fresh: Vec<Built> = Vec::new();
        for spec in &file.providers {
            let models = self.models_of(spec);
            let provider = ProviderSpec { models: Vec::new(), ..spec.clone() };
            let same = built.iter().find(|one| one.provider == provider).map(|one| one.http.clone());
            let http = same.map_or_else(|| build_client(provider.headers.clone()), Ok);
            let Ok(http) = http.inspect_err(|error| tracing::error!(provider = spec.name, error, "cannot be asked"))
            else {
                continue;
            };
            for model in models {
                let known = built.iter().find(|one| one.provider == provider && one.model == model);
                let asks = known.map(|one| one.asks.clone()).or_else(|| {
                    // One breaker for all models of a provider, however often the file changes.
                    let beside = fresh.iter().map(|one| &one.asks).chain(&before.providers);
                    build(&provider, &model, http.clone(), beside.into_iter().find(|one| one.name() == spec.name))
                });
                let (provider, http) = (provider.clone(), http.clone());
                fresh.extend(asks.map(|asks| Built { provider, model, asks, http }));
            }
        }
        let is_own =
            |own: &&Arc<GuardedProvider>| !file.is_alone && file.providers.iter().all(|spec| spec.name != own.name());
        let own = self.0.own.iter().filter(is_own).map(|own| (own.clone(), ModelSpec::default()));
        let models = fresh.iter().map(|one| (one.asks.clone(), one.model.clone())).chain(own).collect();
        let mut catalogue = Catalogue::new(file.clone(), models);
        for AliasSpec { name, label, models } in &file.aliases {
            let order: Vec<_> = models.iter().filter_map(|model| catalogue.find_target(model)).cloned().collect();
            if order.len() < models.len() {
                tracing::warn!(alias = name, "not all models of an alias are offered now");
            }
            if !order.is_empty() {
                catalogue.aliases.push(Alias { name: name.clone(), label: label.clone(), order });
            }
        }
        *built = fresh;
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
    }

    /// The models that the file names, then those that the server told.
    fn models_of(&self, spec: &ProviderSpec) -> Vec<ModelSpec> {
        let listings = self.0.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let told = listings.get(spec.name).filter(|listing| listing.spec == *spec);
        let told = told.map(|listing| listing.models.as_slice()).unwrap_or_default();
        let own = |name: &str| spec.models.iter().any(|own| own.name == name);
        let named = spec.models.iter().cloned().map(|own| match told.iter().find(|told| told.name == own.name) {
            Some(told) => own.or(told),
            None => own,
        });
        named.chain(told.iter().filter(|told| !own(&told.name)).cloned()).collect()
    }

    /// Asks servers for their models whose turn it is. One that cannot be reached keeps those that it had.
    pub async fn refresh(&self) {
        let Some(http) = &self.0.http else { return };
        let file = self.0.file.now();
        let due: Vec<_> = file.providers.iter().filter(|spec| self.is_due(spec)).collect();
        if due.is_empty() {
            return;
        }
        let told = join_all(due.iter().map(|spec| listing::list(http, spec))).await;
        for (spec, told) in due.into_iter().zip(told) {
            let mut listings = self.0.listings.lock().unwrap_or_else(PoisonError::into_inner);
            let before = listings.remove(spec.name).filter(|listing| listing.spec == *spec);
            let listing = match told {
                Ok(models) => Listing { spec: spec.clone(), models, problem: None, next: Instant::now() + LIST_EVERY },
                Err(problem) => {
                    tracing::warn!(provider = spec.name, problem, "the models of a provider cannot be listed");
                    let models = before.map(|listing| listing.models).unwrap_or_default();
                    let next = Instant::now() + LIST_AGAIN;
                    Listing { spec: spec.clone(), models, problem: Some(problem), next }
                }
            };
            listings.insert(spec.name, listing);
        }
        self.rebuild();
    }

    fn is_due(&self, spec: &ProviderSpec) -> bool {
        let listings = self.0.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let known = listings.get(spec.name).filter(|listing| listing.spec == *spec);
        !spec.list.is_empty() && known.is_none_or(|listing| listing.next <= Instant::now())
    }

    /// The servers that did not tell their models, and why.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let listings = self.0.listings.lock().unwrap_or_else(PoisonError::into_inner);
        listings.iter().filter_map(|(name, listing)| Some((*name, listing.problem.clone()?))).collect()
    }

    /// What a user can choose, with what it is called.
    #[must_use]
    pub fn choices(&self) -> Vec<(String, String)> {
        let now = self.now();
        let aliases = now.aliases.iter().map(|alias| {
            let label = alias.label.clone().unwrap_or_else(|| alias.name.clone());
            (alias.name.clone(), label)
        });
        let models = now.models.iter().map(|model| (model.choice.clone(), model.provider.model()));
        models.chain(aliases).collect()
    }

    /// Where providers come from, for `tessera check`.
    #[must_use]
    pub fn summary(&self) -> String {
        let now = self.now();
        let from = if self.0.source.stamp.is_some() {
            self.0.source.file.path.display().to_string()
        } else {
            "the variables".to_owned()
        };
        let (providers, models, aliases) = (now.providers.len(), now.models.len(), now.aliases.len());
        format!("{from}: providers: {providers}, models: {models}, aliases: {aliases}")
    }
}

/// What asks a model, beside what asks another one of the same provider.
fn build(
    provider: &ProviderSpec,
    model: &ModelSpec,
    http: reqwest::Client,
    beside: Option<&Arc<GuardedProvider>>,
) -> Option<Arc<GuardedProvider>> {
    let built = (provider.kind.build)(provider, model, http).inspect_err(|error| {
        tracing::error!(provider = provider.name, model = model.name, error, "a model cannot be asked");
    });
    let built = built.ok()?;
    // What it was asked for would be stored under another name.
    debug_assert_eq!(built.name(), provider.name);
    Some(Arc::new(match beside {
        Some(other) => other.beside(built),
        None => GuardedProvider::new(built),
    }))
}
