//! The entries of the ledger.

use leptos::prelude::*;

use crate::credits::{Activity, EntryKind, EntryReason, LedgerEntry, Origin};
use crate::i18n::{Text, fill, t};
use crate::ui::{Badge, BadgeTone, Timestamp};

/// How an entry is tinted.
const fn tone_of(kind: EntryKind) -> BadgeTone {
    match kind {
        EntryKind::Grant | EntryKind::Purchase => BadgeTone::Success,
        EntryKind::Hold | EntryKind::Extend | EntryKind::Settle | EntryKind::Release => BadgeTone::Neutral,
        EntryKind::Expire | EntryKind::Refund | EntryKind::Adjust => BadgeTone::Warning,
    }
}

/// What it did to the account: its amount, or what it moved between available and held. What was given back was held before.
fn change(entry: &LedgerEntry) -> String {
    let (amount, held) = (entry.amount, entry.held_change);
    match (amount.is_zero(), held.is_zero()) {
        (true, false) if held.is_positive() => fill(Text::AmountHeld, &[("amount", &held.as_entry())]),
        (true, false) => fill(Text::AmountHeldAndFreed, &[("amount", &(-held).as_entry())]),
        _ if amount.is_positive() => "+".to_owned() + &amount.as_entry(),
        _ => amount.as_entry(),
    }
}

/// The last characters of a request id: the first are the time, which has a column of its own.
fn abbreviated(request_id: &str) -> String {
    let start = request_id.len().saturating_sub(8);
    request_id.get(start..).unwrap_or(request_id).to_owned()
}

/// One line per piece of work, newest first. Where there is little room, the time moves under what it was.
#[component]
pub fn LedgerTable(
    /// What happened.
    lines: Vec<Activity>,
) -> impl IntoView {
    let line = |Activity { entry, name, href, origin }: Activity| {
        let kind = match origin {
            // They may be paid for.
            Some(Origin::Plan) => Text::OriginPlan,
            _ => entry.kind.text(entry.work),
        };
        let tone = tone_of(entry.kind);
        let change = change(&entry);
        let short_id = abbreviated(&entry.request_id);
        let reason = entry.reason.map(|reason| EntryReason::parse(entry.kind, &reason).to_text());
        let link = (!href.is_empty()).then(|| {
            view! {
                <a class="mt-1 line-clamp-2 font-medium break-words hover:underline" dir="auto" href=href>
                    {name}
                </a>
            }
        });
        view! {
            <tr class="border-t border-line">
                <td class="w-full py-2.5 pr-3 pl-4">
                    <Badge tone>{t(kind)}</Badge>
                    {link}
                    {reason.map(|reason| view! { <p class="mt-1 text-ink-soft break-words">{reason}</p> })}
                    <p class="mt-1 text-xs text-ink-soft @xl:hidden">
                        <Timestamp at=entry.created_at.clone() />
                    </p>
                </td>
                <td class="px-3 py-2.5 text-right tabular-nums">{change}</td>
                <td class="py-2.5 pr-4 pl-3 text-right tabular-nums">{entry.available_after.as_entry()}</td>
                <td class="hidden px-3 py-2.5 whitespace-nowrap text-ink-soft @xl:table-cell">
                    <Timestamp at=entry.created_at />
                </td>
                <td class="hidden py-2.5 pr-4 pl-3 @2xl:table-cell">
                    <code class="text-xs text-ink-soft" title=entry.request_id>
                        {short_id}
                    </code>
                </td>
            </tr>
        }
    };
    view! {
        <table class="w-full text-left text-sm">
            <thead class="text-xs text-ink-soft">
                <tr>
                    <th scope="col" class="py-2.5 pr-3 pl-4 font-medium">
                        {t(Text::What)}
                    </th>
                    <th scope="col" class="px-3 py-2.5 text-right whitespace-nowrap font-medium">
                        {t(Text::Credits)}
                    </th>
                    <th scope="col" class="py-2.5 pr-4 pl-3 text-right whitespace-nowrap font-medium">
                        {t(Text::Available)}
                    </th>
                    <th scope="col" class="hidden px-3 py-2.5 font-medium @xl:table-cell">
                        {t(Text::Time)}
                    </th>
                    <th scope="col" class="hidden py-2.5 pr-4 pl-3 font-medium @2xl:table-cell">
                        {t(Text::Request)}
                    </th>
                </tr>
            </thead>
            <tbody>{lines.into_iter().map(line).collect::<Vec<_>>()}</tbody>
        </table>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::amount::Amount;

    fn entry(kind: EntryKind, amount: i64, held_change: i64) -> LedgerEntry {
        let (amount, held_change) = (Amount::credits(amount), Amount::credits(held_change));
        LedgerEntry {
            id: String::new(),
            kind,
            amount,
            held_change,
            available_after: Amount::ZERO,
            request_id: String::new(),
            work: None,
            work_id: None,
            reason: None,
            price_version: None,
            lots: Vec::new(),
            created_at: String::new(),
        }
    }

    #[test]
    fn amounts_have_a_sign_and_moves_say_where() {
        assert_eq!(change(&entry(EntryKind::Grant, 10, 0)), "+10");
        assert_eq!(change(&entry(EntryKind::Settle, -1, -1)), "\u{2212}1");
        assert_eq!(change(&entry(EntryKind::Hold, 0, 1)), "1 held");
        assert_eq!(change(&entry(EntryKind::Release, 0, -1)), "1 held, then released");
    }

    #[test]
    fn a_request_id_is_known_by_its_end() {
        assert_eq!(abbreviated("01939b7e-0000-7000-8000-0123456789ab"), "456789ab");
        assert_eq!(abbreviated("short"), "short");
    }
}
