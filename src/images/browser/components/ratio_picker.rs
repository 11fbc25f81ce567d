//! The shape of the next images.

use leptos::prelude::*;

use crate::i18n::{Text, fill, t};
use crate::images::AspectRatio;
use crate::images::browser::collection::Collection;

/// The longer side of an outline, in the units of its grid of 24.
const LONGER: u32 = 20;

/// Native radio buttons that show each shape as an outline: the browser's own keys move between them.
#[component]
pub fn RatioPicker(
    /// Whose shape it is.
    collection: Collection,
    /// What there is to choose from.
    ratios: Vec<AspectRatio>,
) -> impl IntoView {
    let ratio = collection.ratio;
    let choice = move |each: AspectRatio| {
        let (width, height) = each.size();
        let (wide, high) = (width * LONGER / width.max(height), height * LONGER / width.max(height));
        let size = [("ratio", each.as_str()), ("width", &*width.to_string()), ("height", &*height.to_string())];
        let checked = move || ratio.get() == each;
        view! {
            <label
                class="flex h-12 min-w-0 cursor-pointer flex-col items-center justify-between rounded-md border \
                       border-transparent px-1 py-1.5 text-xs text-ink-soft tabular-nums transition-colors hover:bg-sunken \
                       has-checked:border-accent has-checked:bg-accent-soft has-checked:text-accent \
                       has-focus-visible:outline-2 has-focus-visible:outline-accent"
                title=fill(Text::ShapeOf, &size)
            >
                <input
                    class="sr-only"
                    type="radio"
                    name="aspectRatio"
                    value=each.as_str()
                    checked=checked
                    prop:checked=checked
                    on:change=move |_| ratio.set(each)
                />
                <svg class="h-5 w-6" viewBox="0 0 24 20" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
                    <rect
                        x=((24 - wide) / 2 + 1).to_string()
                        y=((20 - high) / 2 + 1).to_string()
                        width=(wide - 2).to_string()
                        height=(high - 2).to_string()
                        rx="1"
                    />
                </svg>
                {each.as_str()}
            </label>
        }
    };
    view! {
        <fieldset class="min-w-0">
            <legend class="sr-only">{t(Text::Shape)}</legend>
            <div class="grid grid-cols-6 gap-0.5 @xl:grid-cols-11">{ratios.into_iter().map(choice).collect::<Vec<_>>()}</div>
        </fieldset>
    }
}
