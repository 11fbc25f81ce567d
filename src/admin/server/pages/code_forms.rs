//! Making codes on `/admin/codes`: the form, the question, and the codes, which are shown once. What is typed is in no address.

use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use leptos::prelude::*;
use serde::Deserialize;
use uuid::Uuid;

use super::frame::Section;
use super::question::{hidden_fields, question_form};
use super::user_sections::section;
use crate::admin::server::codes::MadeCodes;
use crate::credits::server::codes::NewCode;
use crate::credits::server::codes::making::{Batch, CodesRequest, PlanOffer, read_credits};
use crate::i18n::{Text, count_written, t};
use crate::platform::error::{AppError, AppResult};
use crate::ui::{Alert, Button, ButtonVariant, Choice, Field, Select};

/// What is to be done with codes, as forms send it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CodesForm {
    /// `ask`, `make`, or nothing: then it is about the end of a campaign.
    #[serde(rename = "do")]
    pub task: String,
    /// The campaign that is to end.
    pub end: String,
    /// Whether something was done just now.
    pub said: String,
    pub campaign: String,
    pub credits: String,
    pub days: String,
    pub plan: String,
    pub count: String,
    pub code: String,
    pub uses: String,
    pub per_user: String,
    pub expires: String,
    pub credits_last: String,
    /// Names this one time: sent twice, the codes are made once.
    pub once: String,
    /// `text`: they are sent as a file.
    pub format: String,
}

impl CodesForm {
    /// What it asks for. Empty fields are none.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub fn read(&self) -> AppResult<CodesRequest> {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let number = |field: &str, text: &str| {
            let wrong = |_| AppError::invalid(field, t(Text::CodeNumberWrong));
            some(text).map(|text| text.parse::<u32>().map_err(wrong)).transpose()
        };
        Ok(CodesRequest {
            campaign: self.campaign.clone(),
            credits: some(&self.credits).map(|text| read_credits(&text)).transpose()?,
            days: number("days", &self.days)?,
            plan: some(&self.plan),
            count: number("count", &self.count)?,
            code: some(&self.code),
            uses: number("uses", &self.uses)?,
            per_user: number("perUser", &self.per_user)?,
            expires: some(&self.expires),
            credits_last: number("creditsLast", &self.credits_last)?,
        })
    }

    /// All that is sent again with the answer to the question.
    fn fields(self, once: String) -> [(&'static str, String); 12] {
        [
            ("do", "make".to_owned()),
            ("campaign", self.campaign),
            ("credits", self.credits),
            ("days", self.days),
            ("plan", self.plan),
            ("count", self.count),
            ("code", self.code),
            ("uses", self.uses),
            ("perUser", self.per_user),
            ("expires", self.expires),
            ("creditsLast", self.credits_last),
            ("once", once),
        ]
    }
}

/// The form. It asks, and makes nothing yet. What is wrong with a field stands at it.
pub fn making_form(form: CodesForm, plans: &[PlanOffer], problem: Option<&AppError>) -> AnyView {
    let error = |name: &str| match problem {
        Some(AppError::InvalidInput { field, message }) if field == name => Some(message.clone()),
        _ => None,
    };
    let none = Choice::new("", t(Text::NoValue));
    let choices = std::iter::once(none).chain(plans.iter().map(|plan| Choice::new(&plan.id, &plan.name)));
    let of_plan = (!plans.is_empty()).then(|| {
        view! {
            <Select name="plan" id="plan" label=t(Text::UserPlan) choices=choices.collect() value=form.plan error=error("plan") />
            <Field name="days" id="days" label=t(Text::CodeDays) hint=t(Text::CodeDaysHint) value=form.days error=error("days") />
        }
    });
    let body = view! {
        <form method="post" action=Section::Codes.path() class="grid max-w-3xl items-start gap-4 sm:grid-cols-2">
            <input type="hidden" name="do" value="ask" />
            <Field name="campaign" id="campaign" label=t(Text::CampaignColumn) hint=t(Text::CampaignHint) value=form.campaign error=error("campaign") required=true />
            <Field name="credits" id="credits" label=t(Text::CodeCredits) hint=t(Text::CodeCreditsHint) value=form.credits error=error("credits") />
            <Field name="count" id="count" label=t(Text::CodeCount) hint=t(Text::CodeCountHint) value=form.count error=error("count") />
            <Field name="code" id="code" label=t(Text::CodeOwn) hint=t(Text::CodeOwnHint) value=form.code error=error("code") autocomplete="off" />
            <Field name="uses" id="uses" label=t(Text::CodeUses) hint=t(Text::CodeUsesHint) value=form.uses error=error("uses") />
            <Field name="perUser" id="per-user" label=t(Text::CodePerUser) hint=t(Text::CodePerUserHint) value=form.per_user error=error("perUser") />
            <Field name="expires" id="expires" kind="date" label=t(Text::CodeExpires) hint=t(Text::CodeExpiresHint) value=form.expires error=error("expires") />
            <Field
                name="creditsLast"
                id="credits-last"
                label=t(Text::CodeCreditsLast)
                hint=t(Text::CodeCreditsLastHint)
                value=form.credits_last error=error("creditsLast")
            />
            {of_plan}
            <div class="sm:col-span-2">
                <Button label=t(Text::MakeCodes) kind="submit" variant=ButtonVariant::Primary />
            </div>
        </form>
    };
    section(Text::MakeCodes, body.into_any())
}

