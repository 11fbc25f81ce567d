//! The file of prices: what an operator writes, as prices, or all that is wrong with it.

mod list;
mod models;

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeTable;

pub use self::list::{Credit, LIST_CURRENCY, ListPrice, ListRates, ListTier};
pub use self::models::{ChatRule, ImageRule, ModelEntry};
use self::models::{read_chat, read_image, read_models};
use crate::platform::amount::Amount;
use crate::platform::data_file::{Field, Reading, Section, read_file};
use crate::usage::server::prices::PriceTable;

/// Longest name that an operator gives to a version.
const VERSION_CHARS: usize = 32;

/// What `CHAT_CREDITS` and `IMAGE_CREDITS` say, for what the file does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlatPrices {
    pub chat: Amount,
    pub image: Amount,
}

/// What a file is read with.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub flat: FlatPrices,
    /// What providers take.
    pub list: &'a PriceTable,
    /// The providers of this version.
    pub providers: &'a [&'static str],
    /// Milliseconds since 1970.
    pub now: i64,
}

/// What everything costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceFile {
    /// What the operator calls this version.
    pub version: Option<String>,
    /// What a credit is worth: only where prices follow those of providers.
    pub credit: Option<Credit>,
    /// Of models that no entry names.
    pub chat: ChatRule,
    /// Of models that no entry names.
    pub image: ImageRule,
    /// In the order of the file.
    pub models: Vec<ModelEntry>,
}

impl PriceFile {
    /// What holds without a file.
    #[must_use]
    pub const fn flat(flat: FlatPrices) -> Self {
        Self {
            version: None,
            credit: None,
            chat: ChatRule::Flat(flat.chat),
            image: ImageRule { default: flat.image, sizes: BTreeMap::new() },
            models: Vec::new(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Every problem on a line that begins with `file` and its line there.
    pub fn parse(text: &str, file: &str, known: Known<'_>) -> Result<Self, Vec<String>> {
        read_file(text, file, |reading, document| read_all(reading, document, known))
    }

    /// Whether any reply may cost by its tokens.
    #[must_use]
    pub fn is_per_token(&self) -> bool {
        let rules = self.models.iter().filter_map(|model| model.chat.as_ref()).chain([&self.chat]);
        rules.into_iter().any(|rule| !matches!(rule, ChatRule::Flat(_)))
    }
}

fn read_all<'a>(reading: &mut Reading<'a>, document: &'a Spanned<DeTable<'a>>, known: Known<'_>) -> PriceFile {
    let file = Section { name: String::new(), table: document.get_ref(), at: 0..0 };
    reading.only(&file, &["version", "credit", "chat", "image", "model"]);
    let version = read_version(reading, &file);
    let credit = match reading.section(&file, "credit") {
        Field::Is(section) => Credit::read(reading, &section),
        Field::Wrong => Field::Wrong,
        Field::Absent => Field::Absent,
    };
    let mut read = PriceFile { version, ..PriceFile::flat(known.flat) };
    if let Field::Is(section) = reading.section(&file, "chat") {
        reading.only(&section, &models::CHAT_KEYS);
        match read_chat(reading, &section) {
            Field::Is(rule) => read.chat = rule,
            Field::Absent => reading.problem(&section, "", "has no price: write flat = 1, or input and output"),
            Field::Wrong => {}
        }
    }
    if let Field::Is(section) = reading.section(&file, "image") {
        reading.only(&section, &["flat", "sizes"]);
        match read_image(reading, &section, "flat") {
            Field::Is(rule) => read.image = rule,
            Field::Absent => reading.problem(&section, "", "has no price: write flat = 2"),
            Field::Wrong => {}
        }
    }
    read.models = read_models(reading, &file, &credit, known);
    read.credit = credit.value();
    read
}

/// What the operator calls the version of a price.
fn read_version<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<String> {
    let expected = "a name of letters, digits, dots, hyphens and underscores, at most 32 of them";
    let name = reading.text(section, "version", expected).value()?;
    let is_name =
        name.len() <= VERSION_CHARS && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if !is_name {
        reading.problem(section, "version", format!("{name:?} is not {expected}"));
    }
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
