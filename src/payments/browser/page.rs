//! `/buy-credits` and what is below it. What they show is HTML of the server.

use std::time::Duration;

use leptos::{either::EitherOf3, prelude::*};

use crate::i18n::t;
use crate::layout::{tell_others, use_workspace};
use crate::payments::PurchasePage;
use crate::payments::server_fns::load_purchase_page;
use crate::platform::browser::navigation::use_navigation;
use crate::platform::browser::page_data::use_page_data;
use crate::routes::find_route;
use crate::ui::{Alert, AlertTone, Skeleton};

/// How soon a page looks again that waits for money.
const AGAIN: Duration = Duration::from_secs(5);

/// The heading, and what the server made.
#[component]
pub fn PurchasesPage() -> impl IntoView {
    let (workspace, navigation) = (use_workspace(), use_navigation());
    let data = use_page_data(move || navigation.address.get(), load_purchase_page);
    Effect::new(move |_| {
        let Some(Ok(PurchasePage { available, waits, has_landed, .. })) = &*data.read() else { return };
        if workspace.available.get_untracked() != *available {
            workspace.available.set(*available);
        }
        if *has_landed {
            tell_others();
        }
        if *waits {
            let here = navigation.address.get_untracked();
            set_timeout(
                move || {
                    leptos::task::spawn_local(async move {
                        let loaded = load_purchase_page(here.clone()).await;
                        // One may have gone on to another page meanwhile; and what cannot be had changes nothing.
                        if loaded.is_ok() && navigation.address.try_get_untracked() == Some(here) {
                            data.try_set(Some(loaded));
                        }
                    });
                },
                AGAIN,
            );
        }
    });
    let title = move || find_route(&navigation.path()).map_or("", |route| t(route.title));
    let content = move || match data.get() {
        None => EitherOf3::A(view! { <Skeleton class="h-96 w-full" /> }),
        Some(Err(error)) => EitherOf3::B(view! { <Alert tone=AlertTone::Danger text=error.to_string() /> }),
        Some(Ok(page)) => EitherOf3::C(view! { <div class="space-y-6" inner_html=Some(page.html)></div> }),
    };
    view! {
        <div class="mx-auto max-w-4xl space-y-6 px-4 py-8 sm:px-6">
            <h1 class="text-2xl font-semibold tracking-tight">{title}</h1>
            {content}
        </div>
    }
}
