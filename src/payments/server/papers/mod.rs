//! Papers: receipts and credit notes, with numbers that have no gaps, and what buyers want on theirs.

pub mod api;
mod buyers;
mod csv;
pub mod page;
mod paper;
mod pdf;
mod sheet;
pub mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use self::api::pdf_of;
pub use self::buyers::{BuyerFields, RefusedBuyer};
pub use self::csv::csv;
pub use self::paper::{
    Buyer, Content, NewPaper, Paper, PaperKind, PaperNumber, PaperSeller, PaperTax, Receipt, TaxPart, day_in, year_in,
};
use self::store::PaperStore;
use super::payment::Payment;
use super::shop::{Catalog, Seller, Shop};
use crate::account::server::store::AccountStore;
use crate::credits::Page;
use crate::platform::amount::Amount;
use crate::platform::db::Database;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;
use crate::platform::money::{Money, share};
use crate::platform::site::Site;

/// Receipts and credit notes. Cheap to clone.
#[derive(Clone)]
pub struct Papers {
    pub store: Arc<dyn PaperStore>,
    /// Knows the names of buyers.
    pub accounts: Arc<dyn AccountStore>,
    pub shop: Shop,
    pub site: Site,
    /// Whose clock is everybody's.
    pub database: Database,
    /// What papers call who takes the money.
    pub paid_by: &'static str,
}

/// Money that went back, and its credits.
struct WentBack {
    money: Money,
    credits: Amount,
}

/// What the credit notes of a receipt say in all.
struct Noted {
    /// Money and tax, in the smallest unit.
    money: i64,
    tax: i64,
    credits: Amount,
}

impl Noted {
    fn add(&mut self, note: &Content) {
        self.money += note.total.minor;
        self.tax += note.tax.as_ref().map_or(0, |tax| tax.amount.minor);
        self.credits += note.credits;
    }

    /// What is on the next note; `None` where all of the receipt is noted. The notes never come to more than their receipt, and
    /// where all went back they come to its tax: parts that are each rounded might not.
    fn next(&self, receipt: &Paper, back: &WentBack) -> Option<Content> {
        let mut content = receipt.content.clone();
        let money = back.money.minor.min(content.total.minor - self.money);
        if money <= 0 {
            return None;
        }
        if let Some(tax) = &mut content.tax {
            let in_all = tax.rate.part_of(Money { minor: self.money + money, ..content.total });
            tax.amount.minor = (in_all.minor - self.tax).max(0);
        }
        content.total.minor = money;
        content.credits = back.credits.min(content.credits - self.credits).max(Amount::ZERO);
        content.bonus = None;
        content.refers_to = Some(receipt.number.to_string());
        Some(content)
    }
}

