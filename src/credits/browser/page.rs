//! `/dashboard`: the balance and the ledger.

use leptos::{
    either::{Either, EitherOf3},
    prelude::*,
};

use super::components::{BalanceCard, LedgerTable};
use crate::credits::server_fns::load_dashboard;
use crate::credits::{Activity, Dashboard, Page};
use crate::i18n::{Text, t};
use crate::platform::browser::navigation::use_navigation;
use crate::platform::browser::page_data::use_page_data;
use crate::ui::{Alert, AlertTone, Button, Card, EmptyState, Skeleton};

/// Balance and ledger; `?cursor=` asks for older entries.
#[component]
pub fn DashboardPage() -> impl IntoView {
    let navigation = use_navigation();
    let cursor = move || navigation.query("cursor");
    let data = use_page_data(cursor, load_dashboard);
    let content = move || match data.get() {
        None => EitherOf3::A(view! {
            <Skeleton class="h-36 w-full" />
            <Skeleton class="h-96 w-full" />
        }),
        Some(Err(error)) => EitherOf3::B(view! { <Alert tone=AlertTone::Danger text=error.to_string() /> }),
        Some(Ok(Dashboard { credits, lots, activity })) => EitherOf3::C(view! {
            <BalanceCard credits />
            <div class="space-y-6" inner_html=Some(lots)></div>
            <Ledger page=activity is_older=cursor().is_some() />
        }),
    };
    view! {
        <div class="mx-auto max-w-4xl space-y-6 px-4 py-8 sm:px-6">
            <div class="flex flex-wrap items-center justify-between gap-3">
                <h1 class="text-2xl font-semibold tracking-tight">{t(Text::Credits)}</h1>
                <Button href="/buy-credits" label=t(Text::GetMoreCredits) />
            </div>
            {content}
        </div>
    }
}

/// One page of the ledger with the ways to the others.
#[component]
fn Ledger(
    /// What happened.
    page: Page<Activity>,
    /// This is not the newest page.
    is_older: bool,
) -> impl IntoView {
    let is_empty = page.items.is_empty();
    view! {
        <section aria-labelledby="activity" class="@container space-y-3">
            <div class="flex items-center justify-between">
                <h2 id="activity" class="text-lg font-semibold">
                    {t(Text::Activity)}
                </h2>
                <a
                    href="/api/credits/ledger?format=csv"
                    download="tessera-ledger.csv"
                    rel="external"
                    class="rounded-md text-sm font-medium text-accent hover:underline"
                >
                    {t(Text::DownloadCsv)}
                </a>
            </div>
            <Card class="">
                {if is_empty {
                    Either::Left(
                        view! {
                            <EmptyState
                                title=t(Text::NothingHappened)
                                text=t(Text::NothingHappenedExplained)
                                href="/chat"
                                action=t(Text::AskSomething)
                            />
                        },
                    )
                } else {
                    Either::Right(view! { <LedgerTable lines=page.items /> })
                }}
            </Card>
            <nav class="flex justify-end gap-2" aria-label=t(Text::PagesOfTheLedger)>
                {is_older.then(|| view! { <Button href="/dashboard" label=t(Text::Newest) /> })}
                {page.next_cursor
                    .map(|cursor| view! { <Button href=format!("/dashboard?cursor={cursor}") label=t(Text::OlderEntries) /> })}
            </nav>
        </section>
    }
}
