//! `/api/auth/passkey` and `/api/account/passkeys`.

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::pages;
use super::rules::{PasskeyCeremony, PasskeyInfo};
use crate::account::server::Account;
use crate::account::server::api::{SignedIn, signed_in};
use crate::account::server::caller::Person;
use crate::account::server::sessions::Client;
use crate::api_docs::Refusal;
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope, Nothing, PathId};
use crate::platform::ids::PasskeyId;
use crate::platform::site::Site;

/// The routes of passkeys, their page and their form.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(begin_sign_in))
        .routes(routes!(sign_in))
        .routes(routes!(list, add))
        .routes(routes!(begin))
        .routes(routes!(rename, remove))
        .merge(pages::routes())
}

/// Shows that it is the owner who asks.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewPasskeyRequest {
    /// Not needed within ten minutes of signing in.
    #[serde(default)]
    current_password: String,
}

/// A passkey that was made.
#[derive(Deserialize, ToSchema)]
struct PasskeyRequest {
    /// From `/api/account/passkeys/options`.
    ceremony: String,
    /// Up to 60 characters; if empty, the device’s.
    #[serde(default)]
    name: String,
    /// What `PublicKeyCredential.toJSON()` makes of the result of `navigator.credentials.create()`.
    #[schema(value_type = Object)]
    credential: RegisterPublicKeyCredential,
}

/// A passkey that is used.
#[derive(Deserialize, ToSchema)]
pub struct PasskeySignIn {
    /// From `/api/auth/passkey/options`.
    pub ceremony: String,
    /// What `PublicKeyCredential.toJSON()` makes of the result of `navigator.credentials.get()`.
    #[schema(value_type = Object)]
    pub credential: PublicKeyCredential,
}

/// Another name.
#[derive(Deserialize, ToSchema)]
struct PasskeyName {
    /// 1 to 60 characters.
    #[serde(default)]
    #[schema(required)]
    name: String,
}

/// The passkeys of a user.
#[derive(Serialize, ToSchema)]
struct Passkeys {
    items: Vec<PasskeyInfo>,
}

/// Begin to sign in with a passkey.
///
/// Gives the options for `navigator.credentials.get()`. No passkey is named: the browser finds those that it has for this site.
#[utoipa::path(post, path = "/api/auth/passkey/options", operation_id = "begin_passkey_sign_in", tag = "Accounts",
    security(()),
    responses((status = 200, description = "The ceremony.", body = Envelope<PasskeyCeremony>),
        Refusal::<403>, Refusal::<409>, Refusal::<429>))]
async fn begin_sign_in(State(account): State<Account>, client: Client) -> ApiResult<PasskeyCeremony> {
    Ok(Answer(account.begin_passkey_sign_in(&client).await?))
}

/// Sign in with a passkey.
///
/// Finishes what was begun, once, within five minutes, on any server. The passkey must have verified its user, so no second
/// factor is asked for.
#[utoipa::path(post, path = "/api/auth/passkey", operation_id = "sign_in_by_passkey", tag = "Accounts", security(()),
    request_body(content = PasskeySignIn, example = json!({
        "ceremony": "the-ceremony-of-a-sign-in",
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
        Refusal::<403>, Refusal::<409>, Refusal::<429>))]
async fn sign_in(
    State(account): State<Account>,
    client: Client,
    jar: CookieJar,
    ApiJson(request): ApiJson<PasskeySignIn>,
) -> Result<Response, ApiError> {
    let session = account.sign_in_by_passkey(&client, &request.ceremony, &request.credential).await?;
    let body = Answer(SignedIn { user: session.profile.clone() });
    Ok(signed_in(&account, jar, session, body).await)
}

/// List passkeys.
///
/// Oldest first. There are at most 20.
#[utoipa::path(get, path = "/api/account/passkeys", operation_id = "list_passkeys", tag = "Accounts",
    security(("session" = [])),
    responses((status = 200, description = "The passkeys.", body = Envelope<Passkeys>), Refusal::<403>))]
async fn list(State(account): State<Account>, Person(caller): Person) -> ApiResult<Passkeys> {
    Ok(Answer(Passkeys { items: account.list_passkeys(caller.id).await? }))
}

