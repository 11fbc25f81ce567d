//! What an admin does for a user who leaves, or so that one spends less: an export, an erasure, budgets.

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Admin, Authority};
use crate::account::server::Account;
use crate::account::server::budgets::{Budgets, BudgetsRequest};
use crate::account::server::caller::Person;
use crate::account::server::sessions::Client;
use crate::api_docs::Refusal;
use crate::audit::{Action, AuditEntry};
use crate::i18n::{Text, t};
use crate::leaving::server::{ExportView, Leaving};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope, PathId};
use crate::platform::ids::UserId;
use crate::platform::site::Site;

impl Admin {
    /// Has everything of a user erased, whose address was typed. They are out when this returns.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::InvalidInput`] naming `email` where another address was typed; [`AppError::Conflict`] while
    /// money is on its way, where the subscription cannot be ended, and for the last admin.
    pub async fn erase_user(&self, leaving: &Leaving, by: Authority, id: UserId, typed: &str) -> AppResult<()> {
        self.directory.find(id).await?.ok_or(AppError::NotFound)?;
        if !leaving.account.is_own_address(id, typed).await? {
            return Err(AppError::invalid("email", t(Text::TypeTheirAddress)));
        }
        if leaving.erase_user(id).await? {
            self.log().record(AuditEntry::new(by.actor(), Action::UserErased, Some(id))).await;
        }
        Ok(())
    }

    /// Has an archive of everything of a user made, once an hour.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; as [`Leaving::begin_export`].
    pub async fn begin_export(&self, leaving: &Leaving, by: Authority, id: UserId) -> AppResult<ExportView> {
        self.directory.find(id).await?.ok_or(AppError::NotFound)?;
        let export = leaving.begin_export(id).await?;
        let begun = AuditEntry::new(by.actor(), Action::UserExported, Some(id));
        // Asked for again, the same archive goes on.
        let once = format!("export:{id}:{}", export.begun_at.as_deref().unwrap_or_default());
        self.log().record(begun.after(json!({ "step": "begun" })).once(once)).await;
        Ok(export)
    }

    /// How far the archive of a user is.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn find_export(&self, leaving: &Leaving, _: Authority, id: UserId) -> AppResult<ExportView> {
        self.directory.find(id).await?.ok_or(AppError::NotFound)?;
        leaving.find_export(id).await
    }

    /// The archive of a user.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is none.
    pub async fn download_export(&self, leaving: &Leaving, by: Authority, id: UserId) -> AppResult<Response> {
        let archive = leaving.archive_of(id).await?;
        let taken = AuditEntry::new(by.actor(), Action::UserExported, Some(id));
        self.log().record(taken.after(json!({ "step": "downloaded" }))).await;
        Ok(archive)
    }

    /// Sets the budgets of a user that an admin sets; the user's own stay.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; as [`Account::set_budgets`].
    pub async fn set_budgets(
        &self,
        account: &Account,
        by: Authority,
        id: UserId,
        request: BudgetsRequest,
    ) -> AppResult<Budgets> {
        self.directory.find(id).await?.ok_or(AppError::NotFound)?;
        let before = told(&account.load_budgets(id).await?);
        let budgets = account.set_budgets_as_admin(id, request).await?;
        let after = told(&budgets);
        if before != after {
            let set = AuditEntry::new(by.actor(), Action::BudgetsSet, Some(id));
            self.log().record(set.before(json!({ "budgets": before })).after(json!({ "budgets": after }))).await;
        }
        Ok(budgets)
    }
}

/// The budgets of admins, for the audit log: `day 10`.
fn told(budgets: &Budgets) -> Value {
    let of_admins = budgets.budgets.iter().filter(|budget| budget.set_by_admin);
    let line = of_admins.map(|budget| {
        let model = budget.model.as_deref().map(|model| format!(" {model}")).unwrap_or_default();
        format!("{} {}{model}", budget.period.as_str(), budget.limit)
    });
    Value::String(line.collect::<Vec<_>>().join(", "))
}

/// The routes.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
    Leaving: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(erase))
        .routes(routes!(begin_export, find_export))
        .routes(routes!(download_export))
        .routes(routes!(set_budgets))
}