impl Papers {
    /// Makes what papers a payment should have and has not: its receipt, and a credit note for each refund. Each is made once,
    /// whoever asks how often.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn issue_for(&self, payment: &Payment) -> AppResult<()> {
        if !payment.books.credited {
            return Ok(());
        }
        let receipt = self.issue_receipt(payment).await?;
        let (mut noted, mut new) = (Noted { money: 0, tax: 0, credits: Amount::ZERO }, Vec::new());
        for (refund, back) in went_back(payment) {
            match self.store.find_of(PaperKind::CreditNote, &refund).await? {
                Some(known) => noted.add(&known.content),
                None => new.push((refund, back)),
            }
        }
        for (refund, back) in new {
            // It has the seller, the buyer and the tax rate of the receipt.
            let Some(content) = noted.next(&receipt, &back) else { continue };
            let content = Content { reference: refund.clone(), ..content };
            noted.add(&self.issue(PaperKind::CreditNote, refund, payment, content).await?.content);
        }
        Ok(())
    }

    async fn issue_receipt(&self, payment: &Payment) -> AppResult<Paper> {
        let subject = payment.id.to_string();
        if let Some(known) = self.store.find_of(PaperKind::Receipt, &subject).await? {
            return Ok(known);
        }
        let catalog = self.shop.now();
        let buyer = self.buyer(payment.user).await?;
        let content = Content {
            seller: self.seller(&catalog),
            site: self.site_name(),
            tax: tax_of(&catalog, &buyer, payment.price),
            buyer,
            pack: payment.name.clone(),
            credits: payment.credits,
            bonus: Some(payment.bonus()).filter(|bonus| bonus.is_positive()),
            total: payment.price,
            note: catalog.taxes.note.clone(),
            paid_by: self.paid_by.to_owned(),
            reference: payment.capture_id.clone().unwrap_or_default(),
            refers_to: None,
        };
        self.issue(PaperKind::Receipt, subject, payment, content).await
    }

    async fn issue(&self, kind: PaperKind, subject: String, payment: &Payment, content: Content) -> AppResult<Paper> {
        let now = self.database.now();
        let year = year_in(&content.seller.zone(), now);
        let (user, payment) = (payment.user, payment.id);
        Ok(self.store.issue(NewPaper { kind, year, subject, user, payment, issued_at: now, content }).await?)
    }

    /// Who sells, as papers of now have it.
    fn seller(&self, catalog: &Catalog) -> Seller {
        let mut seller = catalog.seller.clone();
        if seller.name.is_empty() {
            seller.name = self.site_name();
        }
        seller.contact = seller.contact.or_else(|| self.site.operator_contact.clone());
        seller
    }

    fn site_name(&self) -> String {
        self.site.public_url.host_str().unwrap_or_default().to_owned()
    }

    /// A paper of a user.
    ///
    /// # Errors
    /// [`AppError::NotFound`] also for somebody else's.
    pub async fn find(&self, user: UserId, number: &str) -> AppResult<Paper> {
        let number: PaperNumber = number.parse().map_err(|()| AppError::NotFound)?;
        let paper = self.store.find(number).await?;
        paper.filter(|paper| paper.user == user).ok_or(AppError::NotFound)
    }

    /// A page of a user's papers, newest first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] for a cursor that this server never gave out.
    pub async fn list(&self, user: UserId, cursor: Option<&str>, limit: usize) -> AppResult<Page<Paper>> {
        let page = self.store.list(user, cursor, limit).await?;
        page.ok_or_else(|| AppError::invalid("cursor", "This cursor is not valid."))
    }
}

/// The tax that a price contains for a buyer; nothing where none is configured.
fn tax_of(catalog: &Catalog, buyer: &Buyer, price: Money) -> Option<TaxPart> {
    let rate = catalog.taxes.rate_in(&buyer.country);
    let name = &catalog.taxes.name;
    (!name.is_empty()).then(|| TaxPart { name: name.clone(), rate, amount: rate.part_of(price) })
}

/// What went back of a payment, by the provider's ids of its refunds, in the order in which they were heard of.
fn went_back(payment: &Payment) -> Vec<(String, WentBack)> {
    let (price, books) = (payment.price, &payment.books);
    let mut all = BTreeMap::new();
    for (id, fact) in &books.refunds {
        let credits = share(payment.credits.micros(), fact.minor, price.minor);
        let back = WentBack { money: Money { minor: fact.minor, ..price }, credits: Amount::from_micros(credits) };
        all.insert(id.clone(), back);
    }
    for request in &books.requests {
        // Of what the buyer gave back it is known how many credits it was.
        if let (super::RequestState::Done, Some(id)) = (request.state, &request.refund_id) {
            let money = Money { minor: request.minor, ..price };
            all.insert(id.clone(), WentBack { money, credits: request.credits });
        }
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(id, _)| books.refunds.get(id).map(|fact| fact.at));
    all
}

/// How many papers a payment may have.
#[must_use]
pub fn needed(payment: &Payment) -> u32 {
    if payment.books.credited { u32::try_from(went_back(payment).len() + 1).unwrap_or(u32::MAX) } else { 0 }
}
