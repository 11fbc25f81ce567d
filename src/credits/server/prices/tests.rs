//! Prices that change while they are looked up, and list prices that come from a catalogue.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::catalogue::Catalogue;
use super::*;
use crate::platform::amount::Amount;
use crate::platform::data_file::Reload;
use crate::usage::server::prices::PriceTable;

const FLAT: FlatPrices = FlatPrices { chat: Amount::credits(1), image: Amount::credits(2) };
const PROVIDERS: [&str; 3] = ["gemini", "openai", "replicate"];

fn source(path: &Path) -> PriceSource {
    let list = PriceTable::parse("gpt-6=1.25/10").unwrap();
    PriceSource::new(path.to_str(), FLAT, list, PROVIDERS.to_vec())
}

/// Prices of a text, and what they are kept in.
fn book(text: &str) -> (PriceBook, TempDir) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("prices.toml");
    fs::write(&path, text).unwrap();
    let source = source(&path);
    let loaded = source.load().unwrap();
    (PriceBook::new(source, loaded), folder)
}

fn flat(credits: i64) -> ChatRate {
    ChatRate::Flat(Amount::credits(credits))
}

fn per_million(book: &PriceBook, provider: &str, model: &str) -> (u64, u64) {
    match book.chat(provider, model).rate {
        ChatRate::PerToken(rates) => (rates.base.input, rates.base.output),
        ChatRate::Flat(price) => panic!("{price}"),
    }
}

#[test]
fn the_most_exact_name_has_the_price() {
    let (book, _folder) = book(
        r#"
        version = "v1"
        [[model]]
        name = "gpt*"
        flat = 2
        [[model]]
        name = "gpt-5.4-mini"
        version = "v2"
        flat = 3
        [[model]]
        name = "gpt-5.4-mini"
        provider = "openai"
        flat = 4
        [[model]]
        name = "flux*"
        image = 5
        sizes = { "16:9" = 6 }
        "#,
    );
    assert_eq!(book.chat("openai", "gpt-5.4-mini").rate, flat(4));
    assert_eq!(book.chat("openai", "gpt-5.4-mini-2026-03-17").rate, flat(4));
    let other = book.chat("gemini", "gpt-5.4-mini");
    assert_eq!(other, ChatPrice::new(flat(3), Some("v2")));
    assert_eq!(book.chat("openai", "gpt-5.4-maxi"), ChatPrice::new(flat(2), Some("v1")));
    assert_eq!(book.chat("openai", "llama"), ChatPrice::new(flat(1), Some("v1")));
    // An entry for images says nothing of replies, and the other way round.
    assert_eq!(book.chat("replicate", "flux-1").rate, flat(1));
    assert_eq!(book.image("replicate", "flux-1", "16:9").0, Amount::credits(6));
    assert_eq!(book.image("replicate", "flux-1", "1:1").0, Amount::credits(5));
    assert_eq!(book.image("replicate", "gpt-image", "1:1").0, Amount::credits(2));
    assert!(!book.is_per_token());
}

#[test]
fn list_prices_are_marked_up_and_follow_the_table() {
    let (book, _folder) = book(
        r#"
        [credit]
        value = "0.01"
        markup = 25
        [[model]]
        name = "gpt-6"
        list = true
        [[model]]
        name = "*"
        list = true
        [[model]]
        name = "gemini-3.8-flash"
        list = { input = 1, output = 2 }
        "#,
    );
    assert!(book.is_per_token());
    assert_eq!(per_million(&book, "openai", "gpt-6-2027-01-01"), (156_250_000, 1_250_000_000));
    assert_eq!(per_million(&book, "gemini", "gemini-3.8-flash"), (125_000_000, 250_000_000));
    // A million of tokens each of one of a pattern, which changes with the year.
    let at = |at| match book.chat_at("gemini", "gemini-3.7-flash", at).rate {
        ChatRate::PerToken(rates) => rates.base.input,
        ChatRate::Flat(price) => panic!("{price}"),
    };
    assert_eq!(at(1), 93_750_000);
    // What no list knows has the default.
    assert_eq!(book.chat("openai", "of-mine").rate, flat(1));
}

