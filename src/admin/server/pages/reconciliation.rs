//! `/admin/reconciliation`.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use serde::Deserialize;

use super::frame::{Section, page};
use super::visitor::Visitor;
use crate::account::server::forms::PageForm;
use crate::bookkeeping::server::finding::{DriftKind, MOST_FINDINGS, RunCounts};
use crate::bookkeeping::server::{Bookkeeping, FindingView, RunView, Standing};
use crate::document::response::error_page;
use crate::i18n::{Text, count, fill, grouped, t};
use crate::platform::error::AppError;
use crate::ui::{
    Alert, AlertTone, Badge, BadgeTone, Button, ButtonVariant, Column, Table, TableCell, TableState, Timestamp,
};

/// A form that only is sent.
#[derive(Deserialize)]
pub struct NoFields {}

/// `GET /admin/reconciliation`.
pub async fn show(State(books): State<Bookkeeping>, visitor: Visitor) -> Response {
    let Standing { running, runs } = match books.standing().await {
        Ok(standing) => standing,
        Err(error) => return error_page(&visitor.site, visitor.theme, &AppError::from(error)),
    };
    page(&visitor, Section::Reconciliation, t(Text::Reconciliation), 200, || {
        let mut runs = runs.into_iter();
        let last = runs.next().map(verdict);
        let earlier: Vec<_> = runs.collect();
        view! {
            <p class="max-w-prose text-sm text-ink-soft">{t(Text::ReconciliationExplained)}</p>
            {if running {
                view! { <Alert tone=AlertTone::Info text=t(Text::CheckRunning).to_owned() /> }.into_any()
            } else {
                view! {
                    <form method="post" action=Section::Reconciliation.path()>
                        <Button label=t(Text::CheckNow) kind="submit" variant=ButtonVariant::Primary />
                    </form>
                }
                    .into_any()
            }}
            {match last {
                Some(verdict) => verdict,
                None => view! { <p>{t(Text::NeverChecked)}</p> }.into_any(),
            }}
            {(!earlier.is_empty()).then(|| history(earlier))}
        }
    })
}

/// `POST /admin/reconciliation`: begins a check, if none goes on.
pub async fn run(State(books): State<Bookkeeping>, visitor: Visitor, _: PageForm<NoFields>) -> Response {
    match books.begin_reconciliation().await {
        Ok(_) => Redirect::to(Section::Reconciliation.path()).into_response(),
        Err(error) => error_page(&visitor.site, visitor.theme, &AppError::from(error)),
    }
}

/// The last check.
fn verdict(last: RunView) -> AnyView {
    let drifts: u64 = last.run.drifts.values().sum();
    let shown = last.findings.len();
    let alert = match drifts {
        0 => view! { <Alert tone=AlertTone::Info text=t(Text::BooksAgree).to_owned() /> }.into_any(),
        _ => view! { <Alert tone=AlertTone::Danger text=count(Text::BooksDisagree, drifts) /> }.into_any(),
    };
    let more = (u64::try_from(shown).unwrap_or(u64::MAX) < drifts)
        .then(|| fill(Text::OnlySoManyShown, &[("count", &MOST_FINDINGS.to_string())]));
    let kinds = DriftKind::ALL.into_iter().filter_map(|kind| {
        let found: Vec<_> = last.findings.iter().filter(|view| view.finding.kind == kind).cloned().collect();
        let all = last.run.drifts.get(kind.as_str()).copied()?;
        Some(of_kind(kind, all, found))
    });
    view! {
        <section class="space-y-4">
            <p class="text-sm text-ink-soft">{t(Text::CheckedAt)} " " <Timestamp at=last.run.ended_at.clone() /></p>
            {alert}
            {looked_at(&last.run.counts)}
            {kinds.collect::<Vec<_>>()}
            {more.map(|text| view! { <p class="text-sm text-ink-soft">{text}</p> })}
        </section>
    }
    .into_any()
}

