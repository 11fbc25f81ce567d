//! The export and the budgets on the page of a user.

use leptos::prelude::*;

use super::user_sections::section;
use crate::account::server::budgets::{BudgetState, Budgets};
use crate::account::server::budgets_view::period_text;
use crate::credits::Period;
use crate::i18n::{Text, fill, t};
use crate::leaving::server::ExportView;
use crate::ui::{Badge, Button, ButtonSize, ButtonVariant, Choice, Field, Select, Timestamp};

/// How far the export is, and the way to it; nothing where there is none.
pub fn export_section(export: &ExportView, id: &str) -> Option<AnyView> {
    let body = match &*export.state {
        "running" => t(Text::ExportIsMade).into_any(),
        "failed" => t(Text::ExportHasFailed).into_any(),
        "ready" => {
            let href = format!("/api/admin/users/{id}/export/download");
            let until = export.expires_at.clone().map(|at| {
                view! { <span class="text-sm text-ink-soft">{t(Text::ExpiresAt)} " " <Timestamp at /></span> }
            });
            view! {
                <p class="flex flex-wrap items-center gap-3">
                    <Button label=t(Text::ExportIsReady) href size=ButtonSize::Small />
                    {until}
                </p>
            }
            .into_any()
        }
        _ => return None,
    };
    Some(section(Text::ExportOfUser, body))
}

/// The budgets, whoever set them, and the form for one that only admins can change.
pub fn budgets_section(budgets: Budgets, id: &str) -> AnyView {
    let path = format!("/admin/users/{id}");
    let one = |budget: BudgetState| {
        let amounts = [("spent", &*budget.spent.as_price()), ("budget", &*budget.limit.as_balance())];
        let remove = budget.set_by_admin.then(|| {
            let href = format!("{path}?do=remove-budget&budget={}", budget.id);
            view! {
                <Badge>{t(Text::SetByAdmin)}</Badge>
                <Button label=t(Text::RemoveBudget) href size=ButtonSize::Small />
            }
        });
        view! {
            <li class="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2 text-sm">
                <span class="font-medium">{t(period_text(budget.period))}</span>
                <span class="tabular-nums">{fill(Text::SpentOf, &amounts)}</span>
                <span class="break-all text-ink-soft">{budget.model}</span>
                {remove}
            </li>
        }
    };
    let list = budgets.budgets.into_iter().map(one).collect::<Vec<_>>();
    let list = (!list.is_empty())
        .then(|| view! { <ul class="divide-y divide-line rounded-md border border-line bg-surface">{list}</ul> });
    let periods = Period::ALL.map(|period| Choice::new(period.as_str(), t(period_text(period)))).to_vec();
    let body = view! {
        {list}
        // It asks, and changes nothing yet.
        <form method="get" action=path.clone() class="grid items-end gap-3 sm:grid-cols-4">
            <input type="hidden" name="do" value="set-budget" />
            <Select id="budget-period" name="period" label=t(Text::BudgetPeriod) choices=periods value=String::new() />
            <Field id="budget-limit" name="limit" label=t(Text::LimitInCredits) value=String::new() required=true />
            <Field id="budget-model" name="model" label=t(Text::BudgetModel) value=String::new() />
            <Button label=t(Text::SetBudget) kind="submit" variant=ButtonVariant::Primary />
        </form>
    };
    section(Text::Budgets, body.into_any())
}
