//! The forms of the account page about oneself: they need no script. What came of one is said on the page that it leads back to.

use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum_extra::extract::CookieJar;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::client::Client;
use super::password::PasswordRequest;
use super::profile::ProfileForm;
use crate::account::server::Account;
use crate::account::server::api::{CLEAR, clear_session, signed_in};
use crate::account::server::forms::{PageForm, Sender};
use crate::document::response::error_page;
use crate::i18n::Text;
use crate::platform::error::AppError;
use crate::platform::ids::SessionId;
use crate::platform::site::Site;
use crate::ui::Theme;

/// The forms.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .route("/account/sessions", post(submit_sessions))
        .route("/account/password", post(submit_password))
        .route("/account/profile", post(submit_profile))
}

/// What came of a form: a word of the address, so that only these can be said.
const OUTCOMES: [(&str, Text, bool); 22] = [
    ("session-ended", Text::SessionEnded, true),
    ("others-ended", Text::OtherSessionsEnded, true),
    ("password-changed", Text::PasswordChanged, true),
    ("profile-saved", Text::ProfileSaved, true),
    ("passkey-added", Text::PasskeyAdded, true),
    ("passkey-renamed", Text::PasskeyRenamed, true),
    ("passkey-removed", Text::PasskeyRemoved, true),
    ("avatar-saved", Text::AvatarSaved, true),
    ("avatar-removed", Text::AvatarRemoved, true),
    ("avatar-refused", Text::AvatarRefused, false),
    ("two-steps-off", Text::TwoStepsAreOff, true),
    ("wrong-password", Text::CurrentPasswordWrong, false),
    ("password-refused", Text::NewPasswordRefused, false),
    ("confirm", Text::ConfirmWithPassword, false),
    ("name-refused", Text::NameTooLong, false),
    ("zone-refused", Text::TimeZoneWrong, false),
    ("not-accepted", Text::FormUnreadable, false),
    ("too-often", Text::TooOften, false),
    ("sign-in-again", Text::SignInAgainFirst, false),
    ("export-started", Text::ExportStarted, true),
    ("export-later", Text::ExportLater, false),
    ("no-export", Text::NoExport, false),
];

/// What an address says that came of a form, and whether it went well.
#[must_use]
pub fn outcome(query: Option<&str>) -> Option<(Text, bool)> {
    let said = query?.split('&').find_map(|pair| pair.strip_prefix("said="))?;
    OUTCOMES.iter().find(|(name, ..)| *name == said).map(|(_, text, went_well)| (*text, *went_well))
}

/// Back to the page, which says what came of it.
pub fn back(said: &str) -> Redirect {
    Redirect::to(&format!("/account?said={said}"))
}

/// The same for what was not done; what is nobody's mistake is a page of its own.
pub(in crate::account::server) fn refused(account: &Account, theme: Theme, error: &AppError) -> Response {
    refused_form(&account.site, theme, error)
}

/// The same for a feature above.
#[must_use]
pub fn refused_form(site: &Site, theme: Theme, error: &AppError) -> Response {
    let said = match error {
        AppError::InvalidInput { field, .. } if field == "currentPassword" => "wrong-password",
        AppError::InvalidInput { field, .. } if field == "newPassword" => "password-refused",
        AppError::InvalidInput { field, .. } if field == "displayName" => "name-refused",
        AppError::InvalidInput { field, .. } if field == "timeZone" => "zone-refused",
        AppError::InvalidInput { .. } => "not-accepted",
        AppError::RateLimited { .. } => "too-often",
        error => return error_page(site, theme, error),
    };
    back(said).into_response()
}

/// Which sessions: an id, `others` or `all`.
#[derive(Deserialize)]
struct SessionsForm {
    end: String,
}

async fn submit_sessions(
    State(account): State<Account>,
    theme: Theme,
    Sender(caller): Sender,
    jar: CookieJar,
    PageForm(form): PageForm<SessionsForm>,
) -> Response {
    let ended = match form.end.as_str() {
        "others" => account.end_other_sessions(&caller).await.map(|_| "others-ended"),
        "all" => match account.sessions.delete_of_user(caller.id, None).await {
            Ok(_) => return (clear_session(&account, jar), CLEAR, Redirect::to("/")).into_response(),
            Err(error) => Err(error.into()),
        },
        id => match id.parse::<SessionId>() {
            Ok(id) => match account.end_session(caller.id, id).await {
                // Ended in another tab: it is gone all the same.
                Ok(()) | Err(AppError::NotFound) => Ok("session-ended"),
                Err(error) => Err(error),
            },
            Err(_) => Err(AppError::NotFound),
        },
    };
    match ended {
        Ok(said) => back(said).into_response(),
        Err(error) => refused(&account, theme, &error),
    }
}

async fn submit_password(
    State(account): State<Account>,
    theme: Theme,
    Sender(caller): Sender,
    client: Client,
    jar: CookieJar,
    PageForm(form): PageForm<PasswordRequest>,
) -> Response {
    match account.change_password(&caller, &client, form).await {
        Ok(session) => signed_in(&account, jar, session, back("password-changed")).await,
        Err(error) => refused(&account, theme, &error),
    }
}

async fn submit_profile(
    State(account): State<Account>,
    theme: Theme,
    Sender(caller): Sender,
    jar: CookieJar,
    PageForm(form): PageForm<ProfileForm>,
) -> Response {
    match account.change_profile(caller.id, &form).await {
        Ok(preferences) => {
            let cookies = preferences.cookies(account.site.is_https());
            (cookies.fold(jar, CookieJar::add), back("profile-saved")).into_response()
        }
        Err(error) => refused(&account, theme, &error),
    }
}
