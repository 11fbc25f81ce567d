//! `/admin/audit`.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;
use serde_json::Value;

use super::frame::{Section, found_or_problem, next_page, page};
use super::visitor::Visitor;
use crate::admin::server::Admin;
use crate::admin::server::audit::{AuditItem, AuditQuery};
use crate::audit::{Action, Actor};
use crate::credits::Page;
use crate::document::response::error_page;
use crate::i18n::{Text, t};
use crate::platform::error::AppResult;
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::query;
use crate::ui::{
    Alert, AlertTone, Button, ButtonVariant, Choice, Column, Field, Select, Table, TableCell, TableState, Timestamp,
};

/// `GET /admin/audit`.
pub async fn show(
    State(admin): State<Admin>,
    visitor: Visitor,
    query: Result<ApiQuery<AuditQuery>, ApiError>,
) -> Response {
    let query = match query {
        Ok(ApiQuery(query)) => query,
        Err(ApiError(error)) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let ((found, names), problem) = match found_or_problem(load(&admin, &visitor, &query).await) {
        Ok(found) => found,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let status = if problem.is_some() { 400 } else { 200 };
    page(&visitor, Section::Audit, t(Text::AuditLog), status, || {
        let next = found.next_cursor.clone().map(|cursor| address(&query, &cursor));
        view! {
            <p class="max-w-prose text-sm text-ink-soft">{t(Text::AuditExplained)}</p>
            {problem.map(|text| view! { <Alert tone=AlertTone::Danger text /> })}
            {search_form(query)}
            {table(found.items, &names)}
            {next_page(next)}
        }
    })
}

async fn load(
    admin: &Admin,
    visitor: &Visitor,
    query: &AuditQuery,
) -> AppResult<(Page<AuditItem>, BTreeMap<String, String>)> {
    let found = admin.list_audit(visitor.by, query).await?;
    let people = found.items.iter().flat_map(|item| [Some(&item.actor), item.target.as_ref()]).flatten();
    let ids = people.filter_map(|name| match Actor::parse(name) {
        Some(Actor::User(id)) => Some(id),
        _ => None,
    });
    let names = admin.names_of(ids.collect::<BTreeSet<_>>().into_iter().collect()).await?;
    Ok((found, names.into_iter().collect()))
}

fn address(query: &AuditQuery, cursor: &str) -> String {
    query::address(
        Section::Audit.path(),
        &[
            ("actor", &query.actor),
            ("target", &query.target),
            ("action", &query.action),
            ("from", &query.from),
            ("until", &query.until),
            ("cursor", cursor),
        ],
    )
}

fn search_form(query: AuditQuery) -> impl IntoView {
    let any = Choice::new("", t(Text::AnyAction));
    let actions = Action::ALL.map(|action| Choice::new(action.as_str(), t(action.text())));
    view! {
        <form method="get" action=Section::Audit.path() class="grid items-end gap-3 sm:grid-cols-2 lg:grid-cols-6">
            <Field name="actor" id="actor" label=t(Text::AuditActor) value=query.actor />
            <Field name="target" id="target" label=t(Text::AuditTarget) value=query.target />
            <Select
                name="action"
                id="action"
                label=t(Text::AuditAction)
                choices=std::iter::once(any).chain(actions).collect()
                value=query.action
            />
            <Field name="from" id="from" kind="date" label=t(Text::FromDay) value=query.from />
            <Field name="until" id="until" kind="date" label=t(Text::UntilDay) value=query.until />
            <Button label=t(Text::Search) kind="submit" variant=ButtonVariant::Primary />
        </form>
    }
}

fn table(items: Vec<AuditItem>, names: &BTreeMap<String, String>) -> impl IntoView + use<> {
    let state = if items.is_empty() { TableState::Empty } else { TableState::Ready };
    let columns = [Text::AuditTime, Text::AuditActor, Text::AuditAction, Text::AuditTarget, Text::AuditDetails];
    let who = |id: String| match (Actor::parse(&id), names.get(&id)) {
        (Some(Actor::User(_)), name) => {
            let (href, name) = (format!("/admin/users/{id}"), name.cloned().unwrap_or(id));
            view! { <a class="block min-w-40 break-all text-accent underline" href=href>{name}</a> }.into_any()
        }
        (Some(Actor::Operator), _) => t(Text::ActorOperator).into_any(),
        (Some(Actor::System), _) => t(Text::ActorSystem).into_any(),
        _ => t(Text::ActorVisitor).into_any(),
    };
    let rows: Vec<_> = items
        .into_iter()
        .map(|item| {
            let details = details(item.before.as_ref(), item.after.as_ref());
            let trace = format!("/admin/traces/{}", item.request_id);
            let (actor, target) = (who(item.actor), item.target.map(who));
            view! {
                <tr class="align-top">
                    <TableCell><Timestamp at=item.at /></TableCell>
                    <TableCell>{actor}</TableCell>
                    <TableCell><span class="whitespace-nowrap">{t(item.action.text())}</span></TableCell>
                    <TableCell>{target}</TableCell>
                    <TableCell>
                        <span class="break-words">{details}</span>
                        <a class="block min-w-40 font-mono text-xs break-all text-ink-soft underline" href=trace>{item.request_id}</a>
                    </TableCell>
                </tr>
            }
        })
        .collect();
    view! {
        <Table
            label=t(Text::AuditLog)
            columns=columns.map(|text| Column::text(t(text))).to_vec()
            state
            empty=t(Text::NothingFound)
            class=""
        >
            {rows}
        </Table>
    }
}

/// `role: USER → ADMIN, reason: why`.
fn details(before: Option<&Value>, after: Option<&Value>) -> String {
    let fields = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
    let text = |value: &Value| {
        let part = |name: &str| value.get(name).and_then(Value::as_str);
        match (value.as_str(), part("amount"), part("currency")) {
            (Some(text), ..) => text.to_owned(),
            (None, Some(amount), Some(currency)) => format!("{amount} {currency}"),
            _ => value.to_string(),
        }
    };
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let line = |name: &String| match (before.get(name), after.get(name)) {
        (Some(before), Some(after)) => format!("{name}: {} → {}", text(before), text(after)),
        (Some(one), None) | (None, Some(one)) => format!("{name}: {}", text(one)),
        (None, None) => name.clone(),
    };
    names.into_iter().map(line).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::details;

    #[test]
    fn a_change_is_told_from_what_to_what() {
        let (before, after) = (json!({ "role": "USER" }), json!({ "role": "ADMIN", "amount": 2.5 }));
        assert_eq!(details(Some(&before), Some(&after)), "amount: 2.5, role: USER → ADMIN");
        let price = json!({ "price": { "amount": "20.00", "currency": "USD" } });
        assert_eq!(details(None, Some(&price)), "price: 20.00 USD");
        assert_eq!(details(None, None), "");
    }
}
