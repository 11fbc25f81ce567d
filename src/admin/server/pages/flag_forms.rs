//! What the forms of `/admin/flags` ask for. Each is asked once more before it is done.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use serde::Deserialize;

use super::flags::{render, setting_text};
use super::question::question_form;
use super::visitor::Visitor;
use crate::account::Role;
use crate::account::server::forms::PageForm;
use crate::admin::server::FlagPanel;
use crate::admin::server::flags::{
    AnnouncementChange, FlagChange, FlagState, SafeguardInfo, read_announcement, read_setting,
};
use crate::audit::Actor;
use crate::document::announcement;
use crate::flags::{Announced, AnnouncementKind};
use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::ui::ButtonVariant;

/// All fields of both forms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FlagForm {
    /// `change`, `announce`, or nothing yet.
    #[serde(rename = "do")]
    pub task: String,
    /// The flag that is looked at.
    pub flag: String,
    pub version: String,
    pub state: String,
    pub percent: String,
    pub user: String,
    pub subscriber: String,
    pub admin: String,
    pub errors: String,
    pub spend: String,
    pub cap: String,
    pub kind: String,
    pub en: String,
    pub zh: String,
    pub from: String,
    pub until: String,
    pub dismissible: String,
    /// Whether something was done just now.
    pub said: String,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagTask {
    Change { flag: String, change: FlagChange },
    Announce(AnnouncementChange),
}

impl FlagTask {
    /// What a form asks for; `None`: nothing.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub fn read(form: &FlagForm) -> AppResult<Option<Self>> {
        match &*form.task {
            "" => Ok(None),
            "change" => {
                let change = read_change(form)?;
                read_setting(&change)?;
                Ok(Some(Self::Change { flag: form.flag.clone(), change }))
            }
            "announce" => {
                let change = AnnouncementChange {
                    version: read_version(form)?,
                    kind: if form.kind == "warning" { AnnouncementKind::Warning } else { AnnouncementKind::Info },
                    en: form.en.clone(),
                    zh: form.zh.clone(),
                    from: form.from.clone(),
                    until: form.until.clone(),
                    dismissible: !form.dismissible.is_empty(),
                };
                read_announcement(&change)?;
                Ok(Some(Self::Announce(change)))
            }
            _ => Err(AppError::NotFound),
        }
    }

    async fn run(self, panel: &FlagPanel, visitor: &Visitor) -> AppResult<()> {
        match self {
            Self::Change { flag, change } => panel.change(visitor.by, &flag, change).await.map(drop),
            Self::Announce(change) => panel.announce(visitor.by, change).await.map(drop),
        }
    }
}

fn read_version(form: &FlagForm) -> AppResult<i64> {
    form.version.parse().map_err(|_| AppError::invalid("version", t(Text::FlagChangedMeanwhile)))
}

fn read_change(form: &FlagForm) -> AppResult<FlagChange> {
    let state = FlagState::ALL.into_iter().find(|state| state.as_str() == form.state).ok_or(AppError::NotFound)?;
    let percent = match (state, form.percent.trim()) {
        (FlagState::Percent, text) => {
            let percent = Amount::parse(text);
            Some(percent.ok_or_else(|| AppError::invalid("percent", t(Text::FlagPercentWrong)))?)
        }
        _ => None,
    };
    let chosen = [(Role::User, &form.user), (Role::Subscriber, &form.subscriber), (Role::Admin, &form.admin)];
    let roles = chosen.into_iter().filter(|(_, sent)| !sent.is_empty()).map(|(role, _)| role).collect();
    let error_percent = match form.errors.trim() {
        "" => None,
        text => Some(text.parse().map_err(|_| AppError::invalid("errors", t(Text::FlagErrorWrong)))?),
    };
    Ok(FlagChange {
        version: read_version(form)?,
        state,
        percent,
        roles: (state == FlagState::Roles).then_some(roles),
        safeguard: Some(SafeguardInfo { error_percent, spend_micros: read_money("spend", &form.spend)? }),
        daily_cap_micros: read_money("cap", &form.cap)?,
    })
}

