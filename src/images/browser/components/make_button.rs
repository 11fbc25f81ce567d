//! The price of the next images: the button that makes them, or why it cannot.

use leptos::either::Either;
use leptos::prelude::*;

use crate::credits::credits_text;
use crate::i18n::{Text, count, fill, t};
use crate::images::browser::collection::Collection;
use crate::platform::amount::Amount;
use crate::platform::query;
use crate::ui::{Button, ButtonVariant, IconName};

/// Sends the form, if there are credits enough.
#[component]
pub fn MakeButton(
    /// Where the images go.
    collection: Collection,
    /// What they cost together.
    cost: Memo<Amount>,
    /// Nothing can be made now.
    disabled: Signal<bool>,
) -> impl IntoView {
    let available = collection.workspace.available;
    let has_enough = Memo::new(move |_| cost.get() <= available.get());
    move || {
        if has_enough.get() {
            let number = count(Text::MakeImages, collection.number.get() as u64);
            let label = format!("{number} · {}", credits_text(cost.get()));
            Either::Left(view! {
                <Button label kind="submit" variant=ButtonVariant::Primary disabled class="grow @xl:grow-0" />
            })
        } else {
            let amounts = [("needed", &*credits_text(cost.get())), ("available", &*available.get().as_balance())];
            Either::Right(view! {
                <p class="text-sm text-danger">{fill(Text::TooFewCredits, &amounts)}</p>
                <Button href=way_to_credits(collection) icon=IconName::Coins label=t(Text::GetMoreCredits) />
            })
        }
    }
}

/// The longest prompt in an address, encoded: what is longer is refused as a way back.
const MOST_ENCODED: usize = 3_000;

/// The way to where credits are bought and back to the prompt, which nothing else keeps without a script.
pub(super) fn way_to_credits(collection: Collection) -> String {
    let prompt = collection.prompt.read_untracked();
    let kept = if query::encode(&prompt).len() <= MOST_ENCODED { &**prompt } else { "" };
    let back = query::address("/images", &[("prompt", kept)]);
    query::address("/buy-credits", &[("from", &back)])
}
