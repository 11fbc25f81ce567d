//! `/admin/users/{id}`.

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

use super::confirm::{Rules, Task, TaskForm, confirm_box};
use super::frame::{Section, page};
use super::user_leaving::{budgets_section, export_section};
use super::user_sections::{
    credits_section, keys_section, ledger_section, purchases_section, sessions_section, usage_section,
};
use super::users::badges;
use super::visitor::Visitor;
use crate::account::Role;
use crate::account::server::sessions::UserStatus;
use crate::admin::server::Admin;
use crate::admin::server::users::{UserDetail, UserSummary};
use crate::document::response::error_page;
use crate::i18n::{Text, t};
use crate::leaving::server::Leaving;
use crate::payments::server::Payments;
use crate::platform::error::AppError;
use crate::platform::http::envelope::{ApiError, PathId};
use crate::platform::http::fields::ApiQuery;
use crate::platform::ids::UserId;
use crate::ui::{Alert, AlertTone, Button, ButtonSize, Timestamp};

/// `GET /admin/users/{id}`; with `?do=` it asks whether to do that.
pub async fn show(
    State(admin): State<Admin>,
    State(payments): State<Payments>,
    State(leaving): State<Leaving>,
    visitor: Visitor,
    id: Result<PathId<UserId>, ApiError>,
    query: Result<ApiQuery<TaskForm>, ApiError>,
) -> Response {
    let (id, form) = match (id, query) {
        (Ok(PathId(id)), Ok(ApiQuery(form))) => (id, form),
        (Err(ApiError(error)), _) | (_, Err(ApiError(error))) => {
            return error_page(&visitor.site, visitor.theme, &error);
        }
    };
    let rules = Rules { admin: &admin, payments: &payments, leaving: &leaving };
    match Task::read(&form) {
        Ok(task) => render(rules, &visitor, id, task, form, None).await,
        Err(error) => render(rules, &visitor, id, None, form, Some(error)).await,
    }
}

/// The same after something that was not done.
pub async fn show_again(rules: Rules<'_>, visitor: &Visitor, id: UserId, error: AppError) -> Response {
    render(rules, visitor, id, None, TaskForm::default(), Some(error)).await
}

async fn render(
    rules: Rules<'_>,
    visitor: &Visitor,
    id: UserId,
    task: Option<Task>,
    form: TaskForm,
    problem: Option<AppError>,
) -> Response {
    let Rules { admin, payments, leaving } = rules;
    let detail = match admin.show_user(visitor.by, id).await {
        Ok(detail) => detail,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let besides = tokio::try_join!(leaving.account.load_budgets(id), leaving.find_export(id));
    let (budgets, export) = match besides {
        Ok(besides) => besides,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let asked = match task {
        Some(task) => Some(task.question(admin, payments, visitor.by, &detail.user.email).await),
        None => None,
    };
    let (question, problem) = match asked.transpose() {
        Ok(question) => (question, problem),
        Err(error) => (None, Some(error)),
    };
    if let Some(error) = problem.as_ref().filter(|error| !matches!(error.status(), 400 | 409 | 503)) {
        return error_page(&visitor.site, visitor.theme, error);
    }
    let status = problem.as_ref().map_or(200, AppError::status);
    let email = detail.user.email.clone();
    page(visitor, Section::Users, &email, status, || {
        let done = form.said == "done" && problem.is_none();
        let asked = question.map(|question| confirm_box(question, form.clone(), &detail.user.id));
        view! {
            {problem.map(|error| view! { <Alert tone=AlertTone::Danger text=error.to_string() /> })}
            {done.then(|| view! { <Alert text=t(Text::TaskDone) /> })}
            {asked}
            {facts(&detail)}
            {tasks(&detail.user)}
            {export_section(&export, &detail.user.id)}
            {credits_section(detail.credits, &detail.user.id, form)}
            {budgets_section(budgets, &detail.user.id)}
            {ledger_section(detail.ledger)}
            {purchases_section(detail.purchases, &detail.user.id)}
            {sessions_section(detail.sessions)}
            {keys_section(detail.keys)}
            {usage_section(detail.usage, detail.images)}
        }
    })
}

fn facts(detail: &UserDetail) -> impl IntoView + use<> {
    let UserDetail { user, has_password, plan, .. } = detail;
    let fact = |label: Text, value: AnyView| {
        view! {
            <div class="flex flex-wrap justify-between gap-x-6 py-2">
                <dt class="text-ink-soft">{t(label)}</dt>
                <dd class="min-w-0 text-right break-all">{value}</dd>
            </div>
        }
    };
    let verified = if user.email_verified { Text::Yes } else { Text::No };
    let password = if *has_password { Text::Yes } else { Text::No };
    let until = plan.clone().map(|plan| {
        let value = view! { {plan.name} " · " {t(Text::PlanUntil)} " " <Timestamp at=plan.until /> }.into_any();
        fact(Text::UserPlan, value)
    });
    let log = format!("/admin/audit?target={}", user.id);
    view! {
        <dl class="divide-y divide-line rounded-md border border-line bg-surface px-4 text-sm">
            {fact(Text::AccountStatus, badges(user.role, user.status).into_any())}
            {fact(Text::UserName, user.name.clone().into_any())}
            {fact(Text::UserId, view! { <code>{user.id.clone()}</code> }.into_any())}
            {fact(Text::RegisteredAt, view! { <Timestamp at=user.created_at.clone() /> }.into_any())}
            {fact(Text::EmailIsConfirmed, t(verified).into_any())}
            {fact(Text::UserHasPassword, t(password).into_any())}
            {until}
        </dl>
        <p class="text-sm">
            <a class="text-accent underline" href=log>
                {t(Text::WhatHappened)}
            </a>
        </p>
    }
}

/// Links to what can be done: each asks first.
fn tasks(user: &UserSummary) -> impl IntoView + use<> {
    let role = if user.role == Role::Admin { ("take-admin", Text::TakeAdmin) } else { ("make-admin", Text::MakeAdmin) };
    let status =
        if user.status == UserStatus::Disabled { ("enable", Text::Enable) } else { ("disable", Text::Disable) };
    let others = [("end-sessions", Text::EndSessions), ("export", Text::ExportUser), ("erase", Text::EraseUser)];
    let links = [role, status].into_iter().chain(others).map(|(task, label)| {
        let href = format!("/admin/users/{}?do={task}", user.id);
        view! { <Button label=t(label) href size=ButtonSize::Small /> }
    });
    view! { <div class="flex flex-wrap gap-2">{links.collect::<Vec<_>>()}</div> }
}
