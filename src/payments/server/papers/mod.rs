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
        for (refund, back) in went_back(payment) {
            self.issue_credit_note(payment, &receipt, &refund, back).await?;
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

    /// It has the seller, the buyer and the tax rate of the receipt.
    async fn issue_credit_note(
        &self,
        payment: &Payment,
        receipt: &Paper,
        refund: &str,
        WentBack { money, credits }: WentBack,
    ) -> AppResult<Paper> {
        let mut content = receipt.content.clone();
        if let Some(tax) = &mut content.tax {
            tax.amount = tax.rate.part_of(money);
        }
        content.total = money;
        content.credits = credits;
        content.bonus = None;
        refund.clone_into(&mut content.reference);
        content.refers_to = Some(receipt.number.to_string());
        self.issue(PaperKind::CreditNote, refund.to_owned(), payment, content).await
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

/// What went back of a payment, by the provider's ids of its refunds.
fn went_back(payment: &Payment) -> BTreeMap<String, WentBack> {
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
    all
}

/// How many papers a payment should have.
#[must_use]
pub fn needed(payment: &Payment) -> u32 {
    if payment.books.credited { u32::try_from(went_back(payment).len() + 1).unwrap_or(u32::MAX) } else { 0 }
}
