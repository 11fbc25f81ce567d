//! What can be done to a user: each is asked once more before it is, on the page of the user.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use serde::Deserialize;
use uuid::Uuid;

use super::question::question_form;
use super::user::show_again;
use super::visitor::Visitor;
use crate::account::Role;
use crate::account::server::budgets::BudgetFields;
use crate::account::server::budgets_view::period_text;
use crate::account::server::forms::PageForm;
use crate::account::server::sessions::UserStatus;
use crate::admin::server::credits::checked;
use crate::admin::server::{Admin, Authority, CreditsChange, UserChange};
use crate::credits::Period;
use crate::document::response::error_page;
use crate::i18n::{Text, count_written, fill, t};
use crate::leaving::server::Leaving;
use crate::payments::server::Payments;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{ApiError, PathId};
use crate::platform::ids::{BudgetId, PaymentId, UserId};
use crate::ui::{ButtonVariant, Field};

/// Whose rules the page of a user goes by.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub admin: &'a Admin,
    pub payments: &'a Payments,
    pub leaving: &'a Leaving,
}

/// What is to be done, as forms send it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct TaskForm {
    #[serde(default, rename = "do")]
    pub task: String,
    #[serde(default)]
    pub amount: String,
    #[serde(default)]
    pub reason: String,
    /// Names this one time: sent twice, credits move once.
    #[serde(default)]
    pub once: String,
    /// Of a refund: the purchase.
    #[serde(default)]
    pub payment: String,
    /// Of a budget: its time, its limit and the model that it is for.
    #[serde(default)]
    pub period: String,
    #[serde(default)]
    pub limit: String,
    #[serde(default)]
    pub model: String,
    /// The id of a budget.
    #[serde(default)]
    pub budget: String,
    /// The address of the user, typed once more.
    #[serde(default)]
    pub email: String,
    /// Whether something was done just now.
    #[serde(default)]
    pub said: String,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Task {
    Change(UserChange),
    EndSessions,
    Adjust(CreditsChange),
    Refund(PaymentId),
    Export,
    /// With the address that was typed.
    Erase(String),
    SetBudget(BudgetFields),
    RemoveBudget(BudgetId),
}

/// Names of the tasks that need no more than that.
const CHANGES: [(&str, UserChange); 4] = [
    ("make-admin", UserChange { role: Some(Role::Admin), status: None }),
    ("take-admin", UserChange { role: Some(Role::User), status: None }),
    ("disable", UserChange { role: None, status: Some(UserStatus::Disabled) }),
    ("enable", UserChange { role: None, status: Some(UserStatus::Active) }),
];

impl Task {
    /// What a form asks for; `None`: nothing.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub fn read(form: &TaskForm) -> AppResult<Option<Self>> {
        let change = CHANGES.into_iter().find(|(name, _)| *name == form.task).map(|(_, change)| change);
        match &*form.task {
            "" => Ok(None),
            "end-sessions" => Ok(Some(Self::EndSessions)),
            "export" => Ok(Some(Self::Export)),
            "erase" => Ok(Some(Self::Erase(form.email.clone()))),
            "set-budget" => {
                let TaskForm { period, limit, model, .. } = form.clone();
                let fields = BudgetFields { period, limit, model, ..BudgetFields::default() };
                fields.read()?;
                Ok(Some(Self::SetBudget(fields)))
            }
            "remove-budget" => Ok(Some(Self::RemoveBudget(form.budget.parse().map_err(|_| AppError::NotFound)?))),
            "adjust" => {
                let amount = read_amount(&form.amount);
                let amount = amount.ok_or_else(|| AppError::invalid("amount", t(Text::AmountOfNothing)))?;
                let change = CreditsChange { amount, reason: form.reason.clone() };
                checked(&change)?;
                Ok(Some(Self::Adjust(change)))
            }
            "refund" => Ok(Some(Self::Refund(form.payment.parse().map_err(|_| AppError::NotFound)?))),
            _ => Ok(Some(Self::Change(change.ok_or(AppError::NotFound)?))),
        }
    }

    /// What it does, as a question.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub async fn question(&self, admin: &Admin, payments: &Payments, by: Authority, email: &str) -> AppResult<String> {
        let text = match self {
            Self::Change(UserChange { role: Some(Role::Admin), .. }) => Text::AskMakeAdmin,
            Self::Change(UserChange { role: Some(_), .. }) => Text::AskTakeAdmin,
            Self::Change(UserChange { status: Some(UserStatus::Active), .. }) => Text::AskEnable,
            Self::Change(_) => Text::AskDisable,
            Self::EndSessions => Text::AskEndSessions,
            Self::Export => Text::AskExportUser,
            Self::Erase(_) => Text::AskEraseUser,
            Self::RemoveBudget(_) => Text::AskRemoveBudget,
            Self::SetBudget(fields) => {
                let period = Period::ALL.into_iter().find(|period| period.as_str() == fields.period);
                let period = period.map(|period| t(period_text(period)).to_lowercase()).unwrap_or_default();
                let credits = count_written(Text::CreditsCount, fields.limit.trim());
                let model = fields.model.trim();
                let period = if model.is_empty() { period } else { format!("{period} ({model})") };
                return Ok(fill(Text::AskSetBudget, &[("email", email), ("credits", &credits), ("period", &period)]));
            }
            Self::Adjust(CreditsChange { amount, reason }) => {
                let (text, size) =
                    if amount.is_negative() { (Text::AskTake, -*amount) } else { (Text::AskGive, *amount) };
                let credits = count_written(Text::CreditsCount, &size.as_entry());
                return Ok(fill(text, &[("credits", &credits), ("email", email), ("reason", reason)]));
            }
            Self::Refund(id) => {
                let offer = admin.preview_refund(by, payments, *id).await?;
                let credits = count_written(Text::CreditsCount, &offer.credits.as_entry());
                let money = format!("{} {}", offer.money.to_decimal(), offer.money.currency);
                return Ok(fill(Text::AskRefund, &[("credits", &credits), ("email", email), ("money", &money)]));
            }
        };
        Ok(fill(text, &[("email", email)]))
    }

    async fn run(self, rules: Rules<'_>, by: Authority, id: UserId, once: String) -> AppResult<()> {
        let Rules { admin, payments, leaving } = rules;
        let account = &leaving.account;
        match self {
            Self::Export => admin.begin_export(leaving, by, id).await.map(drop),
            Self::Erase(typed) => admin.erase_user(leaving, by, id, &typed).await,
            Self::SetBudget(fields) => {
                let request = account.with_admin_budget(id, &fields).await?;
                admin.set_budgets(account, by, id, request).await.map(drop)
            }
            Self::RemoveBudget(budget) => {
                let request = account.without_admin_budget(id, budget).await?;
                admin.set_budgets(account, by, id, request).await.map(drop)
            }
            Self::Change(change) => admin.change_user(by, id, change).await.map(drop),
            Self::EndSessions => admin.end_sessions(by, id).await.map(drop),
            Self::Adjust(change) => {
                let key = Some(once).filter(|once| !once.is_empty());
                admin.adjust_credits(by, id, key, change).await.map(drop)
            }
            Self::Refund(payment) => admin.refund(by, payments, payment).await.map(drop),
        }
    }
}

