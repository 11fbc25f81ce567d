//! What a paper says. It is stored with all of it, so that it stays as it was whatever is configured later.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::payments::server::shop::{Rate, Seller};
use crate::platform::amount::Amount;
use crate::platform::db::rfc3339;
use crate::platform::ids::{PaperId, PaymentId, UserId};
use crate::platform::money::{Money, WrittenMoney};

/// What a paper is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaperKind {
    /// Of a purchase.
    Receipt,
    /// Of money that went back.
    CreditNote,
}

impl PaperKind {
    pub const ALL: [Self; 2] = [Self::Receipt, Self::CreditNote];

    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::CreditNote => "credit_note",
        }
    }

    /// The kind of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What its numbers begin with.
    const fn letter(self) -> char {
        match self {
            Self::Receipt => 'R',
            Self::CreditNote => 'C',
        }
    }
}

/// The number of a paper, without gaps in its year and kind: `R2026-00042`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaperNumber {
    pub kind: PaperKind,
    pub year: i16,
    pub number: u32,
}

impl fmt::Display for PaperNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}-{:05}", self.kind.letter(), self.year, self.number)
    }
}

impl FromStr for PaperNumber {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let read = || {
            let kind = PaperKind::ALL.into_iter().find(|kind| text.starts_with(kind.letter()))?;
            let (year, number) = text.get(1..)?.split_once('-')?;
            Some(Self { kind, year: year.parse().ok()?, number: number.parse().ok()? })
        };
        // Each has one spelling.
        read().filter(|number| number.to_string() == text).ok_or(())
    }
}

/// Who buys, as papers have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Buyer {
    /// A person or a company.
    #[serde(default)]
    pub name: String,
    /// A line each.
    #[serde(default)]
    pub address: Vec<String>,
    /// Two letters (ISO 3166), which the tax may go by; may be empty.
    #[serde(default)]
    pub country: String,
    #[serde(default)]
    pub tax_id: String,
    /// That of the account when the paper was made.
    #[serde(default)]
    pub email: String,
}

/// What a price contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxPart {
    pub name: String,
    pub rate: Rate,
    pub amount: Money,
}

/// What is on a paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    pub seller: Seller,
    /// The site that it was bought at.
    pub site: String,
    pub buyer: Buyer,
    /// The name of the pack; may be empty.
    #[serde(default)]
    pub pack: String,
    /// What was bought or given back.
    pub credits: Amount,
    /// What came on top of it, and was not paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bonus: Option<Amount>,
    /// What was paid or went back, with its tax.
    pub total: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxPart>,
    #[serde(default)]
    pub note: String,
    /// Who took the payment, and what they call it: `PayPal`, `3C679366HH908993F`.
    #[serde(default)]
    pub paid_by: String,
    #[serde(default)]
    pub reference: String,
    /// The receipt that a credit note is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<String>,
}

impl Content {
    /// What is left of the total without its tax.
    #[must_use]
    pub fn net(&self) -> Money {
        let tax = self.tax.as_ref().map_or(0, |tax| tax.amount.minor);
        Money { minor: self.total.minor - tax, ..self.total }
    }
}

/// A paper to be made.
#[derive(Debug, Clone)]
pub struct NewPaper {
    pub kind: PaperKind,
    pub year: i16,
    /// What it is about, once: the payment of a receipt, the refund of a credit note.
    pub subject: String,
    pub user: UserId,
    pub payment: PaymentId,
    /// Milliseconds since 1970.
    pub issued_at: i64,
    pub content: Content,
}

/// A paper as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    pub id: PaperId,
    pub number: PaperNumber,
    pub user: UserId,
    pub payment: PaymentId,
    pub issued_at: i64,
    pub content: Content,
}

impl Paper {
    /// The day of its seller on which it was made: `2026-11-29`.
    #[must_use]
    pub fn day(&self) -> String {
        day_in(&self.content.seller.zone(), self.issued_at)
    }

