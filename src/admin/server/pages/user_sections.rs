//! The parts of the page of a user.

use leptos::prelude::*;

use super::confirm::TaskForm;
use super::figures::dollars;
use crate::admin::server::credits::MAX_REASON_CHARS;
use crate::admin::server::users::{CreditsNow, KeyNow, SessionNow, StoredNow, UsageNow};
use crate::credits::{EntryReason, LedgerEntry, Lot};
use crate::i18n::{Text, grouped, t};
use crate::payments::{PaymentState, PaymentView};
use crate::ui::{Badge, Button, ButtonSize, ButtonVariant, Column, Field, Table, TableCell, TableState, Timestamp};

/// A part with its heading.
pub fn section(heading: Text, body: AnyView) -> AnyView {
    view! {
        <section class="space-y-3">
            <h2 class="text-lg font-semibold">{t(heading)}</h2>
            {body}
        </section>
    }
    .into_any()
}

/// Rows in a table; a line where there are none.
pub fn rows(label: Text, columns: Vec<Column>, rows: Vec<AnyView>) -> AnyView {
    let state = if rows.is_empty() { TableState::Empty } else { TableState::Ready };
    section(
        label,
        view! {
            <Table label=t(label) columns state empty=t(Text::NothingFound)>
                {rows}
            </Table>
        }
        .into_any(),
    )
}

/// Numbers, each with what it counts.
fn numbers(all: Vec<(Text, String)>) -> impl IntoView {
    let one = |(label, number): (Text, String)| {
        view! {
            <div class="rounded-md border border-line bg-surface px-4 py-3">
                <dt class="text-sm text-ink-soft">{t(label)}</dt>
                <dd class="text-xl font-semibold break-all tabular-nums">{number}</dd>
            </div>
        }
    };
    view! { <dl class="grid grid-cols-2 gap-3 lg:grid-cols-4">{all.into_iter().map(one).collect::<Vec<_>>()}</dl> }
}

/// The balance, where it comes from, and the form that changes it.
pub fn credits_section(credits: CreditsNow, id: &str, form: TaskForm) -> AnyView {
    let balance = vec![
        (Text::Available, credits.available.as_entry()),
        (Text::Held, credits.held.as_entry()),
        (Text::Debt, credits.debt.as_entry()),
    ];
    let lot = |lot: Lot| {
        let expires = match lot.expires_at {
            Some(at) => view! { {t(Text::ExpiresAt)} " " <Timestamp at /> }.into_any(),
            None => t(Text::NeverExpires).into_any(),
        };
        view! {
            <li class="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-2 text-sm">
                <span class="font-medium tabular-nums">{lot.left.as_entry()}</span>
                <Badge>{t(lot.origin.text())}</Badge>
                <span class="text-ink-soft">{expires}</span>
            </li>
        }
    };
    let lots = credits.lots.into_iter().map(lot).collect::<Vec<_>>();
    let lots = (!lots.is_empty())
        .then(|| view! { <ol class="divide-y divide-line rounded-md border border-line bg-surface">{lots}</ol> });
    let body = view! {
        {numbers(balance)}
        {lots}
        // It asks, and changes nothing yet.
        <form method="get" action=format!("/admin/users/{id}") class="grid items-end gap-3 sm:grid-cols-[10rem_1fr_auto]">
            <input type="hidden" name="do" value="adjust" />
            <Field name="amount" id="amount" label=t(Text::CreditsToGive) value=form.amount required=true />
            <Field
                name="reason"
                id="reason"
                label=t(Text::ReasonForUser)
                value=form.reason
                max_chars=MAX_REASON_CHARS
                required=true
            />
            <Button label=t(Text::AdjustCredits) kind="submit" variant=ButtonVariant::Primary />
        </form>
    };
    section(Text::Credits, body.into_any())
}

/// The newest entries of the ledger.
pub fn ledger_section(entries: Vec<LedgerEntry>) -> AnyView {
    let row = |entry: LedgerEntry| {
        let reason = entry.reason.map(|reason| EntryReason::parse(entry.kind, &reason).to_text());
        let request = (!entry.request_id.is_empty()).then(|| {
            let href = format!("/admin/traces/{}", entry.request_id);
            view! { <a class="block min-w-40 font-mono text-xs break-all text-accent underline" href=href>{entry.request_id}</a> }
        });
        view! {
            <tr>
                <TableCell><Timestamp at=entry.created_at /></TableCell>
                <TableCell>{t(entry.kind.text(entry.work))}</TableCell>
                <TableCell align=crate::ui::Align::End>{entry.amount.as_entry()}</TableCell>
                <TableCell align=crate::ui::Align::End>{entry.available_after.as_entry()}</TableCell>
                <TableCell><span class="break-words">{reason}</span></TableCell>
                <TableCell>{request}</TableCell>
            </tr>
        }
        .into_any()
    };
    let columns = vec![
        Column::text(t(Text::AuditTime)),
        Column::text(t(Text::EntryKind)),
        Column::number(t(Text::EntryAmount)),
        Column::number(t(Text::AvailableAfter)),
        Column::text(t(Text::EntryReason)),
        Column::text(t(Text::RequestId)),
    ];
    rows(Text::NewestEntries, columns, entries.into_iter().map(row).collect())
}

