//! What says how things are.

use leptos::prelude::*;

use crate::showcase::knobs::{Demo, Knobs, name, variants};
use crate::ui::{Alert, AlertTone, Button, EmptyState, Progress, Skeleton, Toast, ToastRegion, ToastTone, Toasts};

pub fn alert(knobs: &mut Knobs) -> Demo {
    let text = knobs.text("text", "The model does not answer. Nothing was charged.");
    let tone = knobs.choice("tone", variants![AlertTone: Info, Danger]);
    let link = knobs.flag("link", false);
    Demo::new(move |_| {
        view! { <Alert text=text.get() tone=tone.get() link=link.some(("#alert".to_owned(), "Try again")) /> }
    })
}

pub fn toast(knobs: &mut Knobs) -> Demo {
    let tone = knobs.choice("tone", variants![ToastTone: Info, Danger]);
    Demo::new(move |pane| {
        let toasts = Toasts::default();
        let tone = tone.get();
        let undo = Callback::new(|()| ());
        let archive = move |_| {
            toasts.show(Toast { text: "Conversation archived.".to_owned(), tone, action: Some(("Undo", undo)) });
        };
        view! {
            <Button label="Archive" on_click=archive />
            <ToastRegion toasts label=name!(pane, "News") dismiss="Dismiss" class="w-full" />
        }
    })
}

pub fn progress(knobs: &mut Knobs) -> Demo {
    let value = knobs.choice("value", &[("40", 40), ("0", 0), ("75", 75), ("100", 100)]);
    Demo::new(move |_| {
        view! {
            <Progress label="Upload" value=Signal::stored(value.get()) />
            <Progress label="Waiting for the first words" />
        }
    })
}

pub fn skeleton(_: &mut Knobs) -> Demo {
    Demo::new(move |_| {
        view! {
            <div class="w-full space-y-2">
                <Skeleton class="h-6 w-40" />
                <Skeleton />
                <Skeleton />
            </div>
        }
    })
}

pub fn empty_state(knobs: &mut Knobs) -> Demo {
    let title = knobs.text("title", "No conversations yet");
    Demo::new(move |_| {
        view! {
            <EmptyState
                title=title.get()
                text="What you ask is kept here, with what it cost."
                href="#empty-state"
                action="Start a chat"
            />
        }
    })
}