/// Begin to add a passkey.
///
/// Gives the options for `navigator.credentials.create()`.
#[utoipa::path(post, path = "/api/account/passkeys/options", operation_id = "begin_passkey", tag = "Accounts",
    security(("session" = [])),
    request_body(content = NewPasskeyRequest, example = json!({"currentPassword": "correct horse battery"})),
    responses((status = 200, description = "The ceremony.", body = Envelope<PasskeyCeremony>),
        Refusal::<403>, Refusal::<409>, Refusal::<429>))]
async fn begin(
    State(account): State<Account>,
    client: Client,
    Person(caller): Person,
    ApiJson(request): ApiJson<NewPasskeyRequest>,
) -> ApiResult<PasskeyCeremony> {
    Ok(Answer(account.begin_passkey(&caller, &client, Some(&request.current_password)).await?))
}

/// Add a passkey.
///
/// Finishes what was begun, once, within five minutes, on any server. The owner is notified by email.
#[utoipa::path(post, path = "/api/account/passkeys", operation_id = "add_passkey", tag = "Accounts",
    security(("session" = [])),
    request_body(content = PasskeyRequest, example = json!({
        "ceremony": "the-ceremony-of-a-registration",
        "name": "Laptop",
        "credential": {
            "id": "ZXhhbXBsZS1wYXNza2V5Mg", "rawId": "ZXhhbXBsZS1wYXNza2V5Mg", "type": "public-key",
            "response": {
                "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiSzJWRnRRX0NRMVBkOWFCcWYzV2tWWXdfMDVwdkc1S2R5ZkkwS2J2N2RvdyIsIm9yaWdpbiI6Imh0dHA6Ly9sb2NhbGhvc3Q6MzAwMCIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
                "attestationObject": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViUSZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2NFAAAAAAAAAAAAAAAAAAAAAAAAAAAAEGV4YW1wbGUtcGFzc2tleTKlAQIDJiABIVggnUKAzWBjUVpB15Vu7Rw1C3Ae39VUxjbrrXv1UTbMrBQiWCCfDb0XwTF_ZVQMIjlH-ETc_ppb1J5n2Lvtei_SCyZahA"
            }
        }
    })),
    responses((status = 201, description = "The passkey.", body = Envelope<PasskeyInfo>),
        Refusal::<403>, Refusal::<409>))]
async fn add(
    State(account): State<Account>,
    client: Client,
    Person(caller): Person,
    ApiJson(request): ApiJson<PasskeyRequest>,
) -> Result<Response, ApiError> {
    let PasskeyRequest { ceremony, name, credential } = request;
    let passkey = account.add_passkey(&caller, &client, &ceremony, &name, &credential).await?;
    Ok((StatusCode::CREATED, Answer(passkey)).into_response())
}

/// Rename a passkey.
#[utoipa::path(patch, path = "/api/account/passkeys/{id}", operation_id = "rename_passkey", tag = "Accounts",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the passkey.")),
    request_body(content = PasskeyName, example = json!({"name": "Laptop"})),
    responses((status = 200, description = "Renamed.", body = Envelope<Nothing>), Refusal::<403>))]
async fn rename(
    State(account): State<Account>,
    Person(caller): Person,
    PathId(id): PathId<PasskeyId>,
    ApiJson(request): ApiJson<PasskeyName>,
) -> ApiResult<Nothing> {
    account.rename_passkey(caller.id, id, &request.name).await?;
    Ok(Answer(Nothing {}))
}

/// Remove a passkey.
///
/// Needs a session that was confirmed within ten minutes, by signing in or by the password. The last way to sign in can’t be
/// removed. The owner is notified by email.
#[utoipa::path(delete, path = "/api/account/passkeys/{id}", operation_id = "remove_passkey", tag = "Accounts",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the passkey.")),
    responses((status = 200, description = "Removed.", body = Envelope<Nothing>),
        Refusal::<400>, Refusal::<403>, Refusal::<409>))]
async fn remove(
    State(account): State<Account>,
    client: Client,
    Person(caller): Person,
    PathId(id): PathId<PasskeyId>,
) -> ApiResult<Nothing> {
    account.remove_passkey(&caller, &client, id, None).await?;
    Ok(Answer(Nothing {}))
}
