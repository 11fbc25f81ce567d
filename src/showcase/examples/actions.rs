//! What is pressed.

use leptos::prelude::*;

use crate::showcase::knobs::{Demo, Knobs, variants};
use crate::ui::{Button, ButtonSize, ButtonVariant, CopyButton, IconButton, IconName, Kbd};

pub fn button(knobs: &mut Knobs) -> Demo {
    let label = knobs.text("label", "Send");
    let variant = knobs.choice("variant", variants![ButtonVariant: Primary, Secondary, Ghost, Danger]);
    let size = knobs.choice("size", variants![ButtonSize: Medium, Small, Large]);
    let disabled = knobs.flag("disabled", false);
    Demo::new(move |_| {
        view! {
            <Button
                label=label.get()
                icon=IconName::ArrowUp
                variant=variant.get()
                size=size.get()
                disabled=disabled.get()
            />
        }
    })
}

pub fn icon_button(knobs: &mut Knobs) -> Demo {
    let icon = knobs.choice("icon", variants![IconName: Pencil, Pin, Copy, Trash]);
    let label = knobs.text("label", "Rename");
    let disabled = knobs.flag("disabled", false);
    Demo::new(move |_| {
        view! { <IconButton icon=icon.get() label=label.get() disabled=disabled.get() /> }
    })
}

pub fn copy_button(knobs: &mut Knobs) -> Demo {
    let text = knobs.text("text", "tessera audit");
    Demo::new(move |_| {
        view! { <CopyButton text=text.get() label="Copy" copied="Copied" /> }
    })
}

pub fn kbd(knobs: &mut Knobs) -> Demo {
    let key = knobs.text("key", "K");
    Demo::new(move |_| {
        view! {
            <span class="inline-flex gap-1">
                <Kbd key="Ctrl" />
                <Kbd key=key.get() />
            </span>
        }
    })
}
