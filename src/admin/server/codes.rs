//! Codes by campaign, as admins make, see and end them. `/api/admin/codes`.

use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::credits::checked_key;
use super::{Admin, Authority};
use crate::account::server::Account;
use crate::api_docs::Refusal;
use crate::audit::{Action, AuditEntry};
use crate::credits::server::codes::making::{Batch, CodesRequest, PlanOffer, code_of};
use crate::credits::server::codes::{Campaign, new_code};
use crate::payments::server::Payments;
use crate::platform::amount::Amount;
use crate::platform::app_secret::AppSecret;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{Answer, ApiJson, ApiResult, Envelope, idempotency_key};

/// Most codes that one request makes: for more there is the command line.
const MOST_AT_ONCE: u32 = 1000;

/// Codes that were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MadeCodes {
    pub campaign: String,
    /// What each gives.
    pub credits: Amount,
    /// They are not kept: only their hashes are.
    pub codes: Vec<String>,
    /// They were made before, by the same `Idempotency-Key`.
    pub repeated: bool,
}

/// The route of codes.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Admin: FromRef<S>,
    Payments: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(make_codes))
}

impl Admin {
    /// All campaigns, by name.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn list_campaigns(&self, _: Authority) -> AppResult<Vec<Campaign>> {
        Ok(self.codes.campaigns(self.database.now()).await?)
    }

    /// What would be made; nothing is yet.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub fn preview_codes(&self, _: Authority, plans: &[PlanOffer], request: &CodesRequest) -> AppResult<Batch> {
        self.batch(plans, request, |_| new_code())
    }

    /// Makes codes, once per key: asked again by the same admin with the same key, they are the same codes, as they follow from the key
    /// and the server's secret.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field; [`AppError::IdempotencyMismatch`] for a key that came with something else, or whose
    /// codes were ended.
    pub async fn make_codes(
        &self,
        by: Authority,
        secret: &AppSecret,
        plans: &[PlanOffer],
        key: Option<String>,
        request: &CodesRequest,
    ) -> AppResult<MadeCodes> {
        let once = format!("{} {}", by.actor(), checked_key(key)?);
        let seed = secret.derive("codes", once.as_bytes())?;
        let batch = self.batch(plans, request, |number| code_of(&seed, number, request.count()))?;
        let is_new = batch.add(self.codes.as_ref()).await.map_err(|error| match error {
            AppError::InvalidInput { .. } if request.code.is_none() => AppError::IdempotencyMismatch,
            error => error,
        })?;
        let Batch { texts, codes } = batch;
        let Some(first) = codes.first() else { return Err(AppError::Internal) };
        // Also where it was done before: whoever did so may have been cut off.
        let about = json!({
            "campaign": first.campaign,
            "codes": codes.len(),
            "credits": first.credits,
            "uses": first.most_uses.unwrap_or(0),
            "perUser": first.per_user,
            "expires": request.expires,
            "creditsLast": request.credits_last,
            "plan": first.plan.as_ref().map(|plan| &plan.name),
            "days": request.days,
        });
        let written = AuditEntry::new(by.actor(), Action::CodesMade, None).after(said(about));
        let named = BASE64_URL_SAFE_NO_PAD.encode(first.hash);
        self.log().record(written.once(format!("codes:{named}"))).await;
        let (campaign, credits) = (first.campaign.clone(), first.credits);
        Ok(MadeCodes { campaign, credits, codes: texts, repeated: !is_new })
    }

    fn batch(&self, plans: &[PlanOffer], request: &CodesRequest, code: impl Fn(u32) -> String) -> AppResult<Batch> {
        request.make(plans, self.database.now(), MOST_AT_ONCE, code)
    }

    /// Ends all codes of a campaign; what was given stays. Said again, it changes nothing.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn end_campaign(&self, by: Authority, name: &str) -> AppResult<()> {
        let all = self.list_campaigns(by).await?;
        let campaign = all.into_iter().find(|campaign| campaign.name == name).ok_or(AppError::NotFound)?;
        if campaign.open == 0 {
            return Ok(());
        }
        self.codes.end_campaign(name).await?;
        let entry = AuditEntry::new(by.actor(), Action::CodesEnded, None);
        let entry = entry.before(json!({ "open": campaign.open })).after(json!({ "campaign": name, "open": 0 }));
        self.log().record(entry).await;
        Ok(())
    }
}

/// Without what nothing was said of.
fn said(mut about: Value) -> Value {
    if let Some(fields) = about.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    about
}

/// Make codes.
///
/// Codes that people redeem for credits. The response is the only place where they are: the server keeps their hashes. `code` is one of
/// your own instead of random ones.
#[utoipa::path(post, path = "/api/admin/codes", operation_id = "admin_make_codes", tag = "Admin",
    security(("session" = [])),
    params(("Idempotency-Key" = Option<String>, Header,
        description = "With the same key, the same codes are made once, and told again; with other terms it is refused (409).")),
    request_body(content = CodesRequest,
        example = json!({"campaign": "spring", "credits": 50, "count": 2, "expires": "2099-12-31", "creditsLast": 90})),
    responses((status = 200, description = "The codes.", body = Envelope<MadeCodes>), Refusal::<403>, Refusal::<409>))]
async fn make_codes(
    State(admin): State<Admin>,
    State(account): State<Account>,
    State(payments): State<Payments>,
    by: Authority,
    headers: HeaderMap,
    ApiJson(request): ApiJson<CodesRequest>,
) -> ApiResult<MadeCodes> {
    let plans = payments.shop.now().plan_offers();
    Ok(Answer(admin.make_codes(by, &account.secret, &plans, idempotency_key(&headers)?, &request).await?))
}
