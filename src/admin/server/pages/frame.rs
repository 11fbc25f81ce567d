//! What surrounds every page of the panel.

use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::Response;
use leptos::prelude::*;

use super::visitor::Visitor;
use crate::document::response::static_response;
use crate::document::{StaticPage, render_static_page};
use crate::i18n::{Text, fill, t};
use crate::platform::error::{AppError, AppResult};

/// The parts of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Overview,
    Costs,
    Prices,
    Codes,
    Users,
    Flags,
    Audit,
    Traces,
    Operations,
    Reconciliation,
    Closes,
}

impl Section {
    const ALL: [Self; 11] = [
        Self::Overview,
        Self::Costs,
        Self::Prices,
        Self::Codes,
        Self::Users,
        Self::Flags,
        Self::Reconciliation,
        Self::Closes,
        Self::Audit,
        Self::Traces,
        Self::Operations,
    ];

    pub const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/admin",
            Self::Costs => "/admin/costs",
            Self::Prices => "/admin/prices",
            Self::Codes => "/admin/codes",
            Self::Users => "/admin/users",
            Self::Flags => "/admin/flags",
            Self::Audit => "/admin/audit",
            Self::Traces => "/admin/traces",
            Self::Operations => "/admin/operations",
            Self::Reconciliation => "/admin/reconciliation",
            Self::Closes => "/admin/closes",
        }
    }

    /// What it is called.
    pub const fn text(self) -> Text {
        match self {
            Self::Overview => Text::Overview,
            Self::Costs => Text::Costs,
            Self::Prices => Text::ModelPrices,
            Self::Codes => Text::FlagCodes,
            Self::Users => Text::AdminUsers,
            Self::Flags => Text::Flags,
            Self::Audit => Text::AuditLog,
            Self::Traces => Text::Traces,
            Self::Operations => Text::Operations,
            Self::Reconciliation => Text::Reconciliation,
            Self::Closes => Text::DailyCloses,
        }
    }
}

/// A page of the panel, kept by nobody.
pub fn page<V: IntoView + 'static>(
    visitor: &Visitor,
    section: Section,
    title: &str,
    status: u16,
    body: impl FnOnce() -> V,
) -> Response {
    let page = StaticPage {
        title,
        description: "",
        path: &visitor.address,
        canonical: None,
        theme: visitor.theme,
        prefetch: false,
        is_secret: true,
    };
    let heading = title.to_owned();
    let html = render_static_page(page, visitor.site.leptos(), || {
        let body = body();
        view! {
            <div class="mx-auto w-full max-w-6xl space-y-6 px-4 pt-2 pb-16 sm:px-6">
                <nav aria-label=t(Text::Admin) class="flex flex-wrap gap-1 border-b border-line pb-2">
                    {Section::ALL
                        .map(|one| {
                            view! {
                                <a
                                    href=one.path()
                                    aria-current=(one == section).then_some("page")
                                    class="inline-flex h-9 items-center rounded-md px-3 text-sm font-medium text-ink-soft hover:bg-sunken \
                                           hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:text-accent"
                                >
                                    {t(one.text())}
                                </a>
                            }
                        })
                        .into_iter()
                        .collect::<Vec<_>>()}
                </nav>
                <h1 class="font-display text-3xl break-words">{heading}</h1>
                {body}
            </div>
        }
    });
    let mut response = static_response(status, html);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What is wrong with what was asked for, with the name of the field as its form has it.
pub fn problem_text(error: &AppError) -> String {
    let AppError::InvalidInput { field, message } = error else { return error.to_string() };
    let label = match field.as_str() {
        "range" => Text::StatsRange,
        "from" => Text::FromDay,
        "until" => Text::UntilDay,
        "zone" => Text::TimeZone,
        "key" => Text::KeyColumn,
        "outcome" => Text::OutcomeColumn,
        "kind" => Text::EntryKind,
        "role" => Text::UserRole,
        "status" => Text::AccountStatus,
        "sort" => Text::UserOrder,
        "action" => Text::AuditAction,
        "campaign" => Text::CampaignColumn,
        "credits" => Text::CodeCredits,
        "days" => Text::CodeDays,
        "plan" => Text::UserPlan,
        "count" => Text::CodeCount,
        "code" => Text::CodeOwn,
        "uses" => Text::CodeUses,
        "perUser" => Text::CodePerUser,
        "expires" => Text::CodeExpires,
        "creditsLast" => Text::CodeCreditsLast,
        _ => return message.clone(),
    };
    fill(Text::FieldProblem, &[("field", t(label)), ("problem", message)])
}

/// What a list found; nothing where a field is wrong, and what is then said above its form.
///
/// # Errors
/// All that is no field's.
pub fn found_or_problem<T: Default>(found: AppResult<T>) -> AppResult<(T, Option<String>)> {
    match found {
        Ok(found) => Ok((found, None)),
        Err(error) if error.status() == 400 => Ok((T::default(), Some(problem_text(&error)))),
        Err(error) => Err(error),
    }
}

/// Of which time a list is, where a chart led to it, and the way to all.
pub fn only_of_time(from: &str, until: &str, all: String) -> AnyView {
    if from.is_empty() && until.is_empty() {
        return ().into_any();
    }
    let moment = |text: &str| match (text.get(..10), text.get(11..16)) {
        _ if text.is_empty() => "…".to_owned(),
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text.to_owned(),
    };
    let text = fill(Text::OnlyOfTime, &[("from", &moment(from)), ("until", &moment(until))]);
    view! {
        <p class="text-sm">
            {text} " " <a class="text-accent underline" href=all>{t(Text::AnyTime)}</a>
        </p>
    }
    .into_any()
}

/// A link to the next page of a list, where there is one.
pub fn next_page(address: Option<String>) -> impl IntoView {
    address.map(|href| {
        view! {
            <a class="inline-flex h-10 items-center rounded-md border border-line-strong bg-surface px-4 text-sm font-medium hover:bg-sunken" href=href>
                {t(Text::NextPage)}
            </a>
        }
    })
}
