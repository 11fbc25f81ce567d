//! What stands on a paper, in the language of whoever reads it: its page and its PDF have the same.

use super::paper::{Content, Paper, PaperKind};
use crate::i18n::{Text, count_written, fill, t};
use crate::platform::amount::Amount;

/// A paper in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    pub title: String,
    pub number: String,
    /// Line by line; the first is the name.
    pub seller: Vec<String>,
    pub buyer: Vec<String>,
    /// Each with what it is called.
    pub facts: Vec<(&'static str, String)>,
    pub item: String,
    pub amount: String,
    /// What the total is made of.
    pub sums: Vec<(String, String)>,
    pub total: String,
    pub notes: Vec<String>,
    /// Who made it, and where.
    pub footer: String,
}

impl Sheet {
    #[must_use]
    pub fn of(paper: &Paper) -> Self {
        let Content { seller, buyer, site, pack, credits, bonus, total, tax, note, .. } = &paper.content;
        let tax_id = |id: &str| fill(Text::TaxId, &[("id", id)]);
        let mut from = vec![seller.name.clone()];
        from.extend(seller.address.iter().cloned());
        from.extend(seller.tax_id.as_deref().map(tax_id));
        let mut to = vec![buyer.name.clone()];
        to.extend(buyer.address.iter().cloned());
        to.extend(Some(&buyer.tax_id).filter(|id| !id.is_empty()).map(|id| tax_id(id)));
        to.extend(Some(&buyer.email).filter(|email| **email != buyer.name).cloned());
        to.retain(|line| !line.is_empty());
        let kind = paper.number.kind;
        let what = match kind {
            PaperKind::Receipt => Text::CreditsCount,
            PaperKind::CreditNote => Text::CreditsGivenBack,
        };
        let item = count_written(what, &credits.as_entry());
        let bonus = bonus.map(|bonus| count_written(Text::BonusOnPaper, &bonus.as_entry()));
        let sums = tax.as_ref().map(|tax| {
            let name = format!("{} {} %", tax.name, tax.rate.percent());
            [(t(Text::NetAmount).to_owned(), paper.content.net().to_string()), (name, tax.amount.to_string())]
        });
        let contact = seller.contact.as_deref().map(|contact| format!(" · {contact}")).unwrap_or_default();
        Self {
            title: t(title(kind)).to_owned(),
            number: paper.number.to_string(),
            seller: from,
            buyer: to,
            facts: facts(paper),
            item: if is_said(pack, *credits) { item } else { format!("{item} · {pack}") },
            amount: total.to_string(),
            sums: sums.into_iter().flatten().collect(),
            total: total.to_string(),
            notes: bonus.into_iter().chain(Some(note).filter(|note| !note.is_empty()).cloned()).collect(),
            footer: format!("{site}{contact}"),
        }
    }
}

/// Whether the name of a pack says no more than its credits.
fn is_said(pack: &str, credits: Amount) -> bool {
    pack.is_empty() || pack.split(' ').next() == Some(&*credits.to_string())
}

/// What a kind of paper is called.
pub const fn title(kind: PaperKind) -> Text {
    match kind {
        PaperKind::Receipt => Text::Receipt,
        PaperKind::CreditNote => Text::CreditNote,
    }
}

fn facts(paper: &Paper) -> Vec<(&'static str, String)> {
    let Content { refers_to, paid_by, reference, .. } = &paper.content;
    let mut facts = vec![(t(Text::PaperNumber), paper.number.to_string()), (t(Text::PaperDate), paper.day())];
    facts.extend(refers_to.clone().map(|receipt| (t(Text::AboutReceipt), receipt)));
    if !paid_by.is_empty() {
        facts.push((t(Text::PaidBy), paid_by.clone()));
    }
    if !reference.is_empty() {
        facts.push((t(Text::PaymentReference), reference.clone()));
    }
    facts
}
