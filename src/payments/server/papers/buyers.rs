//! What buyers want on their papers: a form of the page on which credits are bought.

use serde::Deserialize;

use super::Papers;
use super::paper::Buyer;
use crate::i18n::{Text, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;

const NAME_CHARS: usize = 90;
const LINE_CHARS: usize = 90;
const ADDRESS_LINES: usize = 6;
const TAX_ID_CHARS: usize = 40;

/// The fields of the form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct BuyerFields {
    #[serde(default, rename = "billingName")]
    pub name: String,
    /// A line each.
    #[serde(default, rename = "billingAddress")]
    pub address: String,
    #[serde(default, rename = "billingCountry")]
    pub country: String,
    #[serde(default, rename = "billingTaxId")]
    pub tax_id: String,
}

/// The form as it was sent, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedBuyer {
    pub fields: BuyerFields,
    pub field: String,
    pub message: String,
}

impl From<Buyer> for BuyerFields {
    fn from(buyer: Buyer) -> Self {
        Self { name: buyer.name, address: buyer.address.join("\n"), country: buyer.country, tax_id: buyer.tax_id }
    }
}

impl Papers {
    /// Who buys, as papers of now have it.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn buyer(&self, user: UserId) -> AppResult<Buyer> {
        let (stored, account) = tokio::try_join!(self.store.buyer(user), self.accounts.find_user_by_id(user))?;
        let mut buyer = stored.unwrap_or_default();
        if let Some(account) = account {
            if buyer.name.is_empty() {
                buyer.name = if account.name.is_empty() { account.email.clone() } else { account.name };
            }
            buyer.email = account.email;
        }
        Ok(buyer)
    }

    /// Keeps what a user wants on papers from now on.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn set_buyer(&self, user: UserId, fields: &BuyerFields) -> AppResult<()> {
        Ok(self.store.set_buyer(user, read(fields)?).await?)
    }
}

fn read(fields: &BuyerFields) -> AppResult<Buyer> {
    let line = |field: &str, text: &str, most: usize| {
        let text = text.trim();
        let is_line = text.chars().count() <= most && !text.contains(char::is_control);
        is_line.then(|| text.to_owned()).ok_or_else(|| AppError::invalid(field, t(Text::BillingTooLong)))
    };
    let lines = fields.address.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    if lines.len() > ADDRESS_LINES {
        return Err(AppError::invalid("billingAddress", t(Text::BillingTooLong)));
    }
    let country = fields.country.trim().to_ascii_uppercase();
    let is_country = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
    if !is_country && !country.is_empty() {
        return Err(AppError::invalid("billingCountry", t(Text::BillingCountryWrong)));
    }
    Ok(Buyer {
        name: line("billingName", &fields.name, NAME_CHARS)?,
        address: lines.into_iter().map(|text| line("billingAddress", text, LINE_CHARS)).collect::<AppResult<_>>()?,
        country,
        tax_id: line("billingTaxId", &fields.tax_id, TAX_ID_CHARS)?,
        email: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &str, address: &str, country: &str) -> BuyerFields {
        BuyerFields {
            name: name.to_owned(),
            address: address.to_owned(),
            country: country.to_owned(),
            tax_id: " DE 1 ".to_owned(),
        }
    }

    #[test]
    fn an_address_is_lines_and_a_country_two_letters() {
        let buyer = read(&fields(" 王小明 ", "a\r\n\r\n b \n", "de")).unwrap();
        assert_eq!((&*buyer.name, &*buyer.country, &*buyer.tax_id), ("王小明", "DE", "DE 1"));
        assert_eq!(buyer.address, ["a", "b"]);
        let field = |fields: BuyerFields| match read(&fields) {
            Err(AppError::InvalidInput { field, .. }) => field,
            other => format!("{other:?}"),
        };
        assert_eq!(field(fields("a\u{7}", "", "")), "billingName");
        assert_eq!(field(fields(&"a".repeat(91), "", "")), "billingName");
        assert_eq!(field(fields("a", &"b\n".repeat(7), "")), "billingAddress");
        assert_eq!(field(fields("a", &"b".repeat(91), "")), "billingAddress");
        for country in ["DEU", "D", "1E", "Ä"] {
            assert_eq!(field(fields("a", "", country)), "billingCountry", "{country}");
        }
    }
}
