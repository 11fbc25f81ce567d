//! PayPal: orders that a buyer approves there, their capture, refunds, and reports that are verified.
//! <https://developer.paypal.com/docs/api/orders/v2/>

mod certificates;
mod client;
mod config;
mod events;
mod orders;
mod refusal;
mod subscriptions;
mod token;
mod value;
mod verify;

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use axum::http::HeaderMap;
use moka::future::Cache;
use serde::Deserialize;
use serde_json::json;

pub use self::certificates::certificate_client;
use self::client::{Call, Client};
pub use self::config::{PayPalConfig, WebhookCheck};
use self::events::{as_json, read_event};
use self::orders::{CaptureAnswer, OrderAnswer, OrderBody, RefundAnswer, RefundBody, is_id};
use self::refusal::Asked;
pub(in crate::payments::server) use self::value::step_of;
pub use self::verify::OfflineVerifier;
use self::verify::{Postback, ReportHeaders};
use super::provider::{
    Capture, CreatedOrder, Event, NewOrder, NewRefund, OrderState, PaymentProvider, ProviderError, RefundState, Unheard,
};
use super::subscriptions::SubscriptionProvider;
use crate::generation::RetryBudget;
use crate::platform::money::Currency;

/// How long PayPal remembers by its key what it answered about an order.
const REMEMBERED: Duration = Duration::from_hours(6);
/// Orders whose means of payment was declined, at one time.
const MOST_DECLINED: u64 = 10_000;

/// Takes money by PayPal.
pub struct PayPal {
    client: Client,
    /// The app in whose name it speaks, and where.
    account: String,
    merchant_id: Option<String>,
    webhook: Option<Webhook>,
    /// How often an order was declined. With the key of a capture that was, PayPal would only say so again.
    declined: Cache<String, u32>,
}

/// How reports are told from forgeries.
enum Webhook {
    Offline(Box<OfflineVerifier>),
    /// What is made up may not have PayPal asked without end.
    Postback {
        webhook_id: String,
        asks: RetryBudget,
    },
}

#[derive(Deserialize)]
struct Verified {
    verification_status: String,
}

impl PayPal {
    /// PayPal as it is configured.
    ///
    /// # Errors
    /// One line that names the variable.
    pub fn new(config: PayPalConfig) -> Result<Self, String> {
        let offline = match (config.webhook_check, &config.webhook_id) {
            (WebhookCheck::Offline, Some(webhook_id)) => {
                let http = certificate_client().build();
                let http = http.map_err(|error| format!("PAYPAL_WEBHOOK_CHECK: the HTTP client: {error}"))?;
                let found = rustls_native_certs::load_native_certs();
                if found.certs.is_empty() {
                    tracing::error!(problems = ?found.errors, "no root certificates: webhooks of PayPal cannot be verified");
                }
                Some(OfflineVerifier::new(webhook_id, http, &found.certs))
            }
            _ => None,
        };
        Self::with_verifier(config, offline)
    }

    /// PayPal with this verifier of its reports, where they are verified offline.
    ///
    /// # Errors
    /// As [`PayPal::new`].
    pub fn with_verifier(config: PayPalConfig, offline: Option<OfflineVerifier>) -> Result<Self, String> {
        let webhook = match config.webhook_check {
            WebhookCheck::Offline => offline.map(Box::new).map(Webhook::Offline),
            WebhookCheck::Postback => config
                .webhook_id
                .clone()
                .map(|webhook_id| Webhook::Postback { webhook_id, asks: RetryBudget::default() }),
        };
        Ok(Self {
            account: format!("{} {}", config.base_url, config.client_id),
            merchant_id: config.merchant_id.clone(),
            client: Client::new(config)?,
            webhook,
            declined: Cache::builder().max_capacity(MOST_DECLINED).time_to_live(REMEMBERED).build(),
        })
    }

    /// Takes the money of an order.
    async fn capture(&self, order_id: &str) -> Result<OrderState, ProviderError> {
        let attempt = self.declined.get(order_id).await.unwrap_or(0);
        let key = match attempt {
            0 => format!("capture-{order_id}"),
            declined => format!("capture-{order_id}-{declined}"),
        };
        let steps = ["v2", "checkout", "orders", order_id, "capture"];
        let call = Call::post(Asked::Capture, &steps, &json!({}))?.with_key(key)?;
        let captured = self.client.ask::<OrderAnswer>(&call).await;
        if matches!(captured, Err(ProviderError::Declined { .. })) {
            self.declined.insert(order_id.to_owned(), attempt + 1).await;
        }
        captured?.read()
    }

    /// Where the buyer chooses another means of payment, after one was declined.
    async fn again_url(&self, order_id: &str) -> Option<String> {
        self.find_order(order_id).await.ok()?.approve_url
    }

