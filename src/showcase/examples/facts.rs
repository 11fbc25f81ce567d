//! What is said in a word.

use leptos::prelude::*;

use crate::showcase::knobs::{Demo, Knobs, variants};
use crate::ui::{Avatar, Badge, BadgeTone, Number, Timestamp};

pub fn badge(knobs: &mut Knobs) -> Demo {
    let text = knobs.text("text", "Free");
    let tone = knobs.choice("tone", variants![BadgeTone: Neutral, Success, Warning, Danger]);
    Demo::new(move |_| {
        let text = text.get();
        view! { <Badge tone=tone.get()>{text}</Badge> }
    })
}

pub fn avatar(knobs: &mut Knobs) -> Demo {
    let name = knobs.text("name", "Ada Lovelace");
    Demo::new(move |_| {
        view! {
            <Avatar name=name.get() />
            <Avatar name="Grace Hopper" class="size-12 text-base" />
            <Avatar name="王小明" />
        }
    })
}

pub fn number(knobs: &mut Knobs) -> Demo {
    let value = knobs.choice("value", &[("1_234_567", 1_234_567), ("42", 42), ("-1_000", -1_000)]);
    Demo::new(move |_| {
        view! { <Number value=value.get() /> }
    })
}

pub fn timestamp(_: &mut Knobs) -> Demo {
    Demo::new(move |_| {
        view! { <Timestamp at="2026-11-22T18:42:29Z" /> }
    })
}
