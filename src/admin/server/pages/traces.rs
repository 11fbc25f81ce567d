//! `/admin/traces` and `/admin/traces/{request id}`.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use serde::Deserialize;

use super::frame::{Section, page};
use super::question::question_form;
use super::trace_sections::{attempts_section, entries_section, money_section, timeline_section};
use super::visitor::Visitor;
use crate::account::server::forms::PageForm;
use crate::admin::server::credits::checked_reason;
use crate::admin::server::traces::{TraceDetail, WorkMoney};
use crate::admin::server::{Admin, GoodwillRequest};
use crate::document::response::error_page;
use crate::i18n::{Text, count_written, fill, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::ids::UserId;
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Field};

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SearchForm {
    #[serde(default)]
    q: String,
}

/// What is to be given back, as forms send it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct GoodwillForm {
    /// The work that was charged.
    #[serde(default)]
    work: String,
    #[serde(default)]
    reason: String,
    /// Whether something was done just now.
    #[serde(default)]
    said: String,
}

/// The emails of users by their ids.
pub type Names = BTreeMap<String, String>;

/// `GET /admin/traces`; with `?q=` it leads to that trace.
pub async fn search(visitor: Visitor, query: Result<ApiQuery<SearchForm>, ApiError>) -> Response {
    let ApiQuery(SearchForm { q }) = match query {
        Ok(query) => query,
        Err(ApiError(error)) => return error_page(&visitor.site, visitor.theme, &error),
    };
    match q.trim() {
        "" => page(&visitor, Section::Traces, t(Text::Traces), 200, || search_form(String::new())),
        id if is_request_id(id) => Redirect::to(&format!("/admin/traces/{id}")).into_response(),
        id => nothing(&visitor, id),
    }
}

/// `GET /admin/traces/{request id}`; with `?work=` it asks whether to give that back.
pub async fn show(
    State(admin): State<Admin>,
    visitor: Visitor,
    Path(id): Path<String>,
    query: Result<ApiQuery<GoodwillForm>, ApiError>,
) -> Response {
    match query {
        Ok(ApiQuery(form)) => render(&admin, &visitor, &id, form, None).await,
        Err(ApiError(error)) => error_page(&visitor.site, visitor.theme, &error),
    }
}

/// `POST /admin/traces/{request id}`.
pub async fn submit(
    State(admin): State<Admin>,
    visitor: Visitor,
    Path(id): Path<String>,
    PageForm(form): PageForm<GoodwillForm>,
) -> Response {
    let request = GoodwillRequest { reason: form.reason.clone(), work_id: Some(form.work.clone()) };
    match admin.give_goodwill(visitor.by, &id, &request).await {
        Ok(_) => Redirect::to(&format!("/admin/traces/{id}?said=done")).into_response(),
        Err(error) => render(&admin, &visitor, &id, GoodwillForm::default(), Some(error)).await,
    }
}

/// What is safe in an address: ids that are kept have no other characters.
fn is_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

fn search_form(id: String) -> impl IntoView {
    view! {
        <p class="max-w-prose text-sm text-ink-soft">{t(Text::TracesExplained)}</p>
        <form method="get" action=Section::Traces.path() class="grid items-end gap-3 sm:grid-cols-[1fr_auto]">
            <Field name="q" id="q" kind="search" label=t(Text::RequestId) value=id required=true max_chars=128 />
            <Button label=t(Text::Search) kind="submit" variant=ButtonVariant::Primary />
        </form>
    }
}

fn nothing(visitor: &Visitor, id: &str) -> Response {
    let id = id.to_owned();
    page(visitor, Section::Traces, t(Text::Traces), 404, || {
        view! {
            <Alert text=t(Text::NoSuchTrace) />
            {search_form(id)}
        }
    })
}

async fn render(admin: &Admin, visitor: &Visitor, id: &str, form: GoodwillForm, problem: Option<AppError>) -> Response {
    let (found, names) = match load(admin, visitor, id).await {
        Ok(loaded) => loaded,
        Err(AppError::NotFound) => return nothing(visitor, id),
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    if let Some(error) = problem.as_ref().filter(|error| !matches!(error.status(), 400 | 404 | 409)) {
        return error_page(&visitor.site, visitor.theme, error);
    }
    let asked = found.work.iter().find(|work| work.work_id == form.work && !form.work.is_empty());
    let asked = asked.filter(|work| work.goodwill.is_none() && work.charged.is_positive());
    let asked = asked.map(|work| (work.clone(), checked_reason(&form.reason)));
    let (question, problem) = match asked {
        Some((work, Ok(reason))) => (Some((work, reason)), problem),
        Some((_, Err(error))) => (None, Some(error)),
        None => (None, problem),
    };
    let status = problem.as_ref().map_or(200, AppError::status);
    let done = form.said == "done" && problem.is_none();
    page(visitor, Section::Traces, t(Text::Traces), status, || {
        let TraceDetail { request_id, traces, attempts, work, ledger } = found;
        let question = question.map(|(work, reason)| confirm_box(&request_id, &work, reason, &names));
        view! {
            {problem.map(|error| view! { <Alert tone=AlertTone::Danger text=error.to_string() /> })}
            {done.then(|| view! { <Alert text=t(Text::TaskDone) /> })}
            {question}
            {search_form(request_id.clone())}
            {money_section(work, &request_id, &names)}
            {timeline_section(traces, &names)}
            {attempts_section(attempts)}
            {entries_section(ledger, &names)}
        }
    })
}

async fn load(admin: &Admin, visitor: &Visitor, id: &str) -> AppResult<(TraceDetail, Names)> {
    let found = admin.show_trace(visitor.by, id).await?;
    let of_traces = found.traces.iter().filter_map(|trace| trace.user_id.as_ref());
    let of_work = found.work.iter().map(|work| &work.user_id);
    let users: BTreeSet<UserId> = of_traces.chain(of_work).filter_map(|id| id.parse().ok()).collect();
    let names = admin.names_of(users.into_iter().collect()).await?;
    Ok((found, names.into_iter().collect()))
}

fn confirm_box(id: &str, work: &WorkMoney, reason: String, names: &Names) -> AnyView {
    let credits = count_written(Text::CreditsCount, &work.charged.as_entry());
    let email = names.get(&work.user_id).unwrap_or(&work.user_id);
    let question = fill(Text::AskGoodwill, &[("credits", &credits), ("email", email), ("reason", &reason)]);
    let path = format!("/admin/traces/{id}");
    let fields = [("work", work.work_id.clone()), ("reason", reason)];
    question_form(question, ButtonVariant::Primary, (path.clone(), path), fields, ())
}

#[cfg(test)]
mod tests {
    use super::is_request_id;

    #[test]
    fn only_what_an_id_can_be_is_part_of_an_address() {
        assert!(is_request_id("0199c1d2-7f00-7000-8000-1234567890ab") && is_request_id("a_b.c:1"));
        for id in ["", "a/b", "a?b", "../users", "a b", "é"] {
            assert!(!is_request_id(id), "{id}");
        }
    }
}