    /// Asks PayPal whether it has sent this.
    async fn post_back(&self, webhook_id: &str, headers: &ReportHeaders<'_>, body: &[u8]) -> Result<(), Unheard> {
        let webhook_event = as_json(body).ok_or_else(|| Unheard::Unreadable("it is no JSON".to_owned()))?;
        let question = Postback { headers, webhook_id, webhook_event };
        let unavailable = |error: ProviderError| Unheard::Unavailable(format!("to ask PayPal back: {error}"));
        let steps = ["v1", "notifications", "verify-webhook-signature"];
        let call = Call::post(Asked::Verify, &steps, &question).map_err(unavailable)?;
        let forged = || Unheard::Distrusted("PayPal says that it is not its own".to_owned());
        match self.client.ask::<Verified>(&call).await {
            Ok(Verified { verification_status }) if verification_status == "SUCCESS" => Ok(()),
            // What PayPal cannot make sense of, it has not sent.
            Ok(_) | Err(ProviderError::Refused(_)) => Err(forged()),
            Err(error) => Err(unavailable(error)),
        }
    }
}

#[async_trait]
impl PaymentProvider for PayPal {
    fn name(&self) -> &'static str {
        "paypal"
    }

    fn payee(&self) -> Option<&str> {
        self.merchant_id.as_deref()
    }

    fn step(&self, currency: Currency) -> i64 {
        step_of(currency)
    }

    async fn create_order(&self, order: &NewOrder) -> Result<CreatedOrder, ProviderError> {
        let steps = ["v2", "checkout", "orders"];
        let call = Call::post(Asked::Create, &steps, &OrderBody::new(order)?)?;
        let answer: OrderAnswer = self.client.ask(&call.with_key(format!("order-{}", order.payment))?).await?;
        let approve_url = answer.approve_url().ok_or(ProviderError::Unreadable)?;
        Ok(CreatedOrder { order_id: answer.id()?, approve_url })
    }

    async fn capture_order(&self, order_id: &str) -> Result<OrderState, ProviderError> {
        if !is_id(order_id) {
            return Err(ProviderError::Gone);
        }
        match self.capture(order_id).await {
            // Not all that is to be compared is in the answer: the order has it.
            Ok(order) if order.captures.is_empty() || order.amount.is_none() => self.find_order(order_id).await,
            Ok(order) => Ok(order),
            Err(ProviderError::Refused(code)) if code == "ORDER_ALREADY_CAPTURED" => self.find_order(order_id).await,
            // The money may have been taken.
            Err(ProviderError::Unreadable) => self.find_order(order_id).await,
            Err(ProviderError::Declined { again_url: None }) => {
                Err(ProviderError::Declined { again_url: self.again_url(order_id).await })
            }
            Err(error) => Err(error),
        }
    }

    async fn find_order(&self, order_id: &str) -> Result<OrderState, ProviderError> {
        if !is_id(order_id) {
            return Err(ProviderError::Gone);
        }
        let call = ["v2", "checkout", "orders", order_id];
        let order = self.client.ask::<OrderAnswer>(&Call::get(Asked::Look, &call)).await?.read()?;
        if order.order_id == order_id { Ok(order) } else { Err(ProviderError::Unreadable) }
    }

    async fn find_capture(&self, capture_id: &str) -> Result<Capture, ProviderError> {
        if !is_id(capture_id) {
            return Err(ProviderError::Gone);
        }
        let call = ["v2", "payments", "captures", capture_id];
        let capture = self.client.ask::<CaptureAnswer>(&Call::get(Asked::Look, &call)).await?.read()?;
        if capture.id == capture_id { Ok(capture) } else { Err(ProviderError::Unreadable) }
    }

    async fn refund(&self, refund: &NewRefund) -> Result<RefundState, ProviderError> {
        if !is_id(&refund.capture_id) {
            return Err(ProviderError::Gone);
        }
        let steps = ["v2", "payments", "captures", &refund.capture_id, "refund"];
        let call = Call::post(Asked::Refund, &steps, &RefundBody::new(refund)?)?;
        self.client.ask::<RefundAnswer>(&call.with_key(format!("refund-{}", refund.key))?).await?.read()
    }

    fn subscriptions(&self) -> Option<&dyn SubscriptionProvider> {
        Some(self)
    }

    async fn hear(&self, headers: &HeaderMap, body: &[u8]) -> Result<Event, Unheard> {
        let webhook = self.webhook.as_ref().ok_or(Unheard::Off)?;
        let headers = ReportHeaders::read(headers)?;
        match webhook {
            Webhook::Offline(verifier) => verifier.verify(&headers, body, SystemTime::now()).await?,
            Webhook::Postback { webhook_id, asks } => {
                if !asks.spend() {
                    return Err(Unheard::Unavailable("too many reports to ask PayPal about".to_owned()));
                }
                self.post_back(webhook_id, &headers, body).await?;
                asks.give_back();
            }
        }
        read_event(body).map_err(Unheard::Unreadable)
    }

    async fn check(&self) -> Result<String, String> {
        let way = match &self.webhook {
            None => "no webhook",
            Some(Webhook::Offline(_)) => "webhook verified offline",
            Some(Webhook::Postback { .. }) => "webhook verified by asking back",
        };
        let place = self.client.sign_in().await?;
        Ok(format!("{place}, {way}"))
    }
}