/// As the background does, until it has come.
fn until(book: &PriceBook, is_so: impl Fn(&Reload) -> bool) -> Reload {
    for _ in 0..1000 {
        let reload = book.reload();
        if is_so(&reload) {
            return reload;
        }
        assert_eq!(reload, Reload::Unchanged);
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the file was not looked at");
}

#[test]
fn a_file_that_has_changed_holds_at_once_if_it_is_right() {
    let (book, folder) = book("[chat]\nflat = 3");
    let path = folder.path().join("prices.toml");
    let clone = book.clone();
    assert_eq!((clone.chat("openai", "x").rate, clone.reload()), (flat(3), Reload::Unchanged));
    fs::write(&path, "[chat]\nflat = 4.0").unwrap();
    until(&book, |reload| *reload == Reload::Loaded);
    assert_eq!(clone.chat("openai", "x").rate, flat(4));
    fs::write(&path, "[chat]\nflat = 0\n[imagine]").unwrap();
    let Reload::Refused(problems) = until(&book, |reload| *reload != Reload::Unchanged) else { panic!() };
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.starts_with("prices.toml:")), "{problems:?}");
    assert_eq!((clone.chat("openai", "x").rate, clone.reload()), (flat(4), Reload::Unchanged));
    fs::remove_file(&path).unwrap();
    assert!(matches!(book.reload(), Reload::Refused(_)));
    assert_eq!((clone.chat("openai", "x").rate, clone.reload()), (flat(4), Reload::Unchanged));
    fs::write(&path, "[chat]\nflat = 5").unwrap();
    assert_eq!((book.reload(), clone.chat("openai", "x").rate), (Reload::Loaded, flat(5)));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(book.reload(), Reload::Refused(_)));
    assert_eq!(book.reload(), Reload::Unchanged, "it is said once");
}

#[test]
fn a_file_that_is_named_must_be_there_and_the_default_may_come_later() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("none.toml");
    assert!(source(&path).load().unwrap_err()[0].ends_with("none.toml: is not there"));
    let mut unnamed = PriceSource::new(None, FLAT, PriceTable::default(), Vec::new());
    assert_eq!(unnamed.file.path, Path::new("prices.toml"));
    unnamed.file.path.clone_from(&path);
    let book = PriceBook::new(unnamed.clone(), unnamed.load().unwrap());
    assert_eq!((book.reload(), book.chat("openai", "x").rate), (Reload::Unchanged, flat(1)));
    fs::write(&path, "[chat]\nflat = 7").unwrap();
    assert_eq!((book.reload(), book.chat("openai", "x").rate), (Reload::Loaded, flat(7)));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(until(&book, |reload| *reload != Reload::Unchanged), Reload::Refused(_)));
    fs::write(&path, " ".repeat(1024 * 1024 + 1)).unwrap();
    assert!(matches!(book.reload(), Reload::Refused(_)));
}

#[test]
fn the_table_shows_what_models_cost() {
    let (book, _folder) = book(
        r#"
        [[model]]
        name = "gpt-6"
        input = 2.5
        cached_input = 0.25
        output = 15
        reasoning = 20
        per_call = 0.01
        tiers = [{ above = 272000, input = 5, output = 22.5 }]
        [[model]]
        name = "flux"
        image = 2
        sizes = { "16:9" = 3 }
        [[model]]
        name = "gpt*"
        flat = 1
        "#,
    );
    let configured = |provider, model: &str, is_image| Configured { provider, model: model.to_owned(), is_image };
    let table = book.table(&[
        configured("openai", "gpt-6", false),
        configured("gemini", "gemini-9", false),
        configured("openai", "image-1", true),
    ]);
    insta::assert_snapshot!(table, @r"
    PROVIDER  MODEL     CREDITS                                                                                         VERSION
    openai    gpt-6     2.5 in, 0.25 cached, 15 out, 20 thought per million, 0.01 a call; above 272000: 5 in, 22.5 out  40fd29e35f
    gemini    gemini-9  1 a reply                                                                                       590e18fd26
    openai    image-1   2 an image                                                                                      f8a7c32a5f
              flux      2 an image, 3 at 16:9                                                                           acb63b1953
    ");
    assert!(book.summary().ends_with("prices.toml, 3 models"), "{}", book.summary());
}

const PRICES: &str = r#"# The prices of our club.
[credit]
value = "0.01" # a cent
markup = 20

# The small one.
[[model]]
list = true # follows the list
name = "gpt-6"

[[model]]
name = "gpt-5.4"
list = { input = 2.50, output = "14" } # as of spring

[[model]]
name = "gpt-5.4-mini"
[model.list]
input = "0.750" # the same, written otherwise
output = "4"    # was
[[model.list.tiers]]
# long ones
above = 1_000
input = 1
output = 2

[[model]]
name = "flat"
flat = 1

[[model]]
name = "unknown"
list = { input = 1, output = 1 }

[[model]]
name = "gpt*"
list = true
"#;

const CATALOGUE: &str = r#"{"openai": {"models": {
  "gpt-6": {"cost": {"input": 1.5, "output": 10, "cache_read": 0.15}},
  "gpt-5.4": {"cost": {"input": 2.5, "output": 15, "cache_read": 0.25,
    "tiers": [{"tier": {"size": 272000}, "input": 5, "output": 22.5}]}},
  "gpt-5.4-mini": {"cost": {"input": 0.75, "output": 4.5, "tiers": [{"tier": {"size": 1000}, "input": 1, "output": 3}]}},
  "flat": {"cost": {"input": 1, "output": 1}},
  "gpt-7": {"cost": {"input": 1, "output": 1}}}}}"#;

