//! What is only looked at.

use leptos::prelude::*;

use crate::showcase::knobs::{Demo, Knobs, variants};
use crate::ui::{Icon, IconName, Logo, Mosaic};

pub fn icon(knobs: &mut Knobs) -> Demo {
    let name = knobs.choice(
        "name",
        variants![IconName: Branch, Check, Close, Coins, Copy, Key, Menu, Pencil, Pin, Plus, Retry, Trash, Warning],
    );
    Demo::new(move |_| {
        view! { <Icon name=name.get() class="size-6" /> }
    })
}

pub fn logo(_: &mut Knobs) -> Demo {
    Demo::new(move |_| {
        view! {
            <Logo />
            <Mosaic class="size-12" />
        }
    })
}
