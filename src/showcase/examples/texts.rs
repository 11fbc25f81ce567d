//! What is written in.

use leptos::prelude::*;

use crate::showcase::knobs::{Demo, Knobs, id};
use crate::ui::{Combobox, Field, TextArea};

pub fn field(knobs: &mut Knobs) -> Demo {
    let required = knobs.flag("required", false);
    let error = knobs.flag("error", false);
    Demo::new(move |pane| {
        view! {
            <Field
                id=id!(pane, "email")
                name="email"
                kind="email"
                label="Email"
                hint="Only used to sign in."
                autocomplete="off"
                required=required.get()
                error=error.some("That is no email address.".to_owned())
            />
        }
    })
}

pub fn text_area(knobs: &mut Knobs) -> Demo {
    let value = knobs.text("value", "Answer in one sentence.");
    let hint = knobs.flag("hint", true);
    let error = knobs.flag("error", false);
    let disabled = knobs.flag("disabled", false);
    Demo::new(move |pane| {
        view! {
            <TextArea
                id=id!(pane, "instructions")
                name="instructions"
                label="Instructions"
                value=value.get()
                hint=hint.some("It grows with what is written.")
                error=error.some("At most 1,000 characters.".to_owned())
                disabled=disabled.get()
            />
        }
    })
}

pub fn combobox(knobs: &mut Knobs) -> Demo {
    let hint = knobs.flag("hint", true);
    let error = knobs.flag("error", false);
    let disabled = knobs.flag("disabled", false);
    Demo::new(move |pane| {
        let cities = ["Amsterdam", "Athens", "Berlin", "Lisbon", "Ljubljana", "Madrid", "Paris", "Prague", "Rome"];
        view! {
            <Combobox
                id=id!(pane, "city")
                name="city"
                label="City"
                choices=cities.map(str::to_owned).into()
                empty="No such city. It can be entered all the same."
                hint=hint.some("Type a letter, then choose with the arrows.")
                error=error.some("Enter a city.".to_owned())
                disabled=disabled.get()
            />
        }
    })
}
