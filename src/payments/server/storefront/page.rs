//! The pages: what each of them loads, and what its form does.

use axum::extract::Request;
use axum::http::StatusCode;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;

use super::buy_view::{BuyView, buy_html};
use super::invite_view::Invited;
use super::progress_view::{
    ProgressView, cancel_html, leaving_text, progress_html, subscription_html, subscription_waits,
};
use super::refund_view::refund_html;
use super::{Storefront, provider_label};
use crate::account::server::caller::Caller;
use crate::account::server::forms::read_form;
use crate::account::server::page::{AppPage, Loaded, PageRequest, Submitted};
use crate::flags::{Flag, Who};
use crate::i18n::{Text, t};
use crate::payments::PurchasePage;
use crate::payments::server::Progress;
use crate::payments::server::papers::{BuyerFields, PaperKind, RefusedBuyer};
use crate::payments::server::subscriptions::{Subscribed, SubscriptionProgress};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{PaymentId, UserId};
use crate::platform::query::{address, parameter};

const BUY: &str = "/buy-credits";
const RETURN: &str = "/buy-credits/return";
const CANCEL: &str = "/buy-credits/cancel";
const REFUND: &str = "/buy-credits/refund";
/// Where the way back is kept while one pays.
const BACK_COOKIE: &str = "back";
const KEPT: time::Duration = time::Duration::hours(6);

/// Browsers keep cookies of 4096 bytes.
const MOST_OF_A_WAY_BACK: usize = 3_500;

/// Whether a path leads back to where somebody ran out of credits.
fn is_way_back(path: &str) -> bool {
    let below =
        |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    path.len() <= MOST_OF_A_WAY_BACK && !path.contains(char::is_control) && (below("/chat") || below("/images"))
}

/// The pages on which credits are bought.
pub fn pages() -> Vec<AppPage<Storefront>> {
    let page = |path| AppPage {
        path,
        load: |store: Storefront, request: PageRequest| Box::pin(async move { show(&store, request).await }),
        submit: None,
        changes_credits: path == RETURN,
    };
    vec![
        AppPage { submit: Some(|store, caller, request| Box::pin(submit(store, caller, request))), ..page(BUY) },
        page(RETURN),
        page(CANCEL),
        AppPage {
            submit: Some(|store, caller, request| Box::pin(submit_refund(store, caller, request))),
            ..page(REFUND)
        },
    ]
}

async fn show(store: &Storefront, request: PageRequest) -> Loaded {
    let kept = request.cookies.get(BACK_COOKIE).map(|cookie| cookie.value().to_owned());
    let address = request.uri.to_string();
    store.load(&request.caller, &address, kept).await.into()
}

