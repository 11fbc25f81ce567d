//! What lies above the page for a while.

use leptos::prelude::*;

use crate::showcase::knobs::{Demo, Knobs, id, variants};
use crate::ui::{
    Button, ButtonVariant, Dialog, Drawer, DrawerSide, IconButton, IconName, Menu, MenuItem, Popover, PopoverItem,
    Tooltip,
};

pub fn dialog(_: &mut Knobs) -> Demo {
    Demo::new(move |pane| {
        let open = RwSignal::new(false);
        view! {
            <Button label="Delete…" on_click=move |_| open.set(true) />
            <Dialog id=id!(pane, "delete") open title="Delete this conversation?">
                <p class="text-ink-soft">"Its messages are gone for good. What they cost stays in the ledger."</p>
                <div class="flex justify-end gap-2">
                    <Button label="Cancel" on_click=move |_| open.set(false) />
                    <Button label="Delete" variant=ButtonVariant::Danger on_click=move |_| open.set(false) />
                </div>
            </Dialog>
        }
    })
}

pub fn drawer(knobs: &mut Knobs) -> Demo {
    let side = knobs.choice("side", variants![DrawerSide: Right, Left]);
    Demo::new(move |pane| {
        let open = RwSignal::new(false);
        view! {
            <Button label="Details" on_click=move |_| open.set(true) />
            <Drawer id=id!(pane, "details") open title="Request" close="Close" side=side.get()>
                <p class="text-ink-soft">"Answered by the model inside, in 1.2 seconds."</p>
                <Button label="Done" on_click=move |_| open.set(false) />
            </Drawer>
        }
    })
}

pub fn menu(_: &mut Knobs) -> Demo {
    Demo::new(move |pane| {
        view! {
            <Menu id=id!(pane, "actions") label="Actions">
                <MenuItem icon=IconName::Pencil label="Rename" />
                <MenuItem icon=IconName::Pin label="Pin" />
                <MenuItem icon=IconName::Copy label="Duplicate" disabled=true />
                <MenuItem icon=IconName::Trash label="Delete" danger=true />
            </Menu>
        }
    })
}

pub fn popover(_: &mut Knobs) -> Demo {
    Demo::new(move |pane| {
        view! {
            <IconButton icon=IconName::Ellipsis label="More" opens=id!(pane, "more") />
            <Popover id=id!(pane, "more") label="More">
                <PopoverItem icon=IconName::Coins label="Credits" href="#popover" />
                <PopoverItem icon=IconName::Copy label="Copy the link" closes=id!(pane, "more") />
            </Popover>
        }
    })
}

pub fn tooltip(knobs: &mut Knobs) -> Demo {
    let text = knobs.text("text", "Held until the answer is there");
    Demo::new(move |pane| {
        view! {
            <Tooltip id=id!(pane, "held") text=text.get()>
                <Button label="1 credit held" variant=ButtonVariant::Ghost />
            </Tooltip>
        }
    })
}
