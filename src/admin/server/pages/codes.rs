//! `/admin/codes`: campaigns, what came of them, their end, and new ones.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;

use super::code_forms::{self, CodesForm, as_text, making_form};
use super::frame::{Section, page, problem_text};
use super::question::question_form;
use super::visitor::Visitor;
use crate::account::server::Account;
use crate::account::server::forms::PageForm;
use crate::admin::server::Admin;
use crate::admin::server::codes::MadeCodes;
use crate::credits::server::codes::Campaign;
use crate::credits::server::codes::making::{Batch, PlanOffer};
use crate::document::response::error_page;
use crate::i18n::{Text, fill, t};
use crate::payments::server::Payments;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::platform::query;
use crate::ui::{Alert, AlertTone, Align, Button, ButtonSize, ButtonVariant, Column, Table, TableCell, TableState};

/// What a form came to.
enum Outcome {
    /// It only looks.
    Nothing,
    /// So many would be made.
    Asks(Batch),
    Made(MadeCodes),
    Failed(AppError),
}

/// `GET /admin/codes`; with `?end=` it asks whether to end that campaign.
pub async fn show(
    State(admin): State<Admin>,
    State(payments): State<Payments>,
    visitor: Visitor,
    query: Result<ApiQuery<CodesForm>, ApiError>,
) -> Response {
    let form = match query {
        Ok(ApiQuery(CodesForm { end, said, .. })) => CodesForm { end, said, ..CodesForm::default() },
        Err(ApiError(error)) => return error_page(&visitor.site, visitor.theme, &error),
    };
    render(&admin, &visitor, form, &payments.shop.now().plan_offers(), Outcome::Nothing).await
}

/// `POST /admin/codes`.
pub async fn submit(
    State(admin): State<Admin>,
    State(account): State<Account>,
    State(payments): State<Payments>,
    visitor: Visitor,
    PageForm(form): PageForm<CodesForm>,
) -> Response {
    let plans = payments.shop.now().plan_offers();
    let done = match &*form.task {
        "" => {
            return match admin.end_campaign(visitor.by, &form.end).await {
                Ok(()) => Redirect::to(&query::address(Section::Codes.path(), &[("said", "done")])).into_response(),
                Err(error) => error_page(&visitor.site, visitor.theme, &error),
            };
        }
        "ask" => form.read().and_then(|request| admin.preview_codes(visitor.by, &plans, &request)).map(Outcome::Asks),
        "make" => make(&admin, &account, &visitor, &form, &plans).await.map(Outcome::Made),
        _ => Err(AppError::NotFound),
    };
    match done {
        Ok(Outcome::Made(made)) if form.format == "text" => as_text(&made),
        Ok(outcome) => render(&admin, &visitor, form, &plans, outcome).await,
        Err(error) if matches!(error.status(), 400 | 409) => {
            render(&admin, &visitor, form, &plans, Outcome::Failed(error)).await
        }
        Err(error) => error_page(&visitor.site, visitor.theme, &error),
    }
}

async fn make(
    admin: &Admin,
    account: &Account,
    visitor: &Visitor,
    form: &CodesForm,
    plans: &[PlanOffer],
) -> AppResult<MadeCodes> {
    let once = Some(form.once.clone()).filter(|once| !once.is_empty());
    admin.make_codes(visitor.by, &account.secret, plans, once, &form.read()?).await
}

async fn render(admin: &Admin, visitor: &Visitor, form: CodesForm, plans: &[PlanOffer], outcome: Outcome) -> Response {
    let campaigns = match admin.list_campaigns(visitor.by).await {
        Ok(campaigns) => campaigns,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let status = if let Outcome::Failed(error) = &outcome { error.status() } else { 200 };
    page(visitor, Section::Codes, t(Text::FlagCodes), status, || {
        let ends = campaigns.iter().find(|campaign| campaign.name == form.end && campaign.open > 0);
        let ends = ends.map(question);
        let typed = if matches!(outcome, Outcome::Made(_)) { CodesForm::default() } else { form.clone() };
        let told = match &outcome {
            Outcome::Nothing => ().into_any(),
            Outcome::Asks(batch) => code_forms::question(batch, form.clone()),
            Outcome::Made(made) => code_forms::made(made, form.clone()),
            Outcome::Failed(error) => view! { <Alert tone=AlertTone::Danger text=problem_text(error) /> }.into_any(),
        };
        let problem = if let Outcome::Failed(error) = &outcome { Some(error) } else { None };
        view! {
            {(form.said == "done").then(|| view! { <Alert text=t(Text::TaskDone) /> })}
            {ends}
            {told}
            <p class="max-w-prose text-sm text-ink-soft">{t(Text::CodesListed)}</p>
            {table(campaigns)}
            {making_form(typed, plans, problem)}
        }
    })
}

fn question(campaign: &Campaign) -> AnyView {
    let count = campaign.open.to_string();
    let question = fill(Text::AskEndCampaign, &[("name", &campaign.name), ("count", &count)]);
    let path = Section::Codes.path().to_owned();
    question_form(question, ButtonVariant::Danger, (path.clone(), path), [("end", campaign.name.clone())], ())
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
