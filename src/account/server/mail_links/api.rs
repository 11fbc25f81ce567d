//! `/api/auth/reset-password`, `/api/auth/sign-in-link`, `/api/auth/verify-email` and `/api/account/email`.

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum_extra::extract::CookieJar;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Purpose, pages};
use crate::account::server::Account;
use crate::account::server::api::{SignedIn, signed_in};
use crate::account::server::caller::{Caller, Person};
use crate::account::server::second_factor::api::answer;
use crate::account::server::sessions::Client;
use crate::api_docs::Refusal;
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope, Nothing};
use crate::platform::limits::ClientAddress;
use crate::platform::site::Site;

/// The routes of links by mail, and their pages.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(confirm_sign_up))
        .routes(routes!(request_reset))
        .routes(routes!(confirm_reset))
        .routes(routes!(request_sign_in))
        .routes(routes!(confirm_sign_in))
        .routes(routes!(verify_email))
        .routes(routes!(send_again))
        .routes(routes!(change_email))
        .merge(pages::routes())
}

/// Where a link is sent.
#[derive(Deserialize, ToSchema)]
pub struct MailboxRequest {
    #[serde(default)]
    #[schema(required)]
    pub email: String,
}

/// A link that is used.
#[derive(Deserialize, ToSchema)]
pub struct LinkRequest {
    /// The last part of the link.
    #[serde(default)]
    #[schema(required)]
    pub token: String,
}

/// A link that makes an account.
#[derive(Deserialize, ToSchema)]
pub struct NewAccountRequest {
    /// The last part of the link.
    #[serde(default)]
    #[schema(required)]
    pub token: String,
    /// 8 to 128 characters.
    #[serde(default)]
    #[schema(required)]
    pub password: String,
    /// Up to 80 characters.
    pub name: Option<String>,
}

/// A link that is used for a new password.
#[derive(Deserialize, ToSchema)]
pub struct NewPasswordRequest {
    /// The last part of the link.
    #[serde(default)]
    #[schema(required)]
    pub token: String,
    /// 8 to 128 characters.
    #[serde(default)]
    #[schema(required)]
    pub password: String,
}

/// Another address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailRequest {
    #[serde(default)]
    #[schema(required)]
    pub email: String,
    /// Not needed within ten minutes of signing in.
    #[serde(default)]
    pub current_password: String,
}

/// Finish a registration.
///
/// Uses the link that is emailed to a new address where registrations are confirmed. The account is made with this password and its
/// free credits, and its address is confirmed.
#[utoipa::path(post, path = "/api/auth/register/confirm", tag = "Accounts", security(()),
    request_body(content = NewAccountRequest,
        example = json!({"token": "the-token-of-a-sign-up-link", "password": "correct horse battery", "name": "Ada"})),
    responses((status = 201, description = "The new user. Sets the session and device cookies.", body = Envelope<SignedIn>),
        Refusal::<429>))]
async fn confirm_sign_up(
    State(account): State<Account>,
    client: Client,
    jar: CookieJar,
    ApiJson(request): ApiJson<NewAccountRequest>,
) -> Result<Response, ApiError> {
    let NewAccountRequest { token, password, name } = request;
    let session = account.finish_sign_up(&client, &token, name, password).await?;
    let body = Answer(SignedIn { user: session.profile.clone() });
    Ok(signed_in(&account, jar, session, (StatusCode::CREATED, body)).await)
}

/// Request a password reset.
///
/// If the address has an account, a link is emailed to it that works once, for 30 minutes; earlier ones stop working. The
/// response is the same if it has none.
#[utoipa::path(post, path = "/api/auth/reset-password", tag = "Accounts", security(()),
    request_body(content = MailboxRequest, example = json!({"email": "ada@example.org"})),
    responses((status = 200, description = "A link is on its way if there is an account.", body = Envelope<Nothing>),
        Refusal::<429>))]
async fn request_reset(
    State(account): State<Account>,
    address: ClientAddress,
    ApiJson(request): ApiJson<MailboxRequest>,
) -> ApiResult<Nothing> {
    account.request_link(address, &request.email, Purpose::Reset, None).await?;
    Ok(Answer(Nothing {}))
}

/// Set a new password.
///
/// Uses the link of a password reset. All sessions end, and the email address is confirmed. It doesn’t sign in.
#[utoipa::path(post, path = "/api/auth/reset-password/confirm", tag = "Accounts", security(()),
    request_body(content = NewPasswordRequest,
        example = json!({"token": "the-token-of-a-reset-link", "password": "four unrelated words here"})),
    responses((status = 200, description = "The password is changed.", body = Envelope<Nothing>), Refusal::<429>))]
