//! What leads elsewhere.

use leptos::prelude::*;

use crate::showcase::knobs::{Demo, Knobs, id, name};
use crate::ui::{Breadcrumbs, LanguageSwitch, Pagination, TabPanel, Tabs, ThemeSwitch};

pub fn tabs(_: &mut Knobs) -> Demo {
    Demo::new(move |pane| {
        let selected = RwSignal::new(0);
        let id = id!(pane, "range");
        view! {
            <div class="w-full">
                <Tabs id label="Range" tabs=["Day", "Week", "Month"].map(str::to_owned).into() selected />
                <TabPanel tabs=id index=0 selected>
                    "What was asked today."
                </TabPanel>
                <TabPanel tabs=id index=1 selected>
                    "What was asked this week."
                </TabPanel>
                <TabPanel tabs=id index=2 selected>
                    "What was asked this month."
                </TabPanel>
            </div>
        }
    })
}

pub fn breadcrumbs(knobs: &mut Knobs) -> Demo {
    let here = knobs.text("here", "Ada Lovelace");
    Demo::new(move |pane| {
        let above = vec![("#breadcrumbs", "Admin".to_owned()), ("#breadcrumbs", "Users".to_owned())];
        view! { <Breadcrumbs label=name!(pane, "You are here") above here=here.get() /> }
    })
}

pub fn pagination(knobs: &mut Knobs) -> Demo {
    let pages = knobs.choice("pages", &[("12", 12), ("3", 3)]);
    Demo::new(move |pane| {
        let page = RwSignal::new(1);
        let pages = pages.get();
        move || {
            view! {
                <Pagination
                    label=name!(pane, "Pages")
                    page=page.get()
                    pages
                    base="?page="
                    previous="Previous page"
                    next="Next page"
                    on_page=move |to| page.set(to)
                />
            }
        }
    })
}

pub fn theme_switch(_: &mut Knobs) -> Demo {
    Demo::new(move |_| {
        view! { <ThemeSwitch next="/components" /> }
    })
}

pub fn language_switch(_: &mut Knobs) -> Demo {
    Demo::once(move |_| {
        view! { <LanguageSwitch next="/components" /> }
    })
}
