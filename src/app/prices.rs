//! `tessera prices`: what each model costs, and what a catalogue would change.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::config::Config;
use crate::chat::server::models::Models;
use crate::credits::server::prices::catalogue::Catalogue;
use crate::credits::server::prices::{Configured, Here, Plan, exchange};
use crate::generation::build_providers;
use crate::platform::db::now_millis;

/// Bytes of a catalogue, at most.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// What each model costs, as a table.
///
/// # Errors
/// When a provider cannot be set up.
pub fn show(config: &Config) -> Result<String, String> {
    Ok(config.prices.book().table(&configured(config)?))
}

/// What a catalogue would change; with `is_written` that is changed in the file of prices. `seller` is whose prices are meant.
///
/// # Errors
/// When one of the files cannot be read or written: then nothing has changed.
pub fn import(config: &Config, file: &Path, is_written: bool, seller: Option<&str>) -> Result<String, String> {
    let name = file.display();
    let length = fs::metadata(file).map_err(|error| format!("{name}: cannot be read: {error}"))?.len();
    if length > MOST_BYTES {
        return Err(format!("{name}: is larger than {MOST_BYTES} bytes"));
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    let catalogue = Catalogue::parse(&text).map_err(|problem| format!("{name}: {problem}"))?;
    if let Some(seller) = seller.filter(|seller| !catalogue.has_seller(seller)) {
        return Err(format!("--provider: nobody in {name} is called {seller:?}"));
    }
    let book = config.prices.book();
    let prices = book.source().file.path.display();
    if is_written && !book.source().file.is_there() {
        return Err(format!("{prices}: is not there, so there are no prices to change"));
    }
    let old = if book.source().file.is_there() { lines(book.source().file.text())? } else { String::new() };
    let configured = configured(config)?;
    // What is written is the text that was read, whatever was in the file before.
    let read = lines(book.source().parse(&old))?;
    let here = Here { prices: &read, list: book.source().list(), configured: &configured, now: now_millis() };
    let plan = Plan::new(&catalogue, here, seller);
    let (mut told, changes) = (plan.table(), plan.changes());
    if !is_written {
        if changes > 0 {
            _ = write!(told, "\n--write would change {changes} in {prices}.\n");
        }
        return Ok(told);
    }
    if changes == 0 {
        _ = write!(told, "\nNothing changes in {prices}.\n");
        return Ok(told);
    }
    let new = plan.apply(&old).map_err(|problem| format!("{prices}: {problem}"))?;
    lines(book.source().parse(&new))?;
    exchange(&book.source().file.path, &old, &new).map_err(|error| format!("{prices}: cannot be written: {error}"))?;
    _ = write!(told, "\n{changes} changed in {prices}.\n");
    Ok(told)
}

fn lines<T>(result: Result<T, Vec<String>>) -> Result<T, String> {
    result.map_err(|problems| problems.join("\n"))
}

/// The models that the configuration names.
fn configured(config: &Config) -> Result<Vec<Configured>, String> {
    let models = Models::new(config.chat.source.clone(), build_providers(&config.chat.providers)?).now();
    let chat = models.models.iter().map(|by| &by.provider);
    let chat = chat.map(|by| Configured { provider: by.name(), model: by.model(), is_image: false });
    let images = build_providers(&config.images.providers)?;
    let images = images.iter().map(|by| Configured { provider: by.name(), model: by.model(), is_image: true });
    Ok(chat.chain(images).collect())
}
