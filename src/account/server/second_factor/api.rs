//! `/api/auth/second-step` and `/api/account/second-factor`; and how programs and browsers are told that there is a second step.

use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::pages::{self, SECOND_STEP};
use super::rules::HALF_SECS;
use super::{Admission, SecondStep};
use crate::account::server::Account;
use crate::account::server::api::{SignedIn, device_of, secret_cookie, signed_in};
use crate::account::server::caller::Person;
use crate::account::server::passkeys::api::PasskeySignIn;
use crate::account::server::sessions::Client;
use crate::api_docs::Refusal;
use crate::platform::error::AppError;
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope};
use crate::platform::site::Site;

/// The routes of two-step sign-in, and its pages.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(second_step))
        .routes(routes!(second_step_by_passkey))
        .routes(routes!(second_factor))
        .merge(pages::routes())
}

/// The second step of signing in.
#[derive(Deserialize, ToSchema)]
struct CodeRequest {
    /// What the authenticator app shows, or a recovery code.
    #[serde(default)]
    #[schema(required)]
    code: String,
}

/// Take the second step of signing in.
///
/// For users with two-step sign-in, who are answered `second_factor_required` (401) first, with a cookie that is good for ten minutes
/// and five tries. Each code works once.
#[utoipa::path(post, path = "/api/auth/second-step", operation_id = "take_second_step", tag = "Accounts", security(()),
    request_body(content = CodeRequest, example = json!({"code": "K7QM-2XWD-9FHB-TR4C"})),
    responses((status = 200, description = "The user. Sets the session and device cookies.", body = Envelope<SignedIn>),
        Refusal::<401>, Refusal::<429>))]
async fn second_step(
    State(account): State<Account>,
    client: Client,
    jar: CookieJar,
    ApiJson(request): ApiJson<CodeRequest>,
) -> Result<Response, ApiError> {
    let token = half_token(&account, &jar).ok_or(AppError::Unauthenticated)?;
    let (session, _) = account.take_second_step(&client, device_of(&account, &jar), token, &request.code).await?;
    let body = Answer(SignedIn { user: session.profile.clone() });
    let jar = jar.add(gone(&account));
    Ok(signed_in(&account, jar, session, body).await)
}

/// Take the second step of signing in with a passkey.
///
/// For users with two-step sign-in who have a passkey. `/api/auth/passkey/options` begins it; the passkey has to be one of the user
/// who has taken the first step. Five tries, with those of codes.
#[utoipa::path(post, path = "/api/auth/second-step/passkey", operation_id = "take_second_step_by_passkey", tag = "Accounts",
    security(()),
    request_body(content = PasskeySignIn, example = json!({
        "ceremony": "the-ceremony-of-a-second-step",
        "credential": {
            "id": "ZXhhbXBsZS1wYXNza2V5MQ", "rawId": "ZXhhbXBsZS1wYXNza2V5MQ", "type": "public-key",
            "response": {
                "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiSzJWRnRRX0NRMVBkOWFCcWYzV2tWWXdfMDVwdkc1S2R5ZkkwS2J2N2RvdyIsIm9yaWdpbiI6Imh0dHA6Ly9sb2NhbGhvc3Q6MzAwMCIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
                "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAA",
                "signature": "MEUCICBtLWRtKkHim3GmaNor945FE5h8CGD_K6Fwva998D5HAiEA2tfhNYVI9pcSDC8a5_FskSmWuWG4qPImEyGwdxEzAKw",
                "userHandle": "AZObfgAAcACAAAEjRWeJqw"
            }
        }
    })),
    responses((status = 200, description = "The user. Sets the session and device cookies.", body = Envelope<SignedIn>),
        Refusal::<401>, Refusal::<403>, Refusal::<409>, Refusal::<429>))]
async fn second_step_by_passkey(
    State(account): State<Account>,
    client: Client,
    jar: CookieJar,
    ApiJson(request): ApiJson<PasskeySignIn>,
) -> Result<Response, ApiError> {
    let token = half_token(&account, &jar).ok_or(AppError::Unauthenticated)?;
    let PasskeySignIn { ceremony, credential } = request;
    let (session, _) = account.take_second_step_by_passkey(&client, token, &ceremony, &credential).await?;
    let body = Answer(SignedIn { user: session.profile.clone() });
    let jar = jar.add(gone(&account));
    Ok(signed_in(&account, jar, session, body).await)
}

/// Whether a user signs in with two steps.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SecondFactor {
    enabled: bool,
    /// An authenticator app is set up. Passkeys and recovery codes are taken with it and without.
    has_app: bool,
    /// Recovery codes that were not used.
    recovery_codes_left: u32,
}

/// Get whether two-step sign-in is on.
#[utoipa::path(get, path = "/api/account/second-factor", operation_id = "get_second_factor", tag = "Accounts", security(("session" = [])),
    responses((status = 200, description = "Whether it is on.", body = Envelope<SecondFactor>), Refusal::<403>))]
async fn second_factor(State(account): State<Account>, Person(caller): Person) -> ApiResult<SecondFactor> {
    let enabled = account.second_steps(caller.id).await?.contains(&SecondStep::Code);
    let app = account.second_factors.find(caller.id).await.map_err(AppError::from)?;
    let has_app = enabled && app.as_ref().is_some_and(|app| !app.key.is_empty());
    Ok(Answer(SecondFactor { enabled, has_app, recovery_codes_left: app.map_or(0, |app| app.codes_left) }))
}

/// A program is told who has signed in, or that there is a second step.
pub(in crate::account::server) async fn answer(account: &Account, jar: CookieJar, admission: Admission) -> Response {
    match admission {
        Admission::SignedIn(session) => {
            let body = Answer(SignedIn { user: session.profile.clone() });
            signed_in(account, jar, session, body).await
        }
        Admission::SecondStep(token) => {
            let error = ApiError(AppError::SecondFactorRequired);
            (jar.add(half_cookie(account, token, HALF_SECS)), error).into_response()
        }
    }
}

/// A browser goes on to where it wants, or to the second step.
pub(in crate::account::server) async fn lead_on(
    account: &Account,
    jar: CookieJar,
    admission: Admission,
    next: &str,
) -> Response {
    match admission {
        Admission::SignedIn(session) => signed_in(account, jar, session, Redirect::to(next)).await,
        Admission::SecondStep(token) => {
            (jar.add(half_cookie(account, token, HALF_SECS)), Redirect::to(SECOND_STEP)).into_response()
        }
    }
}

/// The name of the cookie of a half sign-in; see [`Account::session_cookie`].
fn cookie_name(account: &Account) -> &'static str {
    if account.site.is_https() { "__Host-tessera_second_step" } else { "tessera_second_step" }
}

fn half_cookie(account: &Account, token: String, seconds: i64) -> Cookie<'static> {
    secret_cookie(account, cookie_name(account), token, seconds, "/")
}

/// Takes the cookie away.
pub(super) fn gone(account: &Account) -> Cookie<'static> {
    half_cookie(account, String::new(), 0)
}

/// The secret of the half sign-in that a browser brings.
pub(super) fn half_token<'a>(account: &Account, jar: &'a CookieJar) -> Option<&'a str> {
    jar.get(cookie_name(account)).map(Cookie::value)
}
