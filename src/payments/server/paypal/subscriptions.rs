//! Plans, subscriptions and what was paid for them, as PayPal has them.
//! <https://developer.paypal.com/docs/api/subscriptions/v1/>

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::provider::{CaptureStatus, ProviderError};
use super::super::subscriptions::{
    CreatedSubscription, NewPlan, NewSubscription, PlanChange, Sale, SubscriptionProvider, SubscriptionReport,
    SubscriptionStatus,
};
use super::PayPal;
use super::client::Call;
use super::orders::{Link, cut, is_id, link_of, locale};
use super::refusal::Asked;
use super::value::{OldValue, Value};
use crate::i18n::Language;

/// A payment that does not come about is tried again so often.
const ATTEMPTS: u32 = 3;

#[derive(Deserialize)]
struct Made {
    id: String,
}

#[derive(Serialize)]
struct Experience<'a> {
    locale: &'static str,
    user_action: &'static str,
    shipping_preference: &'static str,
    return_url: &'a str,
    cancel_url: &'a str,
}

impl<'a> Experience<'a> {
    const fn new(language: Language, return_url: &'a str, cancel_url: &'a str) -> Self {
        Self {
            locale: locale(language),
            user_action: "SUBSCRIBE_NOW",
            shipping_preference: "NO_SHIPPING",
            return_url,
            cancel_url,
        }
    }
}

/// A subscription as it is answered.
#[derive(Deserialize)]
struct SubscriptionAnswer {
    id: String,
    status: String,
    plan_id: Option<String>,
    custom_id: Option<String>,
    #[serde(default)]
    billing_info: BillingInfo,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Default, Deserialize)]
struct BillingInfo {
    #[serde(default)]
    failed_payments_count: u32,
}

impl SubscriptionAnswer {
    fn read(self) -> Result<SubscriptionReport, ProviderError> {
        let status = match &*self.status {
            "APPROVAL_PENDING" | "APPROVED" => SubscriptionStatus::Waiting,
            "ACTIVE" => SubscriptionStatus::Active,
            "SUSPENDED" => SubscriptionStatus::Suspended,
            "CANCELLED" => SubscriptionStatus::Cancelled,
            "EXPIRED" => SubscriptionStatus::Expired,
            _ => return Err(ProviderError::Unreadable),
        };
        Ok(SubscriptionReport {
            approve_url: link_of(&self.links, &["approve"]),
            id: self.id,
            status,
            plan_id: self.plan_id,
            subscription: self.custom_id,
            is_failing: self.billing_info.failed_payments_count > 0,
        })
    }
}

#[derive(Deserialize)]
struct Transactions {
    #[serde(default)]
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    id: String,
    status: String,
    amount_with_breakdown: Amounts,
    time: String,
}

#[derive(Deserialize)]
struct Amounts {
    gross_amount: Value,
}

impl Transaction {
    fn read(self, subscription: &str) -> Result<Sale, ProviderError> {
        let status = match &*self.status {
            "COMPLETED" => CaptureStatus::Completed,
            "PARTIALLY_REFUNDED" => CaptureStatus::PartiallyRefunded,
            "REFUNDED" => CaptureStatus::Refunded,
            "PENDING" => CaptureStatus::Pending(String::new()),
            "DECLINED" => CaptureStatus::Declined,
            _ => return Err(ProviderError::Unreadable),
        };
        Ok(Sale {
            id: self.id,
            subscription_id: Some(subscription.to_owned()),
            status,
            amount: self.amount_with_breakdown.gross_amount.read().ok_or(ProviderError::Unreadable)?,
            at: moment(&self.time)?,
        })
    }
}

/// A payment, as the older API has it.
#[derive(Deserialize)]
struct SaleAnswer {
    id: String,
    state: String,
    amount: OldValue,
    billing_agreement_id: Option<String>,
    create_time: String,
}

impl SaleAnswer {
    fn read(self) -> Result<Sale, ProviderError> {
        let status = match &*self.state {
            "completed" => CaptureStatus::Completed,
            "partially_refunded" => CaptureStatus::PartiallyRefunded,
            "refunded" | "reversed" => CaptureStatus::Refunded,
            "pending" => CaptureStatus::Pending(String::new()),
            "denied" => CaptureStatus::Declined,
            _ => return Err(ProviderError::Unreadable),
        };
        Ok(Sale {
            id: self.id,
            subscription_id: self.billing_agreement_id,
            status,
            amount: self.amount.read().ok_or(ProviderError::Unreadable)?,
            at: moment(&self.create_time)?,
        })
    }
}

fn moment(text: &str) -> Result<i64, ProviderError> {
    let moment: Timestamp = text.parse().map_err(|_| ProviderError::Unreadable)?;
    Ok(moment.as_millisecond())
}

fn written(at: i64) -> Result<String, ProviderError> {
    let moment = Timestamp::from_millisecond(at).map_err(|error| ProviderError::Refused(error.to_string()))?;
    Ok(format!("{moment:.3}"))
}

