//! `/admin/operations`: what this server's log tells.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use serde::Deserialize;

use super::frame::{Section, page};
use super::visitor::Visitor;
use crate::account::server::forms::PageForm;
use crate::admin::server::Admin;
use crate::admin::server::log_level::{LogLevelChange, LogLevelNow, MOST_MINUTES, USUAL_MINUTES};
use crate::document::response::error_page;
use crate::i18n::{Text, fill, t};
use crate::platform::error::AppError;
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::log_level::MOST_BYTES;
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Field, Timestamp};

/// What is asked for, as the form sends it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct LogLevelForm {
    #[serde(default)]
    filter: String,
    #[serde(default)]
    minutes: String,
    /// Whether something was done just now.
    #[serde(default)]
    said: String,
}

/// `GET /admin/operations`.
pub async fn show(
    State(admin): State<Admin>,
    visitor: Visitor,
    query: Result<ApiQuery<LogLevelForm>, ApiError>,
) -> Response {
    match query {
        Ok(ApiQuery(form)) => render(&admin, &visitor, form, None),
        Err(ApiError(error)) => error_page(&visitor.site, visitor.theme, &error),
    }
}

/// `POST /admin/operations`.
pub async fn submit(State(admin): State<Admin>, visitor: Visitor, PageForm(form): PageForm<LogLevelForm>) -> Response {
    let minutes = match form.minutes.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| AppError::invalid("minutes", t(Text::LogMinutes))),
    };
    let done = match minutes {
        Ok(minutes) => {
            let change = LogLevelChange { filter: form.filter.clone(), minutes };
            admin.set_log_level(visitor.by, change).await.map(drop)
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => Redirect::to(&format!("{}?said=done", Section::Operations.path())).into_response(),
        Err(error) => render(&admin, &visitor, form, Some(error)),
    }
}

fn render(admin: &Admin, visitor: &Visitor, form: LogLevelForm, problem: Option<AppError>) -> Response {
    if let Some(error) = problem.as_ref().filter(|error| error.status() != 400) {
        return error_page(&visitor.site, visitor.theme, error);
    }
    let now = match admin.show_log_level(visitor.by) {
        Ok(now) => now,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let status = problem.as_ref().map_or(200, AppError::status);
    page(visitor, Section::Operations, t(Text::Operations), status, || {
        let done = form.said == "done" && problem.is_none();
        view! {
            {done.then(|| view! { <Alert text=t(Text::TaskDone) /> })}
            {problem.map(|error| view! { <Alert tone=AlertTone::Danger text=error.to_string() /> })}
            {log_section(now, form)}
        }
    })
}

fn log_section(now: LogLevelNow, form: LogLevelForm) -> impl IntoView {
    let LogLevelNow { filter, configured, until } = now;
    let is_other = until.is_some();
    let until = until.map(|at| view! { " · " {t(Text::LogUntil)} " " <Timestamp at /> });
    let back = configured.clone();
    let minutes = if form.minutes.is_empty() { USUAL_MINUTES.to_string() } else { form.minutes };
    let label = fill(Text::LogConfigured, &[("filter", &configured)]);
    view! {
        <section class="space-y-3">
            <h2 class="text-lg font-semibold">{t(Text::LogLevel)}</h2>
            <p class="max-w-prose text-sm text-ink-soft">{t(Text::LogLevelExplained)}</p>
            <p class="text-sm">
                {t(Text::LogNow)} " " <code class="break-all">{filter}</code> {until}
            </p>
            <form
                method="post"
                action=Section::Operations.path()
                class="grid items-end gap-3 sm:grid-cols-[1fr_12rem_auto]"
            >
                <Field name="filter" id="filter" label=t(Text::LogFilter) value=form.filter required=true max_chars=MOST_BYTES />
                <Field name="minutes" id="minutes" kind="number" label=t(Text::LogMinutes) value=minutes />
                <Button label=t(Text::SetLogLevel) kind="submit" variant=ButtonVariant::Primary />
            </form>
            {is_other
                .then(|| {
                    view! {
                        <form method="post" action=Section::Operations.path() class="flex flex-wrap items-center gap-3">
                            <input type="hidden" name="filter" value=back />
                            <Button label=t(Text::EndLogLevel) kind="submit" />
                            <span class="text-sm break-all text-ink-soft">{label}</span>
                        </form>
                    }
                })}
        </section>
    }
}

/// What the label of the field says.
const _: () = assert!(MOST_MINUTES == 1440);