fn plan(book: &PriceBook, catalogue: &str) -> Plan {
    let configured = |model: &str, is_image| Configured { provider: "openai", model: model.to_owned(), is_image };
    let configured = [configured("gpt-7", false), configured("gpt-6", false), configured("gpt-image", true)];
    let here = Here { prices: &book.prices(), list: book.source().list(), configured: &configured, now: 1 };
    Plan::new(&Catalogue::parse(catalogue).unwrap(), here, None)
}

#[test]
fn what_a_catalogue_changes_is_shown() {
    let (book, _folder) = book(PRICES);
    let plan = plan(&book, CATALOGUE);
    insta::assert_snapshot!(plan.table(), @r"
    models.dev: 5 of 6 models, in USD for a million tokens.

    MODEL         AT      INPUT       CACHED    WRITTEN  1H  OUTPUT   THOUGHT  TIERS
    gpt-6         openai  1.25 → 1.5  – → 0.15  –        –   10       –        –                      changes
    gpt-5.4       openai  2.5         – → 0.25  –        –   14 → 15  –        – → 272000: 5/22.5     changes
    gpt-5.4-mini  openai  0.75        –         –        –   4 → 4.5  –        1000: 1/2 → 1000: 1/3  changes
    flat          openai  – → 1       –         –        –   – → 1    –        –                      is not written: its price in the file is in credits
    unknown               1           –         –        –   1        –        –                      is not in the catalogue
    gpt-7         openai  – → 1       –         –        –   – → 1    –        –                      is not written: the file does not name it
    ");
    assert_eq!(plan.changes(), 3);
}

#[test]
fn what_a_catalogue_changes_is_written_and_nothing_else() {
    let (book, folder) = book(PRICES);
    let path = folder.path().join("prices.toml");
    let new = plan(&book, CATALOGUE).apply(PRICES).unwrap();
    insta::assert_snapshot!(new, @r#"
    # The prices of our club.
    [credit]
    value = "0.01" # a cent
    markup = 20

    # The small one.
    [[model]]
    list = { input = "1.5", cached_input = "0.15", output = "10" } # follows the list
    name = "gpt-6"

    [[model]]
    name = "gpt-5.4"
    list = { input = 2.50, output = "15", cached_input = "0.25", tiers = [{ above = 272000, input = "5", output = "22.5" }] } # as of spring

    [[model]]
    name = "gpt-5.4-mini"
    [model.list]
    input = "0.750" # the same, written otherwise
    output = "4.5"    # was
    [[model.list.tiers]]
    # long ones
    above = 1_000
    input = 1
    output = "3"

    [[model]]
    name = "flat"
    flat = 1

    [[model]]
    name = "unknown"
    list = { input = 1, output = 1 }

    [[model]]
    name = "gpt*"
    list = true
    "#);
    exchange(&path, PRICES, &new).unwrap();
    assert_eq!(until(&book, |reload| *reload != Reload::Unchanged), Reload::Loaded);
    // 1.5 dollars and a fifth of it, in cents.
    assert_eq!(per_million(&book, "openai", "gpt-6"), (180_000_000, 1_200_000_000));
    let again = plan(&book, CATALOGUE);
    assert_eq!((again.changes(), again.apply(&new).unwrap()), (0, new));
}

#[test]
fn a_file_of_another_currency_is_not_written() {
    let (book, _folder) = book(
        "[credit]\nvalue = 1\ncurrency = \"EUR\"\n[[model]]\nname = \"gpt-6\"\nlist = { input = 1, output = 1 }\n",
    );
    let plan = plan(&book, CATALOGUE);
    assert_eq!(plan.changes(), 0);
    assert!(plan.apply("").is_err() && plan.table().contains("in EUR"), "{}", plan.table());
}

#[test]
fn a_file_is_exchanged_whole_or_not_at_all() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = TempDir::new().unwrap();
    let (path, link) = (folder.path().join("prices.toml"), folder.path().join("link.toml"));
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&path, &link).unwrap();
    let refused = exchange(&path, "older", "new").unwrap_err();
    assert!(refused.to_string().contains("changed meanwhile"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    exchange(&link, "old", "new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
}
