//! The parts of the page of a trace.

use leptos::prelude::*;

use super::figures::dollars;
use super::traces::Names;
use super::user_sections::{rows, section};
use crate::admin::server::credits::MAX_REASON_CHARS;
use crate::admin::server::traces::{AttemptView, StepView, TraceView, UserEntry, WorkMoney};
use crate::credits::EntryReason;
use crate::i18n::{Text, count_written, fill, grouped, t};
use crate::ui::{Align, Badge, BadgeTone, Button, ButtonVariant, Column, Field, TableCell, Timestamp};
use crate::usage::Outcome;

/// A user by their address, with a link to them.
fn user_link(id: String, names: &Names) -> AnyView {
    let (href, name) = (format!("/admin/users/{id}"), names.get(&id).cloned().unwrap_or(id));
    view! {
        <a class="break-all text-accent underline" href=href>
            {name}
        </a>
    }
    .into_any()
}

/// What became of the credits, and the forms that give them back.
pub fn money_section(work: Vec<WorkMoney>, request_id: &str, names: &Names) -> AnyView {
    if work.is_empty() {
        return section(
            Text::Credits,
            view! { <p class="text-sm text-ink-soft">{t(Text::NothingWasHeld)}</p> }.into_any(),
        );
    }
    let one = |(number, work): (usize, WorkMoney)| {
        let amounts = [
            ("held", work.held.as_entry()),
            ("charged", work.charged.as_entry()),
            ("released", work.released.as_entry()),
            ("open", work.open.as_entry()),
        ];
        let amounts: Vec<(&str, &str)> = amounts.iter().map(|(name, amount)| (*name, amount.as_str())).collect();
        let sum = fill(Text::MoneyOfWork, &amounts);
        let state = if work.open.is_positive() {
            view! { <Badge tone=BadgeTone::Warning>{t(Text::StillOpen)}</Badge> }.into_any()
        } else {
            view! { <Badge tone=BadgeTone::Success>{t(Text::NothingOpen)}</Badge> }.into_any()
        };
        let given = work.goodwill.map(|amount| {
            let credits = count_written(Text::CreditsCount, &amount.as_entry());
            view! { <p class="text-sm">{fill(Text::GoodwillWasGiven, &[("credits", &credits)])}</p> }
        });
        let may = work.goodwill.is_none() && work.charged.is_positive();
        let form = may.then(|| goodwill_form(&work, request_id, number));
        view! {
            <li class="space-y-3 rounded-md border border-line bg-surface p-4">
                <p class="flex flex-wrap items-baseline gap-x-3 gap-y-1">
                    <span class="tabular-nums">{sum}</span>
                    {state}
                </p>
                <p class="flex flex-wrap gap-x-3 text-sm text-ink-soft">
                    {work.kind.map(crate::platform::work_kind::WorkKind::as_str)}
                    <code class="text-xs break-all">{work.work_id}</code>
                    {user_link(work.user_id, names)}
                </p>
                {given}
                {form}
            </li>
        }
    };
    let items = work.into_iter().enumerate().map(one).collect::<Vec<_>>();
    section(Text::Credits, view! { <ul class="space-y-3">{items}</ul> }.into_any())
}

/// It asks, and changes nothing yet.
fn goodwill_form(work: &WorkMoney, request_id: &str, number: usize) -> AnyView {
    /// Ids are of the page: more works than these of one id share a name, which costs a label its field and nothing else.
    const IDS: [&str; 8] =
        ["reason", "reason-2", "reason-3", "reason-4", "reason-5", "reason-6", "reason-7", "reason-8"];
    let id = IDS[number.min(IDS.len() - 1)];
    view! {
        <form method="get" action=format!("/admin/traces/{request_id}") class="grid items-end gap-3 sm:grid-cols-[1fr_auto]">
            <input type="hidden" name="work" value=work.work_id.clone() />
            <Field name="reason" id=id label=t(Text::ReasonForUser) max_chars=MAX_REASON_CHARS required=true />
            <Button label=t(Text::GiveGoodwill) kind="submit" variant=ButtonVariant::Primary />
        </form>
    }
    .into_any()
}

/// What was done, and when: a list for each server that did something.
pub fn timeline_section(traces: Vec<TraceView>, names: &Names) -> AnyView {
    let one = |trace: TraceView| {
        let ends = trace.steps.iter().map(|step| step.at_ms.saturating_add(step.took_ms));
        let whole = ends.chain([trace.took_ms, 1]).max().unwrap_or(1);
        let steps = trace.steps.into_iter().map(|step| step_item(step, whole)).collect::<Vec<_>>();
        let response = trace.status.map(|status| {
            let name = t(Text::StepResponse).to_owned();
            bar_item(name, status.to_string(), trace.took_ms, 0, whole)
        });
        let cut = (trace.cut > 0).then(|| {
            let text = fill(Text::StepsCut, &[("count", &grouped(u64::from(trace.cut)))]);
            view! { <p class="px-4 py-2 text-sm text-ink-soft">{text}</p> }
        });
        view! {
            <article class="rounded-md border border-line bg-surface">
                <header class="flex flex-wrap items-baseline gap-x-4 gap-y-1 border-b border-line px-4 py-2 text-sm">
                    <h3 class="font-mono font-medium break-all">{trace.what}</h3>
                    {trace.user_id.map(|id| user_link(id, names))}
                    <Timestamp at=trace.at />
                </header>
                <ol class="divide-y divide-line">{steps}{response}</ol>
                {cut}
            </article>
        }
    };
    let body = if traces.is_empty() {
        view! { <p class="text-sm text-ink-soft">{t(Text::TraceIsGone)}</p> }.into_any()
    } else {
        traces.into_iter().map(one).collect::<Vec<_>>().into_any()
    };
    section(Text::Timeline, body)
}

