//! `/admin/codes`: campaigns, what came of them, and their end.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use serde::Deserialize;

use super::frame::{Section, page};
use super::visitor::Visitor;
use crate::account::server::forms::PageForm;
use crate::admin::server::Admin;
use crate::credits::server::codes::Campaign;
use crate::document::response::error_page;
use crate::i18n::{Text, fill, t};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::query;
use crate::ui::{Alert, Align, Button, ButtonSize, ButtonVariant, Column, Table, TableCell, TableState};

/// Which campaign is to end, as forms send it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CodesForm {
    end: String,
    /// Whether something was done just now.
    said: String,
}

/// `GET /admin/codes`; with `?end=` it asks whether to end that campaign.
pub async fn show(
    State(admin): State<Admin>,
    visitor: Visitor,
    query: Result<ApiQuery<CodesForm>, ApiError>,
) -> Response {
    let form = match query {
        Ok(ApiQuery(form)) => form,
        Err(ApiError(error)) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let campaigns = match admin.list_campaigns(visitor.by).await {
        Ok(campaigns) => campaigns,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    page(&visitor, Section::Codes, t(Text::FlagCodes), 200, || {
        let asked = campaigns.iter().find(|campaign| campaign.name == form.end && campaign.open > 0);
        view! {
            {(form.said == "done").then(|| view! { <Alert text=t(Text::TaskDone) /> })}
            {asked.map(question)}
            <p class="max-w-prose text-sm text-ink-soft">{t(Text::CodesListed)}</p>
            {table(campaigns)}
        }
    })
}

/// `POST /admin/codes`.
pub async fn submit(State(admin): State<Admin>, visitor: Visitor, PageForm(form): PageForm<CodesForm>) -> Response {
    match admin.end_campaign(visitor.by, &form.end).await {
        Ok(()) => Redirect::to(&query::address(Section::Codes.path(), &[("said", "done")])).into_response(),
        Err(error) => error_page(&visitor.site, visitor.theme, &error),
    }
}

/// The question, and the form that does it.
fn question(campaign: &Campaign) -> AnyView {
    let count = campaign.open.to_string();
    let question = fill(Text::AskEndCampaign, &[("name", &campaign.name), ("count", &count)]);
    view! {
        <form
            method="post"
            action=Section::Codes.path()
            aria-labelledby="question"
            class="space-y-4 rounded-md border border-line-strong bg-surface p-4"
        >
            <p id="question" class="font-medium break-words">
                {question}
            </p>
            <input type="hidden" name="end" value=campaign.name.clone() />
            <div class="flex flex-wrap gap-2">
                <Button label=t(Text::ConfirmTask) kind="submit" variant=ButtonVariant::Danger />
                <Button label=t(Text::Cancel) href=Section::Codes.path().to_owned() />
            </div>
        </form>
    }
    .into_any()
}

fn table(campaigns: Vec<Campaign>) -> impl IntoView {
    let state = if campaigns.is_empty() { TableState::Empty } else { TableState::Ready };
    let numbers = [Text::FlagCodes, Text::CodesOpen, Text::CodesUsed, Text::FigureGranted];
    let columns = std::iter::once(Column::text(t(Text::CampaignColumn)))
        .chain(numbers.map(|text| Column::number(t(text))))
        .chain([Column::text(t(Text::EndCampaign))]);
    let rows: Vec<_> = campaigns.into_iter().map(row).collect();
    view! {
        <Table label=t(Text::FlagCodes) columns=columns.collect() state empty=t(Text::NothingFound) class="">
            {rows}
        </Table>
    }
}

fn row(campaign: Campaign) -> AnyView {
    let Campaign { name, codes, open, uses, credits } = campaign;
    let end = (open > 0).then(|| {
        let href = query::address(Section::Codes.path(), &[("end", &name)]);
        view! { <Button label=t(Text::EndCampaign) href size=ButtonSize::Small /> }
    });
    let number = |text: String| view! { <TableCell align=Align::End>{text}</TableCell> };
    view! {
        <tr>
            <TableCell><span class="block min-w-32 break-words">{name}</span></TableCell>
            {number(codes.to_string())}
            {number(open.to_string())}
            {number(uses.to_string())}
            {number(credits.as_entry())}
            <TableCell>{end}</TableCell>
        </tr>
    }
    .into_any()
}
