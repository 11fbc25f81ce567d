//! New list prices in the text of a file: its comments, its order and what else is in it stay.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, TableLike, Value};

use super::file::{ListPrice, ListRates, ListTier};
use crate::platform::data_file::{Decimal, written};

/// Writes prices into the entries of models, by their place in the file.
///
/// # Errors
/// When the text is not what the prices were read from.
pub fn edit(text: &str, prices: &[(usize, &ListPrice)]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("it cannot be read: {error}"))?;
    for (at, price) in prices {
        let model = match document.get_mut("model") {
            Some(Item::ArrayOfTables(models)) => models.get_mut(*at).map(|model| model as &mut dyn TableLike),
            Some(Item::Value(Value::Array(models))) => {
                models.get_mut(*at).and_then(Value::as_inline_table_mut).map(|model| model as &mut dyn TableLike)
            }
            _ => None,
        };
        let list =
            model.and_then(|model| model.get_mut("list")).ok_or("the models of the file are not where they were")?;
        set_list(list, price);
    }
    Ok(document.to_string())
}

fn set_list(list: &mut Item, price: &ListPrice) {
    match list {
        Item::Table(table) => {
            set_rates(table, price.rates);
            set_tiers(table, &price.tiers);
        }
        Item::Value(Value::InlineTable(table)) => {
            let known = table.len();
            set_rates(table, price.rates);
            set_tiers(table, &price.tiers);
            if table.len() != known {
                table.fmt();
            }
        }
        other => {
            let mut table = InlineTable::new();
            set_rates(&mut table, price.rates);
            set_tiers(&mut table, &price.tiers);
            table.fmt();
            replace(other, Value::InlineTable(table));
        }
    }
}

fn set_rates(table: &mut dyn TableLike, rates: ListRates) {
    let ListRates { input, cached_input, cache_write, cache_write_1h, output, reasoning } = rates;
    let rates = [
        ("input", Some(input)),
        ("cached_input", cached_input),
        ("cache_write", cache_write),
        ("cache_write_1h", cache_write_1h),
        ("output", Some(output)),
        ("reasoning", reasoning),
    ];
    for (key, rate) in rates {
        let Some(rate) = rate else { continue };
        match table.get_mut(key) {
            // It may be written in another way.
            Some(item) if millionths(item) == Some(rate) => {}
            Some(item) => replace(item, written(rate).into()),
            None => _ = table.insert(key, Item::Value(written(rate).into())),
        }
    }
}

fn set_tiers(table: &mut dyn TableLike, tiers: &[ListTier]) {
    if tiers.is_empty() {
        return;
    }
    let is_same = table.get("tiers").map(thresholds).is_some_and(|known| {
        known.len() == tiers.len()
            && known.iter().zip(tiers).all(|(known, tier)| *known == Some(tier.above_input_tokens))
    });
    if !is_same {
        let mut array = Array::new();
        for tier in tiers {
            let mut inline = InlineTable::new();
            let above = i64::try_from(tier.above_input_tokens).unwrap_or(i64::MAX);
            inline.insert("above", above.into());
            set_rates(&mut inline, tier.rates);
            inline.fmt();
            array.push(inline);
        }
        array.fmt();
        match table.get_mut("tiers") {
            Some(item) => replace(item, Value::Array(array)),
            None => _ = table.insert("tiers", Item::Value(Value::Array(array))),
        }
        return;
    }
    for (n, tier) in tiers.iter().enumerate() {
        match table.get_mut("tiers") {
            Some(Item::ArrayOfTables(known)) => {
                if let Some(known) = known.get_mut(n) {
                    set_rates(known, tier.rates);
                }
            }
            Some(Item::Value(Value::Array(known))) => {
                if let Some(known) = known.get_mut(n).and_then(Value::as_inline_table_mut) {
                    let keys = known.len();
                    set_rates(known, tier.rates);
                    if known.len() != keys {
                        known.fmt();
                    }
                }
            }
            _ => {}
        }
    }
}

fn thresholds(tiers: &Item) -> Vec<Option<u64>> {
    let above = |tier: &dyn TableLike| {
        let above = tier.get("above")?.as_integer()?;
        u64::try_from(above).ok()
    };
    match tiers {
        Item::ArrayOfTables(tiers) => tiers.iter().map(|tier| above(tier)).collect(),
        Item::Value(Value::Array(tiers)) => tiers.iter().map(|tier| above(tier.as_inline_table()?)).collect(),
        _ => Vec::new(),
    }
}

/// The number of a value, however it is written.
fn millionths(item: &Item) -> Option<u64> {
    let number = match item {
        Item::Value(Value::String(text)) => Decimal::parse(text.value()),
        Item::Value(Value::Integer(number)) => Decimal::parse(&number.display_repr().replace('_', "")),
        Item::Value(Value::Float(number)) => Decimal::parse(&number.display_repr().replace('_', "")),
        _ => return None,
    };
    number.ok()?.in_units(6).filter(|(_, is_exact)| *is_exact).map(|(millionths, _)| millionths)
}

/// With the spaces and the comment that were around it.
fn replace(item: &mut Item, mut value: Value) {
    if let Item::Value(old) = item {
        *value.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(value);
}

/// Puts a text in the place of a file, whole or not at all; `old` is what it was made from.
///
/// # Errors
/// When it cannot be written, or when the file has changed meanwhile.
pub fn exchange(path: &Path, old: &str, new: &str) -> io::Result<()> {
    // What a link leads to is exchanged, and not the link.
    let path = fs::canonicalize(path)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("it has no folder"));
    };
    let beside = folder.join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    let written = write_beside(&path, &beside, new).and_then(|()| {
        if fs::read_to_string(&path)? != old {
            return Err(io::Error::other("it has changed meanwhile; try again"));
        }
        fs::rename(&beside, &path)?;
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        _ = fs::remove_file(&beside);
    }
    written
}

fn write_beside(path: &Path, beside: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(beside)?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
