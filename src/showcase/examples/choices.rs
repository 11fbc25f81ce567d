//! What is chosen from.

use leptos::prelude::*;

use crate::showcase::knobs::{Demo, Knobs, id};
use crate::ui::{Checkbox, Choice, RadioGroup, Select, Slider, Switch};

pub fn select(knobs: &mut Knobs) -> Demo {
    let hint = knobs.flag("hint", true);
    let error = knobs.flag("error", false);
    let disabled = knobs.flag("disabled", false);
    Demo::new(move |pane| {
        let choices = vec![
            Choice::new("", "Whoever answers first"),
            Choice::new("gemini", "Gemini"),
            Choice::new("openai", "OpenAI"),
            Choice::new("local", "The model inside"),
        ];
        view! {
            <Select
                id=id!(pane, "provider")
                name="provider"
                label="Provider"
                choices
                hint=hint.some("Others step in when it fails.")
                error=error.some("It does not answer now.".to_owned())
                disabled=disabled.get()
            />
        }
    })
}

pub fn radio_group(knobs: &mut Knobs) -> Demo {
    let hint = knobs.flag("hint", false);
    let error = knobs.flag("error", false);
    let disabled = knobs.flag("disabled", false);
    Demo::new(move |pane| {
        let choices =
            vec![Choice::new("10", "10 credits"), Choice::new("50", "50 credits"), Choice::new("200", "200 credits")];
        view! {
            <RadioGroup
                id=id!(pane, "pack")
                name=id!(pane, "pack-size")
                label="How many"
                choices
                value="50"
                hint=hint.some("They do not expire.")
                error=error.some("Choose one.".to_owned())
                disabled=disabled.get()
            />
        }
    })
}

pub fn checkbox(knobs: &mut Knobs) -> Demo {
    let checked = knobs.flag("checked", true);
    let hint = knobs.flag("hint", true);
    let error = knobs.flag("error", false);
    let disabled = knobs.flag("disabled", false);
    Demo::new(move |pane| {
        view! {
            <Checkbox
                id=id!(pane, "receipts")
                name="receipts"
                label="Show what each answer cost"
                checked=checked.get()
                hint=hint.some("Below the answer.")
                error=error.some("It could not be kept.".to_owned())
                disabled=disabled.get()
            />
        }
    })
}

pub fn switch(knobs: &mut Knobs) -> Demo {
    let checked = knobs.flag("checked", true);
    let hint = knobs.flag("hint", true);
    let error = knobs.flag("error", false);
    let disabled = knobs.flag("disabled", false);
    Demo::new(move |pane| {
        view! {
            <Switch
                id=id!(pane, "cache")
                name="cache"
                label="Reuse answers"
                checked=checked.get()
                hint=hint.some("A question that was asked before is free.")
                error=error.some("It could not be switched.".to_owned())
                disabled=disabled.get()
            />
        }
    })
}

pub fn slider(knobs: &mut Knobs) -> Demo {
    let hint = knobs.flag("hint", true);
    let error = knobs.flag("error", false);
    let disabled = knobs.flag("disabled", false);
    Demo::new(move |pane| {
        view! {
            <Slider
                id=id!(pane, "budget")
                name="budget"
                label="Budget"
                max=200
                step=10
                value=50
                unit=" credits"
                hint=hint.some("What a key may spend.")
                error=error.some("More than there is.".to_owned())
                disabled=disabled.get()
            />
        }
    })
}