/// A number of credits, with or without a sign.
fn read_amount(text: &str) -> Option<Amount> {
    let text = text.trim();
    match text.strip_prefix(['-', '\u{2212}']) {
        Some(size) => Amount::parse(size).map(|size| -size),
        None => Amount::parse(text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The question, and the form that does it.
pub fn confirm_box(question: String, form: TaskForm, id: &str) -> AnyView {
    let path = format!("/admin/users/{id}");
    let typed = (form.task == "erase").then(
        || view! { <Field name="email" id="typed-email" kind="email" label=t(Text::TheirEmail) required=true /> },
    );
    let gives = form.task == "adjust" && !form.amount.trim_start().starts_with(['-', '−']);
    let is_harmless = gives || matches!(&*form.task, "enable" | "export" | "set-budget");
    // Red warns only where it is rare.
    let variant = if is_harmless { ButtonVariant::Primary } else { ButtonVariant::Danger };
    let fields = [
        ("do", form.task),
        ("amount", form.amount),
        ("reason", form.reason),
        ("payment", form.payment),
        ("period", form.period),
        ("limit", form.limit),
        ("model", form.model),
        ("budget", form.budget),
        ("once", Uuid::now_v7().to_string()),
    ];
    question_form(question, variant, (path.clone(), path), fields, typed)
}

/// `POST /admin/users/{id}`.
pub async fn submit(
    State(admin): State<Admin>,
    State(payments): State<Payments>,
    State(leaving): State<Leaving>,
    visitor: Visitor,
    id: Result<PathId<UserId>, ApiError>,
    PageForm(form): PageForm<TaskForm>,
) -> Response {
    let rules = Rules { admin: &admin, payments: &payments, leaving: &leaving };
    let Ok(PathId(id)) = id else { return error_page(&visitor.site, visitor.theme, &AppError::NotFound) };
    let is_erasing = form.task == "erase";
    let done = match Task::read(&form) {
        Ok(Some(task)) => task.run(rules, visitor.by, id, form.once).await,
        Ok(None) => Err(AppError::NotFound),
        Err(error) => Err(error),
    };
    match done {
        // Soon there is no such user.
        Ok(()) if is_erasing => Redirect::to("/admin/users").into_response(),
        Ok(()) => Redirect::to(&format!("/admin/users/{id}?said=done")).into_response(),
        Err(error) => show_again(rules, &visitor, id, error).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_a_sign_or_none() {
        for (text, micros) in [("5", 5_000_000), ("+0.25", 250_000), ("-3", -3_000_000), (" \u{2212}1.5 ", -1_500_000)]
        {
            assert_eq!(read_amount(text).map(Amount::micros), Some(micros), "{text}");
        }
        for text in ["", "-", "--1", "1e3", "five"] {
            assert_eq!(read_amount(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_can_be_done_is_read() {
        let form = |task: &str| TaskForm { task: task.to_owned(), ..TaskForm::default() };
        assert!(matches!(Task::read(&form("")), Ok(None)));
        assert!(matches!(Task::read(&form("disable")), Ok(Some(Task::Change(_)))));
        assert!(matches!(Task::read(&form("erase-all")), Err(AppError::NotFound)));
        assert!(matches!(Task::read(&form("adjust")), Err(AppError::InvalidInput { .. })));
    }
}