/// Dollars; empty: none.
fn read_money(field: &str, text: &str) -> AppResult<Option<i64>> {
    match text.trim() {
        "" => Ok(None),
        text => match Amount::parse(text) {
            Some(money) => Ok(Some(money.micros())),
            None => Err(AppError::invalid(field, t(Text::FlagMoneyWrong))),
        },
    }
}

/// The question, and the form that does it.
pub fn confirm_box(task: &FlagTask, form: FlagForm, label: &str) -> AnyView {
    let (question, preview) = match task {
        FlagTask::Change { change, .. } => {
            let setting = read_setting(change).unwrap_or_default();
            (fill(Text::FlagAsk, &[("name", label), ("setting", &setting_text(&setting))]), None)
        }
        FlagTask::Announce(change) => {
            let announcement = read_announcement(change).unwrap_or_default();
            let text = if announcement.en.is_empty() { Text::AnnouncementAskNone } else { Text::AnnouncementAsk };
            let shown = Announced { announcement, version: 0, changed_at: 0, changed_by: Actor::System };
            (t(text).to_owned(), Some(shown).filter(|shown| !shown.announcement.en.is_empty()))
        }
    };
    let back =
        if form.flag.is_empty() { "/admin/flags".to_owned() } else { format!("/admin/flags?flag={}", form.flag) };
    let fields = [
        ("do", form.task),
        ("flag", form.flag),
        ("version", form.version),
        ("state", form.state),
        ("percent", form.percent),
        ("user", form.user),
        ("subscriber", form.subscriber),
        ("admin", form.admin),
        ("errors", form.errors),
        ("spend", form.spend),
        ("cap", form.cap),
        ("kind", form.kind),
        ("en", form.en),
        ("zh", form.zh),
        ("from", form.from),
        ("until", form.until),
        ("dismissible", form.dismissible),
    ];
    let more = preview.map(|shown| announcement(&shown, None));
    question_form(question, ButtonVariant::Danger, ("/admin/flags".to_owned(), back), fields, more)
}

/// `POST /admin/flags`.
pub async fn submit(State(panel): State<FlagPanel>, visitor: Visitor, PageForm(form): PageForm<FlagForm>) -> Response {
    let done = match FlagTask::read(&form) {
        Ok(Some(task)) => task.run(&panel, &visitor).await,
        Ok(None) => Err(AppError::NotFound),
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => Redirect::to("/admin/flags?said=done").into_response(),
        Err(error) => render(&panel, &visitor, FlagForm { task: String::new(), ..form }, None, Some(error)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_all_that_is_set() {
        let form = FlagForm {
            task: "change".into(),
            flag: "chat".into(),
            version: "3".into(),
            state: "roles".into(),
            admin: "on".into(),
            errors: "40".into(),
            spend: "2.5".into(),
            ..FlagForm::default()
        };
        let Ok(Some(FlagTask::Change { flag, change })) = FlagTask::read(&form) else { panic!("{form:?}") };
        let safeguard = Some(SafeguardInfo { error_percent: Some(40), spend_micros: Some(2_500_000) });
        assert_eq!(
            (&*flag, change.version, change.roles, change.safeguard),
            ("chat", 3, Some(vec![Role::Admin]), safeguard)
        );
        for wrong in [
            FlagForm { errors: "0".into(), ..form.clone() },
            FlagForm { errors: "many".into(), ..form.clone() },
            FlagForm { cap: "-1".into(), ..form.clone() },
            FlagForm { spend: "0".into(), ..form.clone() },
            FlagForm { state: "percent".into(), percent: "half".into(), ..form.clone() },
            FlagForm { version: String::new(), ..form.clone() },
        ] {
            assert!(matches!(FlagTask::read(&wrong), Err(AppError::InvalidInput { .. })), "{wrong:?}");
        }
        assert_eq!(FlagTask::read(&FlagForm { state: "maybe".into(), ..form }), Err(AppError::NotFound));
        assert_eq!(FlagTask::read(&FlagForm::default()), Ok(None));
    }
}