/// What was looked at.
fn looked_at(counts: &RunCounts) -> impl IntoView + use<> {
    let mut all = vec![
        (Text::CountAccounts, counts.accounts),
        (Text::CountEntries, counts.entries),
        (Text::CountPayments, counts.payments),
        (Text::CountPapers, counts.papers),
        (Text::CountOpenHolds, counts.open_holds),
        (Text::CountImages, counts.images),
    ];
    all.extend(counts.files.map(|files| (Text::CountFiles, files)));
    let one = |(label, number): (Text, u64)| {
        view! {
            <div class="rounded-md border border-line bg-surface px-4 py-3">
                <dt class="text-sm text-ink-soft">{t(label)}</dt>
                <dd class="text-xl font-semibold tabular-nums">{grouped(number)}</dd>
            </div>
        }
    };
    view! {
        <h2 class="text-xl font-semibold">{t(Text::LookedAt)}</h2>
        <dl class="grid grid-cols-2 gap-3 lg:grid-cols-4">{all.into_iter().map(one).collect::<Vec<_>>()}</dl>
    }
}

/// What does not agree, of one kind, and how it is mended.
fn of_kind(kind: DriftKind, all: u64, found: Vec<FindingView>) -> AnyView {
    let one = |FindingView { finding, .. }: FindingView| {
        let numbers = finding.numbers.into_iter().map(|(name, number)| format!("{name}: {number}"));
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        let subject = match finding.user {
            Some(user) => {
                let href = format!("/admin/users/{user}");
                view! { <a class="font-medium break-all text-accent underline" href=href>{finding.subject}</a> }
                    .into_any()
            }
            None => view! { <span class="font-medium break-all">{finding.subject}</span> }.into_any(),
        };
        view! {
            <li class="space-y-1 px-4 py-2 text-sm">
                {subject}
                <p class="break-words text-danger">{numbers}</p>
            </li>
        }
    };
    let list = found.into_iter().map(one).collect::<Vec<_>>();
    view! {
        <section class="space-y-3 rounded-md border border-danger bg-surface p-4">
            <h2 class="flex flex-wrap items-center gap-2 text-lg font-semibold">
                {t(kind.text())} <Badge tone=BadgeTone::Danger>{grouped(all)}</Badge>
            </h2>
            <p class="max-w-prose text-sm">
                <strong>{t(Text::ToMend)} ": "</strong>
                {t(kind.remedy())}
                " "
                <code class="rounded bg-sunken px-1">{kind.command()}</code>
            </p>
            <ul class="divide-y divide-line">{list}</ul>
        </section>
    }
    .into_any()
}

fn history(earlier: Vec<RunView>) -> impl IntoView {
    let rows: Vec<_> = earlier
        .into_iter()
        .map(|RunView { run, .. }| {
            let drifts: u64 = run.drifts.values().sum();
            let tone = if drifts == 0 { BadgeTone::Success } else { BadgeTone::Danger };
            view! {
                <tr>
                    <TableCell><Timestamp at=run.began_at /></TableCell>
                    <TableCell align=crate::ui::Align::End>{grouped(run.counts.accounts)}</TableCell>
                    <TableCell align=crate::ui::Align::End>{grouped(run.counts.entries)}</TableCell>
                    <TableCell align=crate::ui::Align::End>
                        <Badge tone>{grouped(drifts)}</Badge>
                    </TableCell>
                </tr>
            }
        })
        .collect();
    let columns = vec![
        Column::text(t(Text::CheckedAt)),
        Column::number(t(Text::CountAccounts)),
        Column::number(t(Text::CountEntries)),
        Column::number(t(Text::DriftCount)),
    ];
    view! {
        <section class="space-y-3">
            <h2 class="text-xl font-semibold">{t(Text::EarlierChecks)}</h2>
            <Table label=t(Text::EarlierChecks) columns state=TableState::Ready empty=t(Text::NothingFound)>
                {rows}
            </Table>
        </section>
    }
}