#[async_trait]
impl SubscriptionProvider for PayPal {
    fn account(&self) -> String {
        self.account.clone()
    }

    async fn create_plan(&self, plan: &NewPlan) -> Result<String, ProviderError> {
        let refused = || ProviderError::Refused(format!("{} cannot be paid in at PayPal", plan.price));
        let price = Value::write(plan.price).ok_or_else(refused)?;
        let name = cut(&plan.name);
        let product = json!({ "name": name, "type": "SERVICE" });
        let steps = ["v1", "catalogs", "products"];
        let call = Call::post(Asked::Plan, &steps, &product)?.with_key(format!("product-{}", plan.key))?;
        let product: Made = self.client.ask(&call).await?;
        let body = json!({
            "product_id": product.id,
            "name": name,
            "status": "ACTIVE",
            "billing_cycles": [{
                "frequency": { "interval_unit": "MONTH", "interval_count": 1 },
                "tenure_type": "REGULAR",
                "sequence": 1,
                "total_cycles": 0,
                "pricing_scheme": { "fixed_price": price },
            }],
            "payment_preferences": {
                // A month that was not paid brought nothing: it is not paid for later.
                "auto_bill_outstanding": false,
                "setup_fee_failure_action": "CONTINUE",
                "payment_failure_threshold": ATTEMPTS,
            },
        });
        let steps = ["v1", "billing", "plans"];
        let call = Call::post(Asked::Plan, &steps, &body)?.with_key(format!("plan-{}", plan.key))?;
        let made: Made = self.client.ask(&call).await?;
        if is_id(&made.id) { Ok(made.id) } else { Err(ProviderError::Unreadable) }
    }

    async fn create_subscription(&self, new: &NewSubscription) -> Result<CreatedSubscription, ProviderError> {
        let body = json!({
            "plan_id": new.plan_id,
            "custom_id": new.subscription.to_string(),
            "application_context": Experience::new(new.locale, &new.return_url, &new.cancel_url),
        });
        let steps = ["v1", "billing", "subscriptions"];
        let call =
            Call::post(Asked::Subscribe, &steps, &body)?.with_key(format!("subscription-{}", new.subscription))?;
        let answer: SubscriptionAnswer = self.client.ask(&call).await?;
        let approve_url = link_of(&answer.links, &["approve"]).ok_or(ProviderError::Unreadable)?;
        if !is_id(&answer.id) {
            return Err(ProviderError::Unreadable);
        }
        Ok(CreatedSubscription { id: answer.id, approve_url })
    }

    async fn find_subscription(&self, id: &str) -> Result<SubscriptionReport, ProviderError> {
        if !is_id(id) {
            return Err(ProviderError::Gone);
        }
        let steps = ["v1", "billing", "subscriptions", id];
        let told = self.client.ask::<SubscriptionAnswer>(&Call::get(Asked::Look, &steps)).await?.read()?;
        if told.id == id { Ok(told) } else { Err(ProviderError::Unreadable) }
    }

    async fn find_sales(&self, id: &str, from: i64, until: i64) -> Result<Vec<Sale>, ProviderError> {
        if !is_id(id) {
            return Err(ProviderError::Gone);
        }
        let steps = ["v1", "billing", "subscriptions", id, "transactions"];
        let query = vec![("start_time", written(from)?), ("end_time", written(until)?)];
        let told: Transactions = self.client.ask(&Call::get(Asked::Look, &steps).with_query(query)).await?;
        told.transactions.into_iter().map(|one| one.read(id)).collect()
    }

    async fn find_sale(&self, sale_id: &str) -> Result<Sale, ProviderError> {
        if !is_id(sale_id) {
            return Err(ProviderError::Gone);
        }
        let steps = ["v1", "payments", "sale", sale_id];
        self.client.ask::<SaleAnswer>(&Call::get(Asked::Look, &steps)).await?.read()
    }

    async fn cancel_subscription(&self, id: &str) -> Result<(), ProviderError> {
        if !is_id(id) {
            return Err(ProviderError::Gone);
        }
        let steps = ["v1", "billing", "subscriptions", id, "cancel"];
        let body = json!({ "reason": "Cancelled by the customer" });
        self.client.tell(&Call::post(Asked::Cancel, &steps, &body)?).await
    }

    async fn revise_subscription(&self, change: &PlanChange) -> Result<Option<String>, ProviderError> {
        #[derive(Deserialize)]
        struct Revised {
            #[serde(default)]
            links: Vec<Link>,
        }
        if !is_id(&change.id) {
            return Err(ProviderError::Gone);
        }
        let steps = ["v1", "billing", "subscriptions", &change.id, "revise"];
        let body = json!({
            "plan_id": change.plan_id,
            "application_context": Experience::new(change.locale, &change.return_url, &change.cancel_url),
        });
        let revised: Revised = self.client.ask(&Call::post(Asked::Revise, &steps, &body)?).await?;
        Ok(link_of(&revised.links, &["approve"]))
    }
}
