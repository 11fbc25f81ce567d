//! Orders, captures and refunds as PayPal writes them.
//! <https://developer.paypal.com/docs/api/orders/v2/>

use serde::{Deserialize, Serialize};
use url::Url;

use super::super::provider::{
    Capture, CaptureStatus, NewOrder, NewRefund, OrderState, OrderStatus, ProviderError, RefundState, RefundStatus,
};
use super::value::Value;
use crate::i18n::Language;
use crate::platform::money::Money;

/// The longest description that PayPal takes, and the longest note.
const MAX_TEXT: usize = 127;

/// Where an answer leads to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    href: String,
    #[serde(default)]
    rel: String,
}

/// The link of one of these kinds: an address that a browser may be sent to.
pub(super) fn link_of(links: &[Link], kinds: &[&str]) -> Option<String> {
    let link = kinds.iter().find_map(|kind| links.iter().find(|link| link.rel == *kind))?;
    let url = Url::parse(&link.href).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| url.into())
}

/// The last part of the path of a link: what it leads to.
fn id_behind(links: &[Link], kind: &str, collection: &str) -> Option<String> {
    let url = Url::parse(&link_of(links, &[kind])?).ok()?;
    let mut steps = url.path_segments()?.rev();
    let id = steps.next().filter(|id| is_id(id))?;
    (steps.next()? == collection).then(|| id.to_owned())
}

/// Whether this is an id as PayPal gives them: only then it becomes part of an address.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// As much of a text as PayPal takes.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[derive(Serialize)]
pub(super) struct OrderBody {
    intent: &'static str,
    purchase_units: [UnitBody; 1],
    payment_source: PaymentSource,
}

#[derive(Serialize)]
struct UnitBody {
    custom_id: String,
    /// Paid twice, it would be a duplicate: PayPal looks, too.
    invoice_id: String,
    description: String,
    amount: AmountBody,
    items: [ItemBody; 1],
}

#[derive(Serialize)]
struct AmountBody {
    #[serde(flatten)]
    value: Value,
    breakdown: Breakdown,
}

#[derive(Serialize)]
struct Breakdown {
    item_total: Value,
}

#[derive(Serialize)]
struct ItemBody {
    name: String,
    quantity: &'static str,
    category: &'static str,
    unit_amount: Value,
}

#[derive(Serialize)]
struct PaymentSource {
    paypal: Wallet,
}

#[derive(Serialize)]
struct Wallet {
    experience_context: Experience,
}

#[derive(Serialize)]
struct Experience {
    locale: &'static str,
    user_action: &'static str,
    shipping_preference: &'static str,
    /// Excludes bank transfers, which take days.
    payment_method_preference: &'static str,
    return_url: String,
    cancel_url: String,
}

impl OrderBody {
    pub(super) fn new(order: &NewOrder) -> Result<Self, ProviderError> {
        let refused = || ProviderError::Refused(format!("{} cannot be paid in at PayPal", order.price));
        let value = Value::write(order.price).ok_or_else(refused)?;
        let payment = order.payment.to_string();
        let unit = UnitBody {
            custom_id: payment.clone(),
            invoice_id: payment,
            description: cut(&order.description),
            amount: AmountBody { value: value.clone(), breakdown: Breakdown { item_total: value.clone() } },
            items: [ItemBody {
                name: cut(&order.description),
                quantity: "1",
                category: "DIGITAL_GOODS",
                unit_amount: value,
            }],
        };
        let experience_context = Experience {
            locale: locale(order.locale),
            user_action: "PAY_NOW",
            shipping_preference: "NO_SHIPPING",
            payment_method_preference: "IMMEDIATE_PAYMENT_REQUIRED",
            return_url: order.return_url.clone(),
            cancel_url: order.cancel_url.clone(),
        };
        Ok(Self {
            intent: "CAPTURE",
            purchase_units: [unit],
            payment_source: PaymentSource { paypal: Wallet { experience_context } },
        })
    }
}

/// What PayPal calls a language: its tags have regions.
pub(super) const fn locale(language: Language) -> &'static str {
    match language {
        Language::En => "en-US",
        Language::Zh => "zh-CN",
    }
}

/// An order as it is answered. What PayPal left out is not there.
#[derive(Deserialize)]
pub(super) struct OrderAnswer {
    id: String,
    status: String,
    #[serde(default)]
    purchase_units: Vec<Unit>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Default, Deserialize)]
struct Unit {
    amount: Option<Value>,
    payee: Option<Payee>,
    custom_id: Option<String>,
    #[serde(default)]
    payments: Payments,
}

#[derive(Deserialize)]
struct Payee {
    merchant_id: Option<String>,
}

#[derive(Default, Deserialize)]
struct Payments {
    #[serde(default)]
    captures: Vec<CaptureAnswer>,
    #[serde(default)]
    refunds: Vec<RefundAnswer>,
}

