//! `/receipts/{number}`: a paper as a page that prints well. It has no script.

use axum::Router;
use axum::extract::{FromRef, Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use leptos::prelude::*;

use super::Papers;
use super::paper::Paper;
use super::sheet::Sheet;
use crate::account::server::Account;
use crate::account::server::caller::{Caller, READ};
use crate::account::server::forms::sign_in_address;
use crate::document::response::{error_page, static_response};
use crate::document::{StaticPage, render_static_page};
use crate::i18n::{Text, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::site::Site;
use crate::ui::{Button, ButtonVariant, Theme};

/// The page of papers.
pub fn pages<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Papers: FromRef<S>,
    Site: FromRef<S>,
{
    Router::new().route("/receipts/{number}", get(show))
}

async fn show(
    State(papers): State<Papers>,
    State(account): State<Account>,
    State(site): State<Site>,
    theme: Theme,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Response {
    let path = format!("/receipts/{number}");
    match find(&papers, &account, &headers, &number).await {
        Ok(paper) => {
            let sheet = Sheet::of(&paper);
            let title = format!("{} {}", sheet.title, sheet.number);
            let page = StaticPage {
                title: &title,
                description: "",
                path: &path,
                canonical: None,
                theme,
                prefetch: false,
                is_secret: true,
            };
            let pdf = paper.pdf();
            let html = render_static_page(page, site.leptos(), || view! { <PaperSheet sheet pdf /> });
            let mut response = static_response(200, html);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(AppError::Unauthenticated) => Redirect::to(&sign_in_address(&path)).into_response(),
        Err(error) => error_page(&site, theme, &error),
    }
}

async fn find(papers: &Papers, account: &Account, headers: &HeaderMap, number: &str) -> AppResult<Paper> {
    let caller = Caller::from_headers(account, headers).await?.into_one_who_may(READ)?;
    papers.find(caller.id, number).await
}

#[component]
fn PaperSheet(
    /// What stands on it.
    sheet: Sheet,
    /// Where its PDF is.
    pdf: String,
) -> impl IntoView {
    let Sheet { title, seller, buyer, facts, item, amount, sums, total, notes, footer, .. } = sheet;
    let mut seller = seller.into_iter();
    let name = seller.next();
    let lines =
        |lines: Vec<String>| lines.into_iter().map(|line| view! { <p dir="auto">{line}</p> }).collect::<Vec<_>>();
    let row = |(name, value): (String, String)| {
        view! {
            <div class="flex justify-between gap-6 py-1">
                <dt>{name}</dt>
                <dd class="tabular-nums">{value}</dd>
            </div>
        }
    };
    let facts = facts.into_iter().map(|(name, value)| {
        view! {
            <div class="flex justify-between gap-6 py-0.5">
                <dt class="text-ink-soft">{name}</dt>
                <dd class="min-w-0 text-right break-all tabular-nums">{value}</dd>
            </div>
        }
    });
    view! {
        <div class="mx-auto w-full max-w-3xl space-y-4 px-4 py-8 sm:px-6 print:p-0">
            <div class="flex flex-wrap justify-between gap-2 print:hidden">
                <Button href="/dashboard" label=t(Text::ToYourCredits) />
                <Button href=pdf label=t(Text::DownloadPdf) variant=ButtonVariant::Primary />
            </div>
            <article class="space-y-10 rounded-md border border-line bg-surface p-6 sm:p-12 print:border-0 print:p-0">
                <div class="text-sm break-words">
                    <p class="font-semibold" dir="auto">{name}</p>
                    <div class="text-ink-soft">{lines(seller.collect())}</div>
                </div>
                <h1 class="text-3xl font-semibold tracking-tight">{title}</h1>
                <div class="grid gap-6 text-sm sm:grid-cols-2">
                    <div class="min-w-0 break-words">
                        <p class="text-ink-soft">{t(Text::BilledTo)}</p>
                        {lines(buyer)}
                    </div>
                    <dl>{facts.collect::<Vec<_>>()}</dl>
                </div>
                <table class="w-full text-sm">
                    <thead class="text-left text-ink-soft">
                        <tr class="border-b border-line">
                            <th scope="col" class="py-2 font-normal">{t(Text::PaperItem)}</th>
                            <th scope="col" class="py-2 text-right font-normal">{t(Text::PaperAmount)}</th>
                        </tr>
                    </thead>
                    <tbody>
                        <tr class="border-b border-line">
                            <td class="py-3 break-words">{item}</td>
                            <td class="py-3 text-right whitespace-nowrap tabular-nums">{amount}</td>
                        </tr>
                    </tbody>
                </table>
                <dl class="ml-auto max-w-xs text-sm">
                    {sums.into_iter().map(row).collect::<Vec<_>>()}
                    <div class="flex justify-between gap-6 border-t border-line pt-2 font-semibold">
                        <dt>{t(Text::Total)}</dt>
                        <dd class="tabular-nums">{total}</dd>
                    </div>
                </dl>
                <div class="space-y-2 text-sm break-words">{lines(notes)}</div>
                <p class="text-xs break-words text-ink-soft">{footer}</p>
            </article>
        </div>
    }
}