/// What the state of a payment is called.
const fn state_text(state: PaymentState) -> Text {
    match state {
        PaymentState::Created => Text::StateCreated,
        PaymentState::Pending => Text::StatePending,
        PaymentState::Captured => Text::StateCaptured,
        PaymentState::Credited => Text::StateCredited,
        PaymentState::Declined => Text::StateDeclined,
        PaymentState::Abandoned => Text::StateAbandoned,
        PaymentState::Rejected => Text::StateRejected,
    }
}

/// The newest purchases.
pub fn purchases_section(purchases: Vec<PaymentView>, user: &str) -> AnyView {
    let row = |bought: PaymentView| {
        let money = format!("{} {}", bought.price.to_decimal(), bought.price.currency);
        // It asks, and says what there is to give back.
        let refund = bought.state.is_paid().then(|| {
            let href = format!("/admin/users/{user}?do=refund&payment={}", bought.id);
            view! { <Button label=t(Text::RefundPurchase) href size=ButtonSize::Small /> }
        });
        view! {
            <tr>
                <TableCell><Timestamp at=bought.created_at /></TableCell>
                <TableCell>{bought.name}</TableCell>
                <TableCell align=crate::ui::Align::End>{bought.credits.as_entry()}</TableCell>
                <TableCell align=crate::ui::Align::End>{money}</TableCell>
                <TableCell>{t(state_text(bought.state))}</TableCell>
                <TableCell>{refund}</TableCell>
            </tr>
        }
        .into_any()
    };
    let columns = vec![
        Column::text(t(Text::AuditTime)),
        Column::text(t(Text::BoughtWhat)),
        Column::number(t(Text::Credits)),
        Column::number(t(Text::PaperAmount)),
        Column::text(t(Text::PaymentStateName)),
        Column::text(t(Text::RefundPurchase)),
    ];
    rows(Text::Purchases, columns, purchases.into_iter().map(row).collect())
}

/// Where they are signed in.
pub fn sessions_section(sessions: Vec<SessionNow>) -> AnyView {
    let row = |session: SessionNow| {
        view! {
            <tr>
                <TableCell>{session.device}</TableCell>
                <TableCell><span class="break-all">{session.address}</span></TableCell>
                <TableCell><Timestamp at=session.created_at /></TableCell>
                <TableCell><Timestamp at=session.last_used_at /></TableCell>
            </tr>
        }
        .into_any()
    };
    let columns = [Text::SessionDevice, Text::SessionAddress, Text::SessionBegan, Text::SessionUsed];
    let columns = columns.map(|text| Column::text(t(text))).to_vec();
    rows(Text::UserSessions, columns, sessions.into_iter().map(row).collect())
}

/// Their API keys, without what they are called.
pub fn keys_section(keys: Vec<KeyNow>) -> AnyView {
    let row = |key: KeyNow| {
        let scopes = key.scopes.into_iter().map(crate::account::Scope::as_str).collect::<Vec<_>>().join(", ");
        view! {
            <tr>
                <TableCell><code class="text-xs">{key.id}</code></TableCell>
                <TableCell>{scopes}</TableCell>
                <TableCell><Timestamp at=key.created_at /></TableCell>
                <TableCell>{key.last_used_at.map(|at| view! { <Timestamp at /> })}</TableCell>
            </tr>
        }
        .into_any()
    };
    let columns = [Text::UserKey, Text::KeyScopes, Text::SessionBegan, Text::SessionUsed];
    rows(Text::UserKeys, columns.map(|text| Column::text(t(text))).to_vec(), keys.into_iter().map(row).collect())
}

/// What was asked of providers, and what is stored.
pub fn usage_section(usage: UsageNow, images: StoredNow) -> AnyView {
    let mebibytes = |bytes: u64| format!("{} MiB", grouped(bytes.div_ceil(1024 * 1024)));
    let all = vec![
        (Text::UsageAttempts, grouped(usage.attempts)),
        (Text::UsageFailed, grouped(usage.failed)),
        (Text::UsageInput, grouped(usage.input_tokens)),
        (Text::UsageOutput, grouped(usage.output_tokens)),
        (Text::UsageCost, dollars(usage.cost_micros)),
        (Text::ImagesMade, grouped(images.made)),
        (Text::ImagesMadeSize, mebibytes(images.made_bytes)),
        (Text::ImagesSentSize, mebibytes(images.sent_bytes)),
    ];
    section(Text::UserUsage, numbers(all).into_any())
}
