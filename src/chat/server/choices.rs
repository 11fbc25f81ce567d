//! What can be picked: models and aliases, with what people want to know of them.

use std::sync::Arc;

use super::Chat;
use super::models::{Alias, Catalogue, Model};
use super::providers::{Effort, GuardedProvider, ModelSpec};
use crate::chat::{ProviderInfo, ProviderTerms, provider_label};
use crate::credits::server::store::WorkKind;
use crate::flags::Who;
use crate::generation::Route;

impl Chat {
    /// The models that are open to somebody, in the order in which they are asked, then the aliases.
    #[must_use]
    pub fn list_providers(&self, who: impl Into<Who>) -> Vec<ProviderInfo> {
        self.list_choices(&self.models.now(), who.into(), usize::MAX, None)
    }

    /// The first of them, at most so many models and as many aliases, and the one that is picked wherever it stands.
    pub(super) fn list_choices(
        &self,
        now: &Catalogue,
        who: Who,
        most: usize,
        picked: Option<&str>,
    ) -> Vec<ProviderInfo> {
        let is_open = |provider: &GuardedProvider| {
            self.generation.flags.closed(WorkKind::Chat, provider.name(), Some(&who)).is_none()
        };
        let is_shown = |at: usize, name: &str| at < most || Some(name) == picked;
        let models = now.models.iter().filter(|model| is_open(&model.provider)).enumerate();
        let models = models.filter(|(at, model)| is_shown(*at, &model.choice)).map(|(_, model)| self.info(model));
        let aliases = now.aliases.iter().filter_map(|alias| {
            let order: Vec<_> = alias.order.iter().filter(|provider| is_open(provider)).cloned().collect();
            Some((alias, Route::forecast(&order)?.clone(), order))
        });
        let aliases = aliases.enumerate().filter(|(at, (alias, ..))| is_shown(*at, &alias.name));
        let aliases = aliases.filter_map(|(_, (alias, first, order))| self.alias_info(now, alias, &first, &order));
        models.chain(aliases).collect()
    }

    /// What a name stands for now, for somebody; `None` where that is not offered.
    pub(super) fn find_terms(&self, who: impl Into<Who>, name: &str) -> Option<ProviderTerms> {
        let now = self.models.now();
        let choice = now.pick(name)?.choice;
        self.list_choices(&now, who.into(), 0, Some(&choice)).first().map(terms_of)
    }

    pub(super) fn info(&self, Model { choice, provider, spec }: &Model) -> ProviderInfo {
        let offer = self.usual_offer(provider);
        let ModelSpec { label, thinks, calls_tools, .. } = spec;
        let own = if choice == provider.name() { provider_label(choice).to_owned() } else { offer.model.clone() };
        ProviderInfo {
            name: choice.clone(),
            label: label.clone().unwrap_or(own),
            provider: provider.name().to_owned(),
            model: offer.model.clone(),
            is_alias: false,
            context_tokens: provider.context_tokens(),
            max_output_tokens: provider.output_limit(),
            credits: offer.usual().about,
            least: offer.short(),
            price: offer.info(),
            per_token: offer.is_per_token(),
            max_message_chars: offer.most_chars(self.config.max_message_chars),
            problem: provider.trouble(),
            sees_images: provider.sees_images(),
            thinks: thinks.or_else(|| Self::is_known_to_think(provider).then_some(true)),
            calls_tools: *calls_tools,
        }
    }

    /// Whether how much it thinks can be said in its own words.
    fn is_known_to_think(provider: &GuardedProvider) -> bool {
        provider.room_to_think(&provider.model(), Some(Effort::High)) > 0
    }

    /// What an alias stands for now: the first that can be asked.
    fn alias_info(
        &self,
        now: &Catalogue,
        alias: &Alias,
        first: &Arc<GuardedProvider>,
        order: &[Arc<GuardedProvider>],
    ) -> Option<ProviderInfo> {
        let info = self.info(now.model_of(first)?);
        let is_well = order.iter().any(|provider| provider.trouble().is_none());
        Some(ProviderInfo {
            name: alias.name.clone(),
            label: alias.label.clone().unwrap_or_else(|| alias.name.clone()),
            is_alias: true,
            problem: info.problem.clone().filter(|_| !is_well),
            ..info
        })
    }
}

/// What a page needs to know of something that can be picked.
pub(super) fn terms_of(info: &ProviderInfo) -> ProviderTerms {
    ProviderTerms {
        provider: info.name.clone(),
        label: info.label.clone(),
        per_token: info.per_token,
        credits: info.least,
        max_message_chars: info.max_message_chars,
    }
}