impl Storefront {
    /// What the page at an address of the app shows; `kept` is the way back from before a payment.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn load(&self, who: impl Into<Who>, address: &str, kept: Option<String>) -> AppResult<PurchasePage> {
        let who = who.into();
        let user = who.user;
        let asked = parameter(address, "from").or(kept);
        let back = asked.filter(|path| is_way_back(path));
        match address.split(['?', '#']).next().unwrap_or_default() {
            RETURN => self.load_progress(user, address, back).await,
            CANCEL => Ok(self.still(user, cancel_html(back)).await?),
            REFUND => {
                let payment = parameter(address, "payment").unwrap_or_default();
                let preview = match payment.parse::<PaymentId>() {
                    Ok(id) => self.payments.preview_refund(user, id).await,
                    Err(_) => Err(AppError::NotFound),
                };
                if let Err(AppError::Unavailable) = preview {
                    return Err(AppError::Unavailable);
                }
                let zone = self.payments.shop.now().seller.zone();
                Ok(self.still(user, refund_html(&payment, preview, &zone)).await?)
            }
            _ => self.load_packs(who, back, parameter(address, "invited"), None, None).await,
        }
    }

    async fn still(&self, user: UserId, html: String) -> AppResult<PurchasePage> {
        let available = self.credits.load_credits(user).await?.available;
        Ok(PurchasePage { html, available, waits: false, has_landed: false })
    }

    async fn load_packs(
        &self,
        who: Who,
        back: Option<String>,
        invited: Option<String>,
        refused: Option<RefusedBuyer>,
        problem: Option<String>,
    ) -> AppResult<PurchasePage> {
        let user = who.user;
        let catalog = self.payments.shop.now();
        let plan = self.payments.view_plan(user).await?;
        let (credits, spent) = tokio::try_join!(self.credits.load_credits(user), self.spent_lately(user))?;
        let buyer = match refused {
            Some(refused) => refused,
            None => RefusedBuyer { fields: self.payments.papers.buyer(user).await?.into(), ..RefusedBuyer::default() },
        };
        let (has_bought, now) = (self.payments.has_bought(user).await?, self.payments.database.now());
        let on_top = catalog.packs.iter().map(|pack| catalog.offers.on_top(pack, now, has_bought)).collect();
        let (invited, no_invitation) = match self.invited(user, has_bought, invited).await {
            Err(error @ (AppError::InvalidInput { .. } | AppError::Conflict(_))) => (None, Some(error.to_string())),
            invited => (invited?, None),
        };
        let problem = problem.or(no_invitation);
        let contact = catalog.seller.contact.clone().or_else(|| self.payments.site.operator_contact.clone());
        let html = buy_html(BuyView {
            is_open: self.payments.is_open(),
            switched_off: self.payments.flags.check(Flag::Purchases, who).err().map(|off| off.to_string()),
            available: credits.available,
            spent,
            usual: self.usual_prices(user),
            back,
            contact,
            buyer,
            problem,
            has_plans: self.payments.has_plans(),
            plan,
            on_top,
            invitation: self.payments.invitation(user).await?,
            invited,
            catalog,
        });
        Ok(PurchasePage { html, available: credits.available, waits: false, has_landed: false })
    }

    /// Whether a pack is not what somebody saw, if it is still sold.
    async fn is_other_pack(&self, user: UserId, pack: &str, shown: Option<&str>) -> AppResult<bool> {
        let catalog = self.payments.shop.now();
        let (Some(shown), Some(pack)) = (shown, catalog.pack(pack)) else { return Ok(false) };
        let (has_bought, now) = (self.payments.has_bought(user).await?, self.payments.database.now());
        Ok(pack.offer(catalog.offers.on_top(pack, now, has_bought).as_ref()) != shown)
    }

    /// The same for a plan.
    fn is_other_plan(&self, plan: &str, shown: Option<&str>) -> bool {
        let catalog = self.payments.shop.now();
        let plan = catalog.plans.iter().find(|known| known.id == plan);
        shown.zip(plan).is_some_and(|(shown, plan)| plan.offer() != shown)
    }

    /// The invitation that a user has accepted, or may accept by the code that they came with.
    async fn invited(&self, user: UserId, has_bought: bool, code: Option<String>) -> AppResult<Option<Invited>> {
        if has_bought {
            return Ok(None);
        }
        if let Some(credits) = self.payments.reward_waiting(user).await? {
            return Ok(Some(Invited::Waits(credits)));
        }
        let Some(code) = code else { return Ok(None) };
        self.payments.check_invitation(user, &code).await?;
        let catalog = self.payments.shop.now();
        let referral = catalog.offers.referral(self.payments.database.now());
        Ok(referral.map(|referral| Invited::Asked { code, credits: referral.gift.credits }))
    }

    /// Takes the money, if it is not taken yet, and says what came of it.
    async fn load_progress(&self, user: UserId, address: &str, back: Option<String>) -> AppResult<PurchasePage> {
        if let Some(subscription) = parameter(address, "subscription_id") {
            return self.load_subscription(user, &subscription, back).await;
        }
        let order = parameter(address, "token").unwrap_or_default();
        let progress =
            if order.is_empty() { Err(AppError::NotFound) } else { self.payments.finish(user, &order).await };
        let mut receipt = None;
        if let Ok(Progress::Credited { .. }) = progress
            && let Some(payment) = self.payments.store.find_by_order(&order).await?
        {
            let paper = self.payments.papers.store.find_of(PaperKind::Receipt, &payment.id.to_string()).await?;
            receipt = paper.map(|paper| paper.number.to_string());
        }
        let available = self.credits.load_credits(user).await?.available;
        let has_landed = matches!(progress, Ok(Progress::Credited { .. }));
        let waits =
            matches!(progress, Ok(Progress::Pending) | Err(AppError::Unavailable | AppError::RateLimited { .. }));
        let html = progress_html(ProgressView { progress, available, receipt, back });
        Ok(PurchasePage { html, available, waits, has_landed })
    }

    /// Looks how a subscription stands, and says so.
    async fn load_subscription(&self, user: UserId, id: &str, back: Option<String>) -> AppResult<PurchasePage> {
        let progress = self.payments.finish_subscription(user, id).await;
        let available = self.credits.load_credits(user).await?.available;
        let has_landed = matches!(progress, Ok(SubscriptionProgress::Active { .. }));
        let waits = subscription_waits(&progress);
        let html = subscription_html(progress, back, &self.payments.shop.now().seller.zone());
        Ok(PurchasePage { html, available, waits, has_landed })
    }
}

/// A pack to buy, or what is to be on papers.
#[derive(Deserialize)]
struct BuyForm {
    pack: Option<String>,
    /// To subscribe to.
    plan: Option<String>,
    /// `subscription`: no more is paid for it.
    end: Option<String>,
    from: Option<String>,
    /// The offer that they saw.
    shown: Option<String>,
    /// The code of who brought them, to accept that.
    invited: Option<String>,
    /// The same, to be asked once more.
    came_by: Option<String>,
    #[serde(flatten)]
    buyer: BuyerFields,
}

