//! `/admin/users`.

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

use super::frame::{Section, found_or_problem, next_page, only_of_time, page};
use super::views::views;
use super::visitor::Visitor;
use crate::account::Role;
use crate::account::server::sessions::UserStatus;
use crate::admin::server::Admin;
use crate::admin::server::users::{UserSummary, UsersQuery};
use crate::admin::server::views::ViewedList;
use crate::document::response::error_page;
use crate::i18n::{Text, t};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::query;
use crate::ui::{
    Alert, AlertTone, Badge, BadgeTone, Button, ButtonVariant, Choice, Column, Field, Select, Table, TableCell,
    TableState, Timestamp,
};

/// `GET /admin/users`.
pub async fn show(
    State(admin): State<Admin>,
    visitor: Visitor,
    query: Result<ApiQuery<UsersQuery>, ApiError>,
) -> Response {
    let query = match query {
        Ok(ApiQuery(query)) => query,
        Err(ApiError(error)) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let (found, problem) = match found_or_problem(admin.list_users(visitor.by, &query).await) {
        Ok(found) => found,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let saved = match admin.saved_views(visitor.by, ViewedList::Users).await {
        Ok(saved) => saved,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let status = if problem.is_some() { 400 } else { 200 };
    page(&visitor, Section::Users, t(Text::AdminUsers), status, || {
        let next = found.next_cursor.clone().map(|cursor| address(&query, &cursor));
        view! {
            {problem.map(|text| view! { <Alert tone=AlertTone::Danger text /> })}
            {search_form(query.clone())}
            {only_of_time(&query.from, &query.until, query::address(Section::Users.path(), &fields(&query)))}
            {views(ViewedList::Users, saved, &fields(&query))}
            {table(found.items)}
            {next_page(next)}
        }
    })
}

fn address(query: &UsersQuery, cursor: &str) -> String {
    let time = [("from", &*query.from), ("until", &query.until)];
    query::address(Section::Users.path(), &[&fields(query)[..], &time, &[("cursor", cursor)]].concat())
}

/// What a view keeps: not of which time.
fn fields(UsersQuery { q, role, status, sort, .. }: &UsersQuery) -> [(&'static str, &str); 4] {
    [("q", q), ("role", role), ("status", status), ("sort", sort)]
}

fn search_form(query: UsersQuery) -> impl IntoView {
    let role = |role: Role| Choice::new(role.as_str(), t(role_text(role)));
    let status = |status: UserStatus| Choice::new(status.as_str(), t(status_text(status)));
    let orders = [("newest", Text::NewestFirst), ("oldest", Text::OldestFirst), ("email", Text::ByEmail)];
    view! {
        <form method="get" action=Section::Users.path() class="grid items-end gap-3 sm:grid-cols-2 lg:grid-cols-5">
            <input type="hidden" name="from" value=query.from />
            <input type="hidden" name="until" value=query.until />
            <Field name="q" id="q" kind="search" label=t(Text::EmailOrId) value=query.q />
            <Select
                name="role"
                id="role"
                label=t(Text::UserRole)
                choices=vec![Choice::new("", t(Text::AnyRole)), role(Role::User), role(Role::Admin)]
                value=query.role
            />
            <Select
                name="status"
                id="status"
                label=t(Text::AccountStatus)
                choices=vec![
                    Choice::new("", t(Text::AnyStatus)),
                    status(UserStatus::Active),
                    status(UserStatus::Disabled),
                    status(UserStatus::Erasing),
                ]
                value=query.status
            />
            <Select
                name="sort"
                id="sort"
                label=t(Text::UserOrder)
                choices=orders.map(|(value, text)| Choice::new(value, t(text))).to_vec()
                value=query.sort
            />
            <Button label=t(Text::Search) kind="submit" variant=ButtonVariant::Primary />
        </form>
    }
}

/// What a role is called.
pub const fn role_text(role: Role) -> Text {
    match role {
        Role::User => Text::RoleUser,
        Role::Subscriber => Text::RoleSubscriber,
        Role::Admin => Text::Admin,
    }
}

/// What a status is called.
pub const fn status_text(status: UserStatus) -> Text {
    match status {
        UserStatus::Active => Text::StatusActive,
        UserStatus::Disabled => Text::StatusDisabled,
        UserStatus::Erasing => Text::StatusErasing,
    }
}

/// Role and status as tiles.
pub fn badges(role: Role, status: UserStatus) -> impl IntoView {
    let role_tone = if role == Role::Admin { BadgeTone::Warning } else { BadgeTone::Neutral };
    let status_tone = if status == UserStatus::Active { BadgeTone::Success } else { BadgeTone::Danger };
    view! {
        <span class="flex flex-wrap gap-1">
            <Badge tone=role_tone>{t(role_text(role))}</Badge>
            <Badge tone=status_tone>{t(status_text(status))}</Badge>
        </span>
    }
}

fn table(items: Vec<UserSummary>) -> impl IntoView {
    let state = if items.is_empty() { TableState::Empty } else { TableState::Ready };
    let columns = [Text::UserEmail, Text::UserName, Text::AccountStatus, Text::RegisteredAt];
    let rows: Vec<_> = items
        .into_iter()
        .map(|user| {
            let href = format!("/admin/users/{}", user.id);
            view! {
                <tr>
                    <TableCell>
                        <a class="block min-w-40 font-medium break-all text-accent underline" href=href>
                            {user.email}
                        </a>
                    </TableCell>
                    <TableCell><span class="break-words">{user.name}</span></TableCell>
                    <TableCell>{badges(user.role, user.status)}</TableCell>
                    <TableCell><Timestamp at=user.created_at /></TableCell>
                </tr>
            }
        })
        .collect();
    view! {
        <Table
            label=t(Text::AdminUsers)
            columns=columns.map(|text| Column::text(t(text))).to_vec()
            state
            empty=t(Text::NothingFound)
            class=""
        >
            {rows}
        </Table>
    }
}