fn step_item(step: StepView, whole: u32) -> AnyView {
    let facts: Vec<String> = step.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    bar_item(step_name(step.kind), facts.join(" · "), step.at_ms, step.took_ms, whole)
}

fn bar_item(name: String, about: String, at: u32, took: u32, whole: u32) -> AnyView {
    let part = |millis: u32| u64::from(millis) * 1000 / u64::from(whole.max(1));
    // The shortest can be seen, and the last does not leave the picture.
    let width = part(took).max(6);
    let x = part(at).min(1000 - width.min(1000));
    let span = |millis: u32| grouped(u64::from(millis));
    let times = if took > 0 {
        fill(Text::StepTimes, &[("at", &span(at)), ("took", &span(took))])
    } else {
        fill(Text::StepTime, &[("at", &span(at))])
    };
    view! {
        <li class="grid gap-x-4 gap-y-1 px-4 py-2 text-sm sm:grid-cols-[12rem_1fr_12rem] sm:items-center">
            <span class="font-medium">{name}</span>
            <svg
                viewBox="0 0 1000 8"
                preserveAspectRatio="none"
                class="order-last h-2 w-full rounded-sm bg-sunken sm:order-none"
                aria-hidden="true"
            >
                <rect class="fill-accent" x=x.to_string() y="0" width=width.to_string() height="8" />
            </svg>
            <span class="text-ink-soft tabular-nums sm:text-right">{times}</span>
            {(!about.is_empty()).then(|| view! { <span class="break-words text-ink-soft sm:col-span-3">{about}</span> })}
        </li>
    }
    .into_any()
}

/// What a step is called. One that another version wrote has its stored name.
fn step_name(kind: &str) -> String {
    let text = match kind {
        "caller" => Text::StepCaller,
        "limit" => Text::StepLimit,
        "cache" => Text::StepCache,
        "hold" => Text::StepHold,
        "extend" => Text::StepExtend,
        "attempt" => Text::StepAttempt,
        "settle" => Text::StepSettle,
        "release" => Text::StepRelease,
        "payment" => Text::StepPayment,
        other => return other.to_owned(),
    };
    t(text).to_owned()
}

/// What an outcome is called, by its stored name.
pub fn outcome_text(name: &'static str) -> &'static str {
    Outcome::parse(name).map_or(name, |outcome| t(outcome.text()))
}

/// Each time that a provider was asked.
pub fn attempts_section(attempts: Vec<AttemptView>) -> AnyView {
    let row = |attempt: AttemptView| {
        let tone = if matches!(attempt.outcome, "ok" | "stopped") { BadgeTone::Success } else { BadgeTone::Danger };
        let about = if attempt.estimated { "≈ " } else { "" };
        let tokens = format!("{about}{} / {}", attempt.input_tokens, attempt.output_tokens);
        let cost = attempt.cost_micros.map_or_else(|| "–".to_owned(), dollars);
        view! {
            <tr>
                <TableCell><Timestamp at=attempt.at /></TableCell>
                <TableCell>{attempt.provider}</TableCell>
                <TableCell><span class="block min-w-32 break-words">{attempt.model}</span></TableCell>
                <TableCell><Badge tone=tone>{outcome_text(attempt.outcome)}</Badge></TableCell>
                <TableCell align=Align::End>{tokens}</TableCell>
                <TableCell align=Align::End>{format!("{} ms", grouped(u64::from(attempt.latency_ms)))}</TableCell>
                <TableCell align=Align::End>{cost}</TableCell>
            </tr>
        }
        .into_any()
    };
    let columns = vec![
        Column::text(t(Text::AuditTime)),
        Column::text(t(Text::AttemptProvider)),
        Column::text(t(Text::AttemptModel)),
        Column::text(t(Text::AttemptOutcome)),
        Column::number(t(Text::AttemptTokens)),
        Column::number(t(Text::AttemptTime)),
        Column::number(t(Text::UsageCost)),
    ];
    rows(Text::UsageAttempts, columns, attempts.into_iter().map(row).collect())
}

/// The entries of the ledger.
pub fn entries_section(entries: Vec<UserEntry>, names: &Names) -> AnyView {
    let row = |UserEntry { user_id, entry }: UserEntry| {
        let reason = entry.reason.map(|reason| EntryReason::parse(entry.kind, &reason).to_text());
        let user = user_link(user_id, names);
        view! {
            <tr>
                <TableCell><Timestamp at=entry.created_at /></TableCell>
                <TableCell><span class="block min-w-40">{user}</span></TableCell>
                <TableCell>{t(entry.kind.text(entry.work))}</TableCell>
                <TableCell align=Align::End>{entry.amount.as_entry()}</TableCell>
                <TableCell align=Align::End>{entry.held_change.as_entry()}</TableCell>
                <TableCell><span class="break-words">{reason}</span></TableCell>
            </tr>
        }
        .into_any()
    };
    let columns = vec![
        Column::text(t(Text::AuditTime)),
        Column::text(t(Text::UserColumn)),
        Column::text(t(Text::EntryKind)),
        Column::number(t(Text::EntryAmount)),
        Column::number(t(Text::Held)),
        Column::text(t(Text::EntryReason)),
    ];
    rows(Text::LedgerOfRequest, columns, entries.into_iter().map(row).collect())
}
