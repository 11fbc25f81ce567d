//! What can be asked now, and what each name stands for.

use std::sync::Arc;

use super::file::ProviderFile;
use crate::chat::server::providers::{Effort, GuardedProvider, ModelSpec};
use crate::chat::{parts_of_choice, with_effort};

/// All models of one moment. What has begun goes on with those that it began with.
#[derive(Default)]
pub struct Catalogue {
    /// Each provider, with the first of its models: the order in which they are asked where nothing is picked.
    pub providers: Vec<Arc<GuardedProvider>>,
    /// Those of a provider are one after the other.
    pub models: Vec<Model>,
    pub aliases: Vec<Alias>,
    /// What it was made of.
    pub(super) file: Arc<ProviderFile>,
}

/// A model of a provider.
pub struct Model {
    /// What it is picked by: its provider, where that has no other, or `provider/model`.
    pub choice: String,
    pub provider: Arc<GuardedProvider>,
    /// What is said of it, in a file or by its server.
    pub spec: ModelSpec,
}

/// A name that stands for models, which are tried one after the other.
pub struct Alias {
    pub name: String,
    pub label: Option<String>,
    /// Never empty.
    pub order: Vec<Arc<GuardedProvider>>,
}

/// The models that a name stands for, in the order in which they are tried.
#[derive(Clone)]
pub struct Picked {
    /// What it is kept as.
    pub choice: String,
    /// Empty where nobody has this name, or no longer.
    pub order: Vec<Arc<GuardedProvider>>,
    /// The name is that of one provider.
    pub provider: Option<&'static str>,
    /// The effort, where the name ends with one: `gpt-5.4@high`.
    pub effort: Option<Effort>,
}

impl std::fmt::Debug for Picked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Picked").field(&self.choice).finish()
    }
}

impl Picked {
    /// A name that nobody has, or no longer: what was answered under it can be given again.
    #[must_use]
    pub fn gone(name: &str) -> Self {
        Self { choice: name.to_owned(), order: Vec::new(), provider: None, effort: None }
    }

    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.order.is_empty()
    }

    /// What it is kept as, with the effort.
    #[must_use]
    pub fn kept(&self) -> String {
        with_effort(&self.choice, self.effort.map(Effort::as_str))
    }

    /// The model that answers, unless it fails.
    #[must_use]
    pub fn first(&self) -> Option<&Arc<GuardedProvider>> {
        self.order.first()
    }
}

impl Catalogue {
    /// Of models in their order, those of a provider one after the other.
    pub(super) fn new(file: Arc<ProviderFile>, models: Vec<(Arc<GuardedProvider>, ModelSpec)>) -> Self {
        let mut providers: Vec<Arc<GuardedProvider>> = Vec::new();
        for (provider, _) in &models {
            if providers.iter().all(|known| known.name() != provider.name()) {
                providers.push(provider.clone());
            }
        }
        let count = |name: &str| models.iter().filter(|(provider, _)| provider.name() == name).count();
        let choice = |provider: &GuardedProvider| match count(provider.name()) {
            1 => provider.name().to_owned(),
            _ => format!("{}/{}", provider.name(), provider.model()),
        };
        let choices: Vec<_> = models.iter().map(|(provider, _)| choice(provider)).collect();
        let models = models.into_iter().zip(choices);
        let models = models.map(|((provider, spec), choice)| Model { choice, provider, spec }).collect();
        Self { providers, models, aliases: Vec::new(), file }
    }

    /// A model of a provider.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str) -> Option<&Model> {
        self.models.iter().find(|one| one.provider.name() == provider && one.provider.model() == model)
    }

    /// The share of a provider in what is asked of models that others have as well.
    #[must_use]
    pub fn weight_of(&self, provider: &str) -> Option<u32> {
        self.file.providers.iter().find(|spec| spec.name == provider)?.weight
    }

    /// What this provider asks is said here.
    #[must_use]
    pub fn model_of(&self, provider: &GuardedProvider) -> Option<&Model> {
        self.find(provider.name(), &provider.model())
    }

    /// The model that `provider/model`, or a provider alone, stands for.
    pub(super) fn find_target(&self, name: &str) -> Option<&Arc<GuardedProvider>> {
        if let Some(provider) = self.providers.iter().find(|provider| provider.name() == name) {
            return Some(provider);
        }
        let (provider, model) = name.split_once('/')?;
        self.find(provider, model).map(|found| &found.provider)
    }

    /// The models that a name stands for: that of an alias, of a provider, of one of its models (`provider/model`), or of a model of any
    /// provider; and the effort, where the name ends with one (`…@high`).
    #[must_use]
    pub fn pick(&self, name: &str) -> Option<Picked> {
        self.pick_plain(name).or_else(|| {
            let (plain, effort) = parts_of_choice(name);
            let effort = Some(Effort::parse(effort?)?);
            Some(Picked { effort, ..self.pick_plain(plain)? })
        })
    }

    fn pick_plain(&self, name: &str) -> Option<Picked> {
        if let Some(alias) = self.aliases.iter().find(|alias| alias.name == name) {
            return Some(Picked {
                choice: alias.name.clone(),
                order: alias.order.clone(),
                provider: None,
                effort: None,
            });
        }
        if let Some(found) = self.find_target(name) {
            let choice = self.model_of(found).map_or_else(|| name.to_owned(), |model| model.choice.clone());
            let order = self.and_others(vec![found.clone()]);
            return Some(Picked { choice, order, provider: Some(found.name()), effort: None });
        }
        let same: Vec<_> = self.models.iter().filter(|model| model.provider.model() == name).collect();
        let first = same.first()?;
        Some(Picked {
            choice: first.choice.clone(),
            provider: (same.len() == 1).then(|| first.provider.name()),
            order: self.and_others(same.iter().map(|model| model.provider.clone()).collect()),
            effort: None,
        })
    }

    /// These, and after them the other providers.
    fn and_others(&self, mut order: Vec<Arc<GuardedProvider>>) -> Vec<Arc<GuardedProvider>> {
        for provider in &self.providers {
            if order.iter().all(|one| one.name() != provider.name()) {
                order.push(provider.clone());
            }
        }
        order
    }
}