    /// Where its page is.
    #[must_use]
    pub fn page(&self) -> String {
        format!("/receipts/{}", self.number)
    }

    /// Where its PDF is.
    #[must_use]
    pub fn pdf(&self) -> String {
        format!("/api/credits/receipts/{}.pdf", self.number)
    }
}

/// The day of a moment in a zone.
pub fn day_in(zone: &TimeZone, at: i64) -> String {
    let moment = Timestamp::from_millisecond(at).unwrap_or_default();
    moment.to_zoned(zone.clone()).date().to_string()
}

/// The year of a moment in a zone.
pub fn year_in(zone: &TimeZone, at: i64) -> i16 {
    Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(zone.clone()).year()
}

/// A paper as the HTTP API tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PurchaseReceipt)]
pub struct Receipt {
    /// Without gaps in a year.
    #[schema(example = "R2026-00042")]
    pub number: String,
    pub kind: PaperKind,
    pub payment_id: String,
    /// RFC 3339, UTC.
    pub issued_at: String,
    pub seller: PaperSeller,
    pub buyer: Buyer,
    /// What was bought or given back.
    pub credits: Amount,
    /// What came on top of it, and was not paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bonus: Option<Amount>,
    /// What was paid or went back, with its tax.
    #[schema(value_type = WrittenMoney)]
    pub total: Money,
    /// Without its tax.
    #[schema(value_type = WrittenMoney)]
    pub net: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<PaperTax>,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub note: String,
    /// The receipt that a credit note is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<String>,
    /// Its page, for people.
    pub page: String,
    pub pdf: String,
}

/// Who sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaperSeller {
    pub name: String,
    pub address: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

/// The tax that a total contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaperTax {
    pub name: String,
    /// In percent.
    #[schema(example = "8.1")]
    pub rate: String,
    #[schema(value_type = WrittenMoney)]
    pub amount: Money,
}

impl From<Paper> for Receipt {
    fn from(paper: Paper) -> Self {
        let (page, pdf, net) = (paper.page(), paper.pdf(), paper.content.net());
        let Content { seller, buyer, credits, bonus, total, tax, note, refers_to, .. } = paper.content;
        Self {
            number: paper.number.to_string(),
            kind: paper.number.kind,
            payment_id: paper.payment.to_string(),
            issued_at: rfc3339(paper.issued_at).unwrap_or_default(),
            seller: PaperSeller {
                name: seller.name,
                address: seller.address,
                tax_id: seller.tax_id,
                contact: seller.contact,
            },
            buyer,
            credits,
            bonus,
            total,
            net,
            tax: tax.map(|tax| PaperTax { name: tax.name, rate: tax.rate.percent(), amount: tax.amount }),
            note,
            refers_to,
            page,
            pdf,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        let number = PaperNumber { kind: PaperKind::CreditNote, year: 2026, number: 42 };
        assert_eq!((number.to_string(), "C2026-00042".parse()), ("C2026-00042".to_owned(), Ok(number)));
        let large = PaperNumber { kind: PaperKind::Receipt, year: 2026, number: 123_456 };
        assert_eq!(large.to_string().parse(), Ok(large));
        for text in
            ["", "R", "R2026", "R2026-42", "R2026-000042", "r2026-00042", "R2026-00042 ", "R+2026-00042", "é2026-1"]
        {
            assert_eq!(text.parse::<PaperNumber>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_year_begins_where_the_seller_is() {
        let zone = |name: &str| Seller { time_zone: name.to_owned(), ..Seller::default() }.zone();
        // 31 December 2026, 23:30 UTC.
        let at = 1_798_759_800_000;
        assert_eq!((year_in(&zone(""), at), day_in(&zone(""), at)), (2026, "2026-12-31".to_owned()));
        assert_eq!(
            (year_in(&zone("Asia/Shanghai"), at), day_in(&zone("Asia/Shanghai"), at)),
            (2027, "2027-01-01".to_owned())
        );
    }
}