async fn confirm_reset(
    State(account): State<Account>,
    address: ClientAddress,
    ApiJson(request): ApiJson<NewPasswordRequest>,
) -> ApiResult<Nothing> {
    account.reset_password(address, &request.token, request.password).await?;
    Ok(Answer(Nothing {}))
}

/// Request a sign-in link.
///
/// If the address has an account, a link is emailed to it that works once, for 15 minutes; earlier ones stop working. If the
/// address isn’t confirmed yet, it is a link for a password reset. The response is the same if there is no account.
#[utoipa::path(post, path = "/api/auth/sign-in-link", tag = "Accounts", security(()),
    request_body(content = MailboxRequest, example = json!({"email": "ada@example.org"})),
    responses((status = 200, description = "A link is on its way if there is an account.", body = Envelope<Nothing>),
        Refusal::<429>))]
async fn request_sign_in(
    State(account): State<Account>,
    address: ClientAddress,
    ApiJson(request): ApiJson<MailboxRequest>,
) -> ApiResult<Nothing> {
    account.request_link(address, &request.email, Purpose::SignIn, None).await?;
    Ok(Answer(Nothing {}))
}

/// Sign in by a link.
///
/// Users with two-step sign-in get 401 `second_factor_required` and a cookie for the second step.
#[utoipa::path(post, path = "/api/auth/sign-in-link/confirm", tag = "Accounts", security(()),
    request_body(content = LinkRequest, example = json!({"token": "the-token-of-a-sign-in-link"})),
    responses((status = 200, description = "The user. Sets the session and device cookies.", body = Envelope<SignedIn>),
        Refusal::<401>, Refusal::<429>))]
async fn confirm_sign_in(
    State(account): State<Account>,
    client: Client,
    jar: CookieJar,
    ApiJson(request): ApiJson<LinkRequest>,
) -> Result<Response, ApiError> {
    let admission = account.sign_in_by_link(&client, &request.token, None).await?;
    Ok(answer(&account, jar, admission).await)
}

/// Confirm an email address.
///
/// Uses the link that is emailed to new addresses, at sign-up or after a change. A changed address takes effect with this. An
/// administrator’s address is confirmed only by who is signed in to its account.
#[utoipa::path(post, path = "/api/auth/verify-email", tag = "Accounts", security(()),
    request_body(content = LinkRequest, example = json!({"token": "the-token-of-a-verify-link"})),
    responses((status = 200, description = "The address is confirmed.", body = Envelope<Nothing>),
        Refusal::<409>, Refusal::<429>))]
async fn verify_email(
    State(account): State<Account>,
    address: ClientAddress,
    headers: HeaderMap,
    ApiJson(request): ApiJson<LinkRequest>,
) -> ApiResult<Nothing> {
    let caller = Caller::from_headers(&account, &headers).await.and_then(Caller::into_person).ok();
    account.confirm_email(address, caller.as_ref(), &request.token).await?;
    Ok(Answer(Nothing {}))
}

/// Send the confirmation link again.
#[utoipa::path(post, path = "/api/account/verify-email", tag = "Accounts", security(("session" = [])),
    responses((status = 200, description = "A link is on its way.", body = Envelope<Nothing>),
        Refusal::<403>, Refusal::<409>, Refusal::<429>))]
async fn send_again(State(account): State<Account>, Person(caller): Person) -> ApiResult<Nothing> {
    account.send_verification_again(caller.id).await?;
    Ok(Answer(Nothing {}))
}

/// Change the email address.
///
/// A link is emailed to the new address; the change takes effect when it is used, and the old address is notified. The response
/// is the same if the new address has an account already, whose owner is told. `currentPassword` is only needed later than ten minutes
/// after signing in; who has none signs in again (409).
#[utoipa::path(post, path = "/api/account/email", tag = "Accounts", security(("session" = [])),
    request_body(content = EmailRequest, example = json!({"email": "ada@example.net", "currentPassword": "correct horse battery"})),
    responses((status = 200, description = "A link is on its way.", body = Envelope<Nothing>),
        Refusal::<403>, Refusal::<409>, Refusal::<429>))]
async fn change_email(
    State(account): State<Account>,
    client: Client,
    Person(caller): Person,
    ApiJson(request): ApiJson<EmailRequest>,
) -> ApiResult<Nothing> {
    account.request_email_change(&client, &caller, &request.email, &request.current_password).await?;
    Ok(Answer(Nothing {}))
}
