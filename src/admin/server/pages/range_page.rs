//! What pages of a range have in common: the query or what was asked for last, the form above, and what is wrong with it.

use axum::http::HeaderMap;
use axum::response::Response;
use leptos::prelude::*;

use super::frame::{Section, problem_text};
use super::live::live_page;
use super::picker::{picker, remember, remembered};
use super::visitor::Visitor;
use crate::admin::server::stats::StatsQuery;
use crate::document::response::error_page;
use crate::i18n::t;
use crate::platform::error::AppResult;
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::stats::report::About;
use crate::ui::{Alert, AlertTone};

/// A page of a range that was asked for.
pub struct RangePage {
    asked: StatsQuery,
    /// With what was asked for last, where it says nothing.
    pub query: StatsQuery,
}

impl RangePage {
    /// What a request asks for.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(query: Result<ApiQuery<StatsQuery>, ApiError>, headers: &HeaderMap) -> AppResult<Self> {
        let ApiQuery(asked) = query.map_err(|ApiError(error)| error)?;
        Ok(Self { query: remembered(asked.clone(), headers), asked })
    }

    /// The page with what was found. What is wrong with a field is said above the form.
    pub fn show<T>(
        self,
        visitor: &Visitor,
        section: Section,
        found: AppResult<T>,
        about: fn(&T) -> &About,
        body: fn(T, &StatsQuery) -> AnyView,
    ) -> Response {
        let Self { asked, query } = self;
        let (found, problem) = match found {
            Ok(found) => (Some(found), None),
            Err(error) if error.status() == 400 => (None, Some(problem_text(&error))),
            Err(error) => return error_page(&visitor.site, visitor.theme, &error),
        };
        let status = if problem.is_some() { 400 } else { 200 };
        let zone = found.as_ref().map(|found| about(found).zone.clone()).unwrap_or_default();
        let fixed = || {
            view! {
                {problem.map(|text| view! { <Alert tone=AlertTone::Danger text /> })}
                {picker(section, &query, &zone)}
            }
            .into_any()
        };
        let live = || found.map(|found| body(found, &query)).into_any();
        let mut response = live_page(visitor, section, t(section.text()), status, fixed, live);
        if status == 200 {
            remember(&mut response, &asked, visitor.site.is_https());
        }
        response
    }
}
