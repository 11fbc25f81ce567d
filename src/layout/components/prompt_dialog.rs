//! What the model is told before everything else in a conversation.

use leptos::{ev, prelude::*, task::spawn_local};

use super::conversation_tools::{Problem, Tools};
use super::dialog_choices::DialogChoices;
use crate::chat::{ConversationChange, MAX_SYSTEM_PROMPT_CHARS};
use crate::i18n::{Text, t};
use crate::layout::client::{change_conversation, load_system_prompt};
use crate::ui::Dialog;

/// Asks for the system prompt.
#[component]
pub fn PromptDialog(
    /// What is shared with the menu.
    tools: Tools,
    /// Whether it is shown.
    open: RwSignal<bool>,
) -> impl IntoView {
    let prompt = RwSignal::new(String::new());
    let loading = RwSignal::new(false);
    Effect::new(move |_| {
        if open.get() {
            let id = tools.chosen.get_untracked();
            prompt.set(String::new());
            loading.set(true);
            spawn_local(async move {
                let loaded = tools.accepted(load_system_prompt(&id).await);
                // Another one may have been opened meanwhile.
                if let (Some(loaded), true) = (loaded, tools.chosen.get_untracked() == id) {
                    prompt.set(loaded);
                    loading.set(false);
                }
            });
        }
    });
    let save = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (id, text) = (tools.chosen.get_untracked(), prompt.get_untracked());
        spawn_local(async move {
            let change = ConversationChange { system_prompt: Some(text), ..ConversationChange::default() };
            if tools.accepted(change_conversation(&id, &change).await).is_some() {
                open.set(false);
            }
        });
    };
    view! {
        <Dialog id="prompt-dialog" open title=t(Text::SystemPrompt)>
            <form class="space-y-4" on:submit=save>
                <Problem tools />
                <div class="space-y-1.5">
                    <label for="prompt-text" class="block text-sm font-medium">
                        {t(Text::SystemPromptLabel)}
                    </label>
                    <textarea
                        id="prompt-text"
                        class="block max-h-80 min-h-32 w-full resize-y rounded-md border border-line-strong bg-surface px-3 py-2"
                        rows="6"
                        maxlength=MAX_SYSTEM_PROMPT_CHARS
                        aria-describedby="prompt-hint"
                        aria-busy=Signal::derive(move || loading.get().to_string())
                        disabled=loading
                        prop:value=prompt
                        on:input=move |event| prompt.set(event_target_value(&event))
                    ></textarea>
                    <p id="prompt-hint" class="text-sm text-ink-soft">
                        {t(Text::SystemPromptHint)}
                    </p>
                </div>
                <DialogChoices cancel=open label=t(Text::Save) disabled=loading />
            </form>
        </Dialog>
    }
}