async fn submit(store: Storefront, caller: Caller, request: Request) -> Submitted {
    let form: BuyForm = match read_form(request).await {
        Ok(form) => form,
        Err(error) => return Submitted::Failed(error),
    };
    let back = form.from.filter(|path| is_way_back(path));
    if form.end.as_deref() == Some("subscription") {
        return match store.payments.unsubscribe(caller.id).await {
            // Sent a second time, it is done.
            Ok(()) | Err(AppError::NotFound) => Submitted::Redirect("/dashboard".into(), None),
            Err(error) => refuse(&store, &caller, back, &error).await,
        };
    }
    if let Some(plan) = form.plan {
        if store.is_other_plan(&plan, form.shown.as_deref()) {
            return refuse(&store, &caller, back, &changed()).await;
        }
        return match store.payments.subscribe(&caller, &plan).await {
            Ok(Subscribed { approve_url: Some(to), .. }) => {
                let text = leaving_text(provider_label(store.payments.provider.as_deref()));
                Submitted::Leave { to, text, cookie: Some(back_cookie(&store, back)) }
            }
            Ok(Subscribed { approve_url: None, .. }) => Submitted::Redirect("/dashboard".into(), None),
            Err(error) => refuse(&store, &caller, back, &error).await,
        };
    }
    // With a pack, it is accepted on the way.
    if let Some(code) = form.invited {
        match store.payments.accept_invitation(caller.id, &code).await {
            Ok(()) if form.pack.is_none() => {
                let kept = back.as_deref().map(|back| ("from", back));
                return Submitted::Redirect(address(BUY, kept.as_slice()).into(), None);
            }
            Ok(()) => {}
            Err(error) => return refuse(&store, &caller, back, &error).await,
        }
    }
    let Some(pack) = form.pack else {
        return match store.payments.papers.set_buyer(caller.id, &form.buyer).await {
            Ok(()) => {
                let kept = [("from", back), ("invited", form.came_by)];
                let kept: Vec<_> = kept.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
                Submitted::Redirect(address(BUY, &kept).into(), None)
            }
            Err(AppError::InvalidInput { field, message }) => {
                let refused = RefusedBuyer { fields: form.buyer, field, message };
                show_again(&store, &caller, back, form.came_by, Some(refused), None, 400).await
            }
            Err(error) => Submitted::Failed(error),
        };
    };
    match store.is_other_pack(caller.id, &pack, form.shown.as_deref()).await {
        Ok(false) => {}
        Ok(true) => return refuse(&store, &caller, back, &changed()).await,
        Err(error) => return refuse(&store, &caller, back, &error).await,
    }
    match store.payments.buy(&caller, &pack, None).await {
        Ok(bought) => {
            let text = leaving_text(provider_label(store.payments.provider.as_deref()));
            Submitted::Leave { to: bought.approve_url, text, cookie: Some(back_cookie(&store, back)) }
        }
        Err(AppError::NotFound) => Submitted::Failed(AppError::NotFound),
        Err(error) => refuse(&store, &caller, back, &error).await,
    }
}

/// What is sold is not what somebody saw.
fn changed() -> AppError {
    AppError::Conflict(t(Text::OfferChanged).to_owned())
}

/// The packs again, with why nothing came of it.
async fn refuse(store: &Storefront, caller: &Caller, back: Option<String>, error: &AppError) -> Submitted {
    show_again(store, caller, back, None, None, Some(error.to_string()), error.status()).await
}

/// The packs again, with what was wrong.
async fn show_again(
    store: &Storefront,
    caller: &Caller,
    back: Option<String>,
    invited: Option<String>,
    refused: Option<RefusedBuyer>,
    problem: Option<String>,
    status: u16,
) -> Submitted {
    let loaded = Loaded::from(store.load_packs(caller.into(), back, invited, refused, problem).await);
    let status =
        if loaded.status.is_success() { StatusCode::from_u16(status).unwrap_or(loaded.status) } else { loaded.status };
    Submitted::Show(Loaded { status, ..loaded })
}

/// The way back, while one pays; without one, what was kept before is forgotten.
fn back_cookie(store: &Storefront, back: Option<String>) -> Cookie<'static> {
    let kept = if back.is_some() { KEPT } else { time::Duration::ZERO };
    Cookie::build((BACK_COOKIE, back.unwrap_or_default()))
        .path(BUY)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(store.payments.site.is_https())
        .max_age(kept)
        .build()
}

#[derive(Deserialize)]
struct RefundForm {
    payment: PaymentId,
}

async fn submit_refund(store: Storefront, caller: Caller, request: Request) -> Submitted {
    let form: RefundForm = match read_form(request).await {
        Ok(form) => form,
        Err(error) => return Submitted::Failed(error),
    };
    match store.payments.refund(caller.id, form.payment).await {
        Ok(_) => Submitted::Redirect("/dashboard".into(), None),
        Err(error) => {
            let zone = store.payments.shop.now().seller.zone();
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let html = refund_html(&form.payment.to_string(), Err(error), &zone);
            let loaded = Loaded::from(store.still(caller.id, html).await);
            Submitted::Show(Loaded { status, ..loaded })
        }
    }
}