#[derive(Deserialize)]
pub(super) struct CaptureAnswer {
    id: String,
    status: String,
    status_details: Option<StatusDetails>,
    amount: Option<Value>,
    payee: Option<Payee>,
    custom_id: Option<String>,
    #[serde(default)]
    supplementary_data: Supplement,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct StatusDetails {
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Supplement {
    #[serde(default)]
    related_ids: RelatedIds,
}

#[derive(Default, Deserialize)]
struct RelatedIds {
    order_id: Option<String>,
    capture_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RefundAnswer {
    pub(super) id: String,
    #[serde(default)]
    status: String,
    amount: Option<Value>,
    #[serde(default)]
    supplementary_data: Supplement,
    #[serde(default)]
    links: Vec<Link>,
}

impl OrderAnswer {
    pub(super) fn approve_url(&self) -> Option<String> {
        link_of(&self.links, &["payer-action", "approve"])
    }

    /// An order that was just made.
    pub(super) fn id(self) -> Result<String, ProviderError> {
        if is_id(&self.id) { Ok(self.id) } else { Err(ProviderError::Unreadable) }
    }

    pub(super) fn read(self) -> Result<OrderState, ProviderError> {
        let approve_url = self.approve_url();
        let status = match &*self.status {
            "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" => OrderStatus::Created,
            "APPROVED" => OrderStatus::Approved,
            "COMPLETED" => OrderStatus::Completed,
            "VOIDED" => OrderStatus::Voided,
            _ => return Err(ProviderError::Unreadable),
        };
        // We make them with one.
        if self.purchase_units.len() > 1 {
            return Err(ProviderError::Unreadable);
        }
        let unit = self.purchase_units.into_iter().next().unwrap_or_default();
        let amount = unit.amount.as_ref().map(|value| value.read().ok_or(ProviderError::Unreadable)).transpose()?;
        let payee = unit.payee.and_then(|payee| payee.merchant_id);
        let refunded = refunded(&unit.payments.refunds)?;
        let mut captures = Vec::new();
        for capture in unit.payments.captures {
            let mut capture = capture.read()?;
            capture.order_id.get_or_insert_with(|| self.id.clone());
            capture.payee = capture.payee.or_else(|| payee.clone());
            capture.payment = capture.payment.or_else(|| unit.custom_id.clone());
            capture.refunded = refunded;
            captures.push(capture);
        }
        let payment = unit.custom_id.or_else(|| captures.first()?.payment.clone());
        Ok(OrderState { order_id: self.id, status, payee, amount, payment, captures, approve_url })
    }
}

/// What all refunds together have given back.
fn refunded(refunds: &[RefundAnswer]) -> Result<Option<Money>, ProviderError> {
    let mut total: Option<Money> = None;
    for refund in refunds.iter().filter(|refund| refund.status == "COMPLETED") {
        let amount = refund.amount.as_ref().and_then(Value::read).ok_or(ProviderError::Unreadable)?;
        let minor = total.map_or(0, |total| total.minor).checked_add(amount.minor).ok_or(ProviderError::Unreadable)?;
        if total.is_some_and(|total| total.currency != amount.currency) {
            return Err(ProviderError::Unreadable);
        }
        total = Some(Money { minor, currency: amount.currency });
    }
    Ok(total)
}

impl CaptureAnswer {
    pub(super) fn order_id(&self) -> Option<String> {
        let said = self.supplementary_data.related_ids.order_id.clone();
        said.or_else(|| id_behind(&self.links, "up", "orders"))
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn read(self) -> Result<Capture, ProviderError> {
        let order_id = self.order_id();
        let status = match &*self.status {
            "COMPLETED" => CaptureStatus::Completed,
            "PENDING" => {
                CaptureStatus::Pending(self.status_details.and_then(|details| details.reason).unwrap_or_default())
            }
            "DECLINED" => CaptureStatus::Declined,
            "FAILED" => CaptureStatus::Failed,
            "PARTIALLY_REFUNDED" => CaptureStatus::PartiallyRefunded,
            "REFUNDED" => CaptureStatus::Refunded,
            _ => return Err(ProviderError::Unreadable),
        };
        let amount = self.amount.as_ref().and_then(Value::read).ok_or(ProviderError::Unreadable)?;
        Ok(Capture {
            id: self.id,
            order_id,
            status,
            amount,
            payee: self.payee.and_then(|payee| payee.merchant_id),
            payment: self.custom_id,
            refunded: None,
        })
    }
}

/// What a refund is asked for with.
#[derive(Serialize)]
pub(super) struct RefundBody {
    amount: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    note_to_payer: Option<String>,
}

impl RefundBody {
    pub(super) fn new(refund: &NewRefund) -> Result<Self, ProviderError> {
        let refused = || ProviderError::Refused(format!("{} cannot be paid back at PayPal", refund.amount));
        let amount = Value::write(refund.amount).ok_or_else(refused)?;
        Ok(Self { amount, note_to_payer: refund.note.as_deref().map(cut) })
    }
}

impl RefundAnswer {
    pub(super) fn amount(&self) -> Option<Money> {
        self.amount.as_ref()?.read()
    }

    /// Whether the money has gone back. A report may say nothing of it but its kind.
    pub(super) fn is_done(&self) -> bool {
        matches!(&*self.status, "COMPLETED" | "")
    }

    pub(super) fn capture_id(&self) -> Option<String> {
        let said = self.supplementary_data.related_ids.capture_id.clone();
        id_behind(&self.links, "up", "captures").or(said)
    }

    pub(super) fn read(self) -> Result<RefundState, ProviderError> {
        let status = match &*self.status {
            "COMPLETED" => RefundStatus::Completed,
            "PENDING" => RefundStatus::Pending,
            "FAILED" => RefundStatus::Failed,
            "CANCELLED" => RefundStatus::Cancelled,
            _ => return Err(ProviderError::Unreadable),
        };
        Ok(RefundState { amount: self.amount(), id: self.id, status })
    }
}
