//! The state that signed-in pages share: who is here, what can be spent, which conversations there are.

use leptos::prelude::*;

use crate::chat::{ANY_MODEL, ConversationSummary, ProviderTerms, Workspace, parts_of_choice, with_effort};
use crate::i18n::{Text, fill};
use crate::platform::amount::Amount;
use crate::platform::browser::page_data::use_preloaded;

/// One copy for the whole app; pages get it from [`use_workspace`].
#[derive(Debug, Clone, Copy)]
pub struct WorkspaceContext {
    /// What stays as it is while the page is open: the profile, prices and limits; and what is known of models.
    pub facts: StoredValue<Workspace>,
    /// What the user picked, for the conversation that is shown; `None`: whoever can answers.
    pub provider: RwSignal<Option<String>>,
    /// How much that is to think; `None`: as usual.
    pub effort: RwSignal<Option<String>>,
    /// Why that provider, or every one, cannot answer now, for people.
    pub problem: RwSignal<Option<String>>,
    /// How much of a budget is spent, for people, once that is worth a word.
    pub budget_notice: RwSignal<Option<String>>,
    /// Credits that can be spent. Whoever learns of a new balance sets it, and the header follows.
    pub available: RwSignal<Amount>,
    /// Those that are pinned and the newest, newest first; and those that were opened or asked for besides.
    pub conversations: RwSignal<Vec<ConversationSummary>>,
    /// Where those after the newest begin; empty if there are none, or all are here.
    pub older: RwSignal<String>,
    /// The id of the conversation whose menu was opened last.
    pub chosen: RwSignal<String>,
    /// The last message of the conversation that is open, as the server had it when that was last looked at
    /// ([`crate::chat::state_of`]); empty if there was none.
    pub latest: RwSignal<String>,
}

/// The workspace that [`crate::routes::App`] provides.
#[must_use]
pub fn use_workspace() -> WorkspaceContext {
    expect_context()
}

impl WorkspaceContext {
    /// What a message costs, and how long it may be, to whoever is picked or answers now. Follows what is picked.
    #[must_use]
    pub fn terms(self) -> ProviderTerms {
        let facts = self.facts.read_value();
        let picked = self.provider.read();
        let of = facts.terms.iter().find(|terms| Some(&terms.provider) == picked.as_ref()).or(facts.terms.first());
        of.cloned().unwrap_or_default()
    }

    /// Learns what something costs that can be picked.
    pub fn learn_terms(self, terms: ProviderTerms) {
        self.facts.update_value(|facts| {
            facts.terms.retain(|known| known.provider != terms.provider);
            facts.terms.push(terms);
        });
    }

    /// Picks what new conversations begin with, from now on for this one too.
    pub fn pick(self, picked: Option<String>, effort: Option<String>) {
        self.facts.update_value(|facts| {
            facts.provider.clone_from(&picked);
            facts.effort.clone_from(&effort);
        });
        self.provider.set(picked);
        self.effort.set(effort);
    }

    /// Who is asked, and how much they are to think, as requests name it.
    #[must_use]
    pub fn asked(self) -> Option<String> {
        let effort = self.effort.get_untracked();
        self.provider.get_untracked().map(|name| with_effort(&name, effort.as_deref()))
    }

    /// Turns to what is asked in a conversation, or in a new one: the picked model, unless it is not offered any more.
    pub fn turn_to(self, picked: Option<String>, offered: Option<ProviderTerms>) {
        let (asked, effort, gone) = match (picked, offered) {
            (None, _) => {
                let facts = self.facts.read_value();
                (facts.provider.clone(), facts.effort.clone(), None)
            }
            (Some(picked), Some(terms)) => {
                let name = terms.provider.clone();
                let effort = parts_of_choice(&picked).1.filter(|_| picked != name).map(str::to_owned);
                self.learn_terms(terms);
                (Some(name), effort, None)
            }
            (Some(name), None) => (None, None, Some(name).filter(|name| name != ANY_MODEL)),
        };
        if effort != *self.effort.read_untracked() {
            self.effort.set(effort);
        }
        if asked != *self.provider.read_untracked() {
            self.provider.set(asked);
        }
        if let Some(name) = gone {
            self.problem.set(Some(fill(Text::ModelIsGone, &[("name", &name)])));
        }
    }

    /// Takes what the page handler loaded, and provides it to everything below. Each page that hydrates comes with it.
    pub fn provide() {
        let mut facts = use_preloaded::<Workspace>().and_then(Result::ok).unwrap_or_default();
        let conversations = std::mem::take(&mut facts.conversations);
        let (provider, effort, problem) = (facts.provider.clone(), facts.effort.clone(), facts.problem.clone());
        provide_context(Self {
            provider: RwSignal::new(provider),
            effort: RwSignal::new(effort),
            problem: RwSignal::new(problem),
            budget_notice: RwSignal::new(facts.budget_notice.take()),
            available: RwSignal::new(facts.available),
            conversations: RwSignal::new(conversations),
            older: RwSignal::new(facts.next_cursor.take().unwrap_or_default()),
            chosen: RwSignal::default(),
            latest: RwSignal::default(),
            facts: StoredValue::new(facts),
        });
    }

    /// Takes a conversation into the list that is not in it.
    pub fn learn(self, found: ConversationSummary) {
        if !self.conversations.read_untracked().iter().any(|known| known.id == found.id) {
            self.conversations.write().push(found);
        }
    }
}