/// What would be made, and the form that does it.
pub fn question(batch: &Batch, form: CodesForm) -> AnyView {
    let fact = |(label, value): (Text, String)| {
        view! {
            <div class="flex flex-wrap justify-between gap-x-6">
                <dt class="text-ink-soft">{t(label)}</dt>
                <dd class="min-w-0 break-all">{value}</dd>
            </div>
        }
    };
    let facts = batch.codes.first().map(|first| facts(first, batch.codes.len(), &form)).unwrap_or_default();
    let more = view! { <dl class="space-y-1 text-sm">{facts.into_iter().map(fact).collect::<Vec<_>>()}</dl> };
    let path = Section::Codes.path().to_owned();
    let fields = form.fields(Uuid::now_v7().to_string());
    question_form(t(Text::AskMakeCodes).to_owned(), ButtonVariant::Primary, (path.clone(), path), fields, more)
}

fn facts(first: &NewCode, count: usize, form: &CodesForm) -> Vec<(Text, String)> {
    let uses = first.most_uses.map_or_else(|| t(Text::CodeUnlimited).to_owned(), |uses| uses.to_string());
    let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let plan = first.plan.as_ref().map(|plan| plan.name.clone());
    let facts = [
        (Text::CampaignColumn, Some(first.campaign.clone())),
        (Text::CodeCount, Some(count.to_string())),
        (Text::CodeOwn, typed(&form.code)),
        (Text::CodeCredits, Some(count_written(Text::CreditsCount, &first.credits.as_entry()))),
        (Text::UserPlan, plan),
        (Text::CodeDays, first.plan.as_ref().map(|plan| plan.days.to_string())),
        (Text::CodeUses, Some(uses)),
        (Text::CodePerUser, Some(first.per_user.to_string())),
        (Text::CodeExpires, typed(&form.expires)),
        (Text::CodeCreditsLast, typed(&form.credits_last)),
    ];
    facts.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

/// The codes that were made, and the form that sends them as a file.
pub fn made(made: &MadeCodes, form: CodesForm) -> AnyView {
    let codes =
        made.codes.iter().cloned().map(|code| view! { <li><code class="break-all select-all">{code}</code></li> });
    let once = form.once.clone();
    let body = view! {
        <Alert text=t(Text::CodesMade) />
        <ul
            tabindex="0"
            aria-label=t(Text::FlagCodes)
            class="max-h-96 max-w-xl space-y-1 overflow-y-auto rounded-md border border-line bg-sunken p-3 text-sm"
        >
            {codes.collect::<Vec<_>>()}
        </ul>
        <form method="post" action=Section::Codes.path()>
            {hidden_fields(form.fields(once))}
            <input type="hidden" name="format" value="text" />
            <Button label=t(Text::CodesAsText) kind="submit" />
        </form>
    };
    section(Text::CodesNew, body.into_any())
}

/// A line each, as the command line prints them.
pub fn as_text(made: &MadeCodes) -> Response {
    let text = made.codes.iter().fold(String::new(), |list, code| list + code + "\n");
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"tessera-codes.txt\""),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::amount::Amount;

    #[test]
    fn empty_fields_are_none_and_wrong_ones_are_named() {
        let form =
            CodesForm { campaign: "spring".into(), credits: " 2.5 ".into(), uses: "0".into(), ..CodesForm::default() };
        let request = form.read().unwrap();
        assert_eq!((request.credits, request.uses), (Some(Amount::from_micros(2_500_000)), Some(0)));
        assert_eq!((request.count, request.code, request.plan, request.expires), (None, None, None, None));
        for (field, wrong) in [
            ("credits", CodesForm { credits: "many".into(), ..form.clone() }),
            ("count", CodesForm { count: "-1".into(), ..form.clone() }),
            ("perUser", CodesForm { per_user: "1.5".into(), ..form.clone() }),
            ("creditsLast", CodesForm { credits_last: "a year".into(), ..form.clone() }),
        ] {
            let Err(AppError::InvalidInput { field: named, .. }) = wrong.read() else { panic!("{wrong:?}") };
            assert_eq!(named, field);
        }
    }
}
