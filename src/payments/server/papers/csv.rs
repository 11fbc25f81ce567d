//! Papers of a year for the bookkeeper: a line each (RFC 4180).

use super::paper::{Content, Paper, PaperKind};
use super::store::PaperStore;
use crate::platform::csv::csv_text;
use crate::platform::db::{StoreResult, rfc3339};
use crate::platform::money::Money;

/// The first line.
const HEADER: &str = "number,kind,date,issuedAt,currency,net,tax,taxName,taxPercent,total,credits,buyer,country,taxId,\
    email,paidBy,reference,refersTo,paymentId\r\n";
/// Papers that are read at once.
const ROWS: usize = 500;

/// The papers of a year, receipts first. What went back is negative, so that columns add up.
///
/// # Errors
/// When they cannot be read.
pub async fn csv(store: &dyn PaperStore, year: i16) -> StoreResult<String> {
    let mut csv = HEADER.to_owned();
    for kind in PaperKind::ALL {
        let mut after = 0;
        loop {
            let papers = store.of_year(kind, year, after, ROWS).await?;
            let Some(last) = papers.last() else { break };
            after = last.number.number;
            for paper in &papers {
                csv.push_str(&line(paper)?);
            }
        }
    }
    Ok(csv)
}

fn line(paper: &Paper) -> StoreResult<String> {
    let Content { buyer, credits, total, tax, paid_by, reference, refers_to, .. } = &paper.content;
    let is_back = paper.number.kind == PaperKind::CreditNote;
    let signed = |text: String| if is_back { format!("-{text}") } else { text };
    let (name, percent, amount) = match tax {
        Some(tax) => (&*tax.name, tax.rate.percent(), tax.amount),
        None => ("", String::new(), Money::none_of(total.currency)),
    };
    let fields = [
        paper.number.to_string(),
        paper.number.kind.as_str().to_owned(),
        paper.day(),
        rfc3339(paper.issued_at)?,
        total.currency.code().to_owned(),
        signed(paper.content.net().to_decimal()),
        signed(amount.to_decimal()),
        csv_text(name),
        percent,
        signed(total.to_decimal()),
        signed(credits.to_string()),
        csv_text(&buyer.name),
        csv_text(&buyer.country),
        csv_text(&buyer.tax_id),
        csv_text(&buyer.email),
        csv_text(paid_by),
        csv_text(reference),
        refers_to.clone().unwrap_or_default(),
        paper.payment.to_string(),
    ];
    Ok(fields.join(",") + "\r\n")
}