/// Who is erased.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
struct EraseUserRequest {
    /// The address of the user, typed once more.
    #[serde(default)]
    #[schema(required)]
    email: String,
}

/// What goes on by itself.
#[derive(Serialize, ToSchema)]
struct Erasing {
    /// `erasing`.
    status: &'static str,
}

/// Erase everything of a user.
///
/// As the user could: they are out at once, and everything of theirs is deleted, whatever credits they lose. The last admin stays (409).
#[utoipa::path(delete, path = "/api/admin/users/{id}", operation_id = "admin_erase_user", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the user.")),
    request_body(content = EraseUserRequest, example = json!({"email": "{memberEmail}"})),
    responses((status = 202, description = "It goes on by itself.", body = Envelope<Erasing>), Refusal::<403>, Refusal::<409>))]
async fn erase(
    State(admin): State<Admin>,
    State(leaving): State<Leaving>,
    by: Authority,
    PathId(id): PathId<UserId>,
    ApiJson(request): ApiJson<EraseUserRequest>,
) -> Result<Response, ApiError> {
    admin.erase_user(&leaving, by, id, &request.email).await?;
    Ok((StatusCode::ACCEPTED, Answer(Erasing { status: "erasing" })).into_response())
}

/// Export everything of a user.
///
/// Begins to make one archive of all that is the user’s, one an hour. Their conversations are in it: it is for whoever asked for their data.
#[utoipa::path(post, path = "/api/admin/users/{id}/export", operation_id = "admin_begin_export", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the user.")),
    responses((status = 202, description = "The archive is being made.", body = Envelope<ExportView>),
        Refusal::<403>, Refusal::<429>))]
async fn begin_export(
    State(admin): State<Admin>,
    State(leaving): State<Leaving>,
    by: Authority,
    PathId(id): PathId<UserId>,
) -> Result<Response, ApiError> {
    Ok((StatusCode::ACCEPTED, Answer(admin.begin_export(&leaving, by, id).await?)).into_response())
}

/// Get how far the export of a user is.
#[utoipa::path(get, path = "/api/admin/users/{id}/export", operation_id = "admin_find_export", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the user.")),
    responses((status = 200, description = "How far it is.", body = Envelope<ExportView>), Refusal::<403>, Refusal::<404>))]
async fn find_export(
    State(admin): State<Admin>,
    State(leaving): State<Leaving>,
    by: Authority,
    PathId(id): PathId<UserId>,
) -> ApiResult<ExportView> {
    Ok(Answer(admin.find_export(&leaving, by, id).await?))
}

/// Download the export of a user.
///
/// For 24 hours. The admin must have signed in within the last ten minutes.
#[utoipa::path(get, path = "/api/admin/users/{id}/export/download", operation_id = "admin_download_export", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the user.")),
    responses((status = 200, description = "The archive.", body = Vec<u8>, content_type = "application/zip"),
        Refusal::<400>, Refusal::<403>, Refusal::<404>, Refusal::<409>))]
async fn download_export(
    State(admin): State<Admin>,
    State(leaving): State<Leaving>,
    by: Authority,
    Person(caller): Person,
    client: Client,
    PathId(id): PathId<UserId>,
) -> Result<Response, ApiError> {
    leaving.account.confirm_way(&caller, &client, None).await?;
    Ok(admin.download_export(&leaving, by, id).await?)
}

/// Set budgets of a user.
///
/// In the place of those that admins have set. The user sees them, and can neither change them nor take them away; their own stay.
#[utoipa::path(put, path = "/api/admin/users/{id}/budgets", operation_id = "admin_set_budgets", tag = "Admin",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the user.")),
    request_body(content = BudgetsRequest, example = json!({"budgets": [{"period": "month", "limit": 100}]})),
    responses((status = 200, description = "All budgets of the user.", body = Envelope<Budgets>), Refusal::<403>))]
async fn set_budgets(
    State(admin): State<Admin>,
    State(account): State<Account>,
    by: Authority,
    PathId(id): PathId<UserId>,
    ApiJson(request): ApiJson<BudgetsRequest>,
) -> ApiResult<Budgets> {
    Ok(Answer(admin.set_budgets(&account, by, id, request).await?))
}
