//! What an operator may write, and what is said of what cannot be right.

use super::*;
use crate::credits::server::prices::{Rates, Tier, TokenRates};

const PROVIDERS: [&str; 4] = ["gemini", "local", "openai", "replicate"];
const FLAT: FlatPrices = FlatPrices { chat: Amount::credits(1), image: Amount::credits(2) };

fn parse(text: &str) -> Result<PriceFile, Vec<String>> {
    let list = PriceTable::parse("free*=0/0, freebie=0/0").unwrap();
    PriceFile::parse(text, "prices.toml", Known { flat: FLAT, list: &list, providers: &PROVIDERS, now: 1 })
}

/// Every problem of a text, a line each.
fn problems(text: &str) -> String {
    parse(text).unwrap_err().join("\n")
}

fn rates(input: u64, cached_input: u64, output: u64, reasoning: u64) -> Rates {
    Rates { input, cached_input, cache_write: input, cache_write_1h: None, output, reasoning }
}

#[test]
fn an_empty_file_has_the_prices_of_the_variables() {
    assert_eq!(parse("").unwrap(), PriceFile::flat(FLAT));
    assert!(!parse("").unwrap().is_per_token());
}

/// That of the documentation.
#[test]
fn the_example_of_the_documentation_is_right() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DEPLOYMENT.md")).unwrap();
    let example = docs.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let read = parse(example).unwrap();
    assert!(read.models.len() >= 5 && read.is_per_token(), "{read:?}");
}

#[test]
fn prices_are_read_exactly_however_they_are_written() {
    let read = parse(
        r#"
        version = "2026-11"
        [credit]
        value = 0.01
        markup = "12.5"
        [chat]
        input = 0.1
        output = 3e-1
        [image]
        flat = 2.50
        sizes = { "16:9" = "3", large = 1_000 }
        [[model]]
        name = "a"
        flat = 0.000001
        image = 1
        [[model]]
        name = "b"
        provider = "openai"
        version = "b.1"
        input = 2.5
        cached_input = 9
        output = "15"
        reasoning = 20
        per_call = 0.01
        tiers = [{ above = 200_000, input = 5, output = 22.5 }, { above = "272000", input = 6, output = 1, reasoning = 2 }]
        "#,
    )
    .unwrap();
    assert_eq!(read.version.as_deref(), Some("2026-11"));
    assert_eq!(read.credit, Some(Credit { value: 10_000, currency: "USD".to_owned(), markup: 12_500_000 }));
    let plain = |rates| ChatRule::PerToken(TokenRates { base: rates, per_call: Amount::ZERO, tiers: Vec::new() });
    assert_eq!(read.chat, plain(rates(100_000, 100_000, 300_000, 300_000)));
    assert_eq!(read.image.default.to_string(), "2.5");
    assert_eq!(read.image.sizes["16:9"], Amount::credits(3));
    assert_eq!(read.image.sizes["large"], Amount::credits(1000));
    assert_eq!(read.models[0].chat, Some(ChatRule::Flat(Amount::LEAST)));
    assert_eq!(read.models[0].image.as_ref().unwrap().default, Amount::credits(1));
    let tier = |above_input_tokens, rates| Tier { above_input_tokens, rates };
    assert_eq!(
        read.models[1].chat,
        Some(ChatRule::PerToken(TokenRates {
            base: rates(2_500_000, 9_000_000, 15_000_000, 20_000_000),
            per_call: Amount::from_micros(10_000),
            tiers: vec![
                tier(200_000, rates(5_000_000, 5_000_000, 22_500_000, 22_500_000)),
                tier(272_000, rates(6_000_000, 6_000_000, 1_000_000, 2_000_000)),
            ],
        }))
    );
    assert_eq!((read.models[1].version.as_deref(), read.models[1].provider.as_deref()), (Some("b.1"), Some("openai")));
}

#[test]
fn a_list_price_is_known_or_given() {
    let read = parse(
        r#"
        [credit]
        value = "0.01"
        [[model]]
        name = "gpt-5.4-mini"
        list = true
        [[model]]
        name = "mine"
        list = { input = "0.75", output = "4.50", cached_input = 0.075, tiers = [{ above = 9, input = 1, output = 2 }] }
        per_call = 1
        [[model]]
        name = "*"
        list = true
        [[model]]
        name = "theirs"
        [model.list]
        input = 1
        output = 2
        [[model.list.tiers]]
        above = 5
        input = 3
        output = 4
        "#,
    )
    .unwrap();
    let known = |rule: &Option<ChatRule>| match rule {
        Some(ChatRule::List { price, .. }) => price.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((known(&read.models[0].chat), known(&read.models[2].chat)), (None, None));
    let given = known(&read.models[1].chat).unwrap();
    assert_eq!((given.rates.input, given.rates.cached_input, given.rates.output), (750_000, Some(75_000), 4_500_000));
    assert_eq!(given.tiers[0].above_input_tokens, 9);
    assert_eq!(known(&read.models[3].chat).unwrap().tiers.len(), 1);
}

#[test]
fn a_file_that_is_no_toml_is_named_with_its_lines() {
    insta::assert_snapshot!(problems("[chat\nflat = 1\n[image]\nflat =\n"), @r"
    prices.toml:1: unclosed table, expected `]`
    prices.toml:4: string values must be quoted, expected literal string
    ");
    insta::assert_snapshot!(problems("[chat]\nflat = 1\nflat = 2\n"), @r"
    prices.toml:3: duplicate key
    ");
}

#[test]
fn every_problem_of_the_sections_is_named_at_once() {
    insta::assert_snapshot!(problems(
        r#"
version = "two words"
currency = "USD"
model = 3
[credit]
currency = "dollars"
markup = -5
rate = 2
[chat]
flat = 0
input = 1
list = true
[image]
flat = -2
sizes = { "16:9" = 0, "1:1" = "cheap", " 4:3" = 1 }
[images]
flat = 1
"#
    ), @r#"
    prices.toml:2: version: "two words" is not a name of letters, digits, dots, hyphens and underscores, at most 32 of them
    prices.toml:3: currency: is not one of version, credit, chat, image, model
    prices.toml:4: model: is not a list of tables: write [[model]]
    prices.toml:5: credit: value is missing: what one credit is worth, such as value = "0.01"
    prices.toml:6: credit: currency: "dollars" is not a currency of three letters, such as USD
    prices.toml:7: credit: markup: -5 is not a number of percent, 0 or more
    prices.toml:8: credit: rate: is not one of value, currency, markup
    prices.toml:9: chat: output is missing: a number of credits above 0 (for a million tokens)
    prices.toml:10: chat: flat: 0 is not a number of credits above 0
    prices.toml:10: chat: flat: the price is flat, and there is one per token (input): keep one of them
    prices.toml:12: chat: list: is not one of flat, input, cached_input, cache_write, cache_write_1h, output, reasoning, per_call, tiers
    prices.toml:14: image: flat: -2 is not a number of credits above 0
    prices.toml:15: image: sizes:  4:3: is not the name of a size, such as "16:9"
    prices.toml:15: image: sizes: 16:9: 0 is not a number of credits above 0
    prices.toml:15: image: sizes: 1:1: "cheap" is not a number of credits above 0
    prices.toml:16: images: is not one of version, credit, chat, image, model
    "#);
}

#[test]
fn every_problem_of_the_models_is_named_at_once() {
    insta::assert_snapshot!(problems(
        r#"
[[model]]
flat = 1
[[model]]
name = "a"
[[model]]
name = "a*b"
flat = 1
[[model]]
name = "b"
flat = 1
input = 1
[[model]]
name = "c"
input = 1
cached = 0.5
[[model]]
name = "d"
input = 0
output = -1
reasoning = nan
per_call = 1.0000001
[[model]]
name = "e"
provider = "opnai"
input = 1
output = 1
tiers = [
  { above = 5, input = 1, output = 1 },
  { above = 5, input = 1, output = 1 },
  { above = 3, input = 1 },
  { above = 1.5, input = 1, output = 1, cahced_input = 1 },
  7,
]
[[model]]
name = "b"
flat = 2
[[model]]
name = "b"
provider = "openai"
flat = 2
[[model]]
name = "f"
image = "2 credits"
[[model]]
name = "g"
sizes = { "1:1" = 1 }
[[model]]
name = "h"
flat = 1000000001
[[model]]
name = "i"
flat = true
[[model]]
name = "j"
version = 3
flat = 1
[[model]]
name = "gpt-5.4"
list = true
"#
    ), @r#"
    prices.toml:2: model 1: name is missing: the name of a model, or the beginning of some names with a * at its end
    prices.toml:4: model "a": has no price: write flat = 1, or input and output, or list = true, or image = 2
    prices.toml:7: model "a*b": name: is not the name of a model, or the beginning of some names with a * at its end
    prices.toml:9: model "b": output is missing: a number of credits above 0 (for a million tokens)
    prices.toml:11: model "b": flat: the price is flat, and there is one per token (input): keep one of them
    prices.toml:13: model "c": output is missing: a number of credits above 0 (for a million tokens)
    prices.toml:16: model "c": cached: is not one of name, provider, version, flat, input, cached_input, cache_write, cache_write_1h, output, reasoning, per_call, tiers, list, image, sizes
    prices.toml:19: model "d": input: 0 is not a number of credits above 0 (for a million tokens)
    prices.toml:20: model "d": output: -1 is not a number of credits above 0 (for a million tokens)
    prices.toml:21: model "d": reasoning: nan is not a number of credits above 0 (for a million tokens)
    prices.toml:22: model "d": per_call: it has more than six decimals
    prices.toml:25: model "e": provider: "opnai" is not one of gemini, local, openai, replicate
    prices.toml:28: model "e": tiers: 7 is not a table
    prices.toml:30: model "e": tier 2: above: 5 does not come after 5: tiers are in order, the lowest first
    prices.toml:31: model "e": tier 3: output is missing: a number of credits above 0 (for a million tokens)
    prices.toml:32: model "e": tier 4: above: it is not a whole number of tokens above 0
    prices.toml:32: model "e": tier 4: cahced_input: is not one of above, input, cached_input, cache_write, cache_write_1h, output, reasoning
    prices.toml:36: model "b": name: is there twice: the first one is on line 9
    prices.toml:44: model "f": image: "2 credits" is not a number of credits above 0
    prices.toml:47: model "g": sizes: image is missing: the price of all other sizes
    prices.toml:50: model "h": flat: it is at most 1000000000
    prices.toml:53: model "i": flat: true is not a number of credits above 0
    prices.toml:56: model "j": version: 3 is not a name of letters, digits, dots, hyphens and underscores, at most 32 of them
    prices.toml:60: model "gpt-5.4": list: needs a [credit] section that says what a credit is worth, such as value = "0.01"
    "#);
}

#[test]
fn every_problem_of_list_prices_is_named_at_once() {
    insta::assert_snapshot!(problems(
        r#"
[credit]
value = "0.01"
[[model]]
name = "gpt-6-of-mine"
list = true
[[model]]
name = "freebie"
list = true
[[model]]
name = "gpt-5.4"
list = true
flat = 1
output = 2
[[model]]
name = "a"
list = false
[[model]]
name = "b"
list = { input = "0.5", price = 3 }
[[model]]
name = "c"
list = { input = 0, output = 1, tiers = [{ above = 0, output = 1 }] }
"#
    ), @r#"
    prices.toml:6: model "gpt-6-of-mine": list: the list price of this model is not known: give it, as in list = { input = "0.75", output = "4.50" }, or set MODEL_PRICES
    prices.toml:9: model "freebie": list: the list price is 0, and nothing is sold for nothing: write flat = …
    prices.toml:12: model "gpt-5.4": list: the price follows the list, and there is another (flat, output): keep one of them
    prices.toml:17: model "a": list: is not true, or a table with input and output in money
    prices.toml:20: model "b": list: output is missing: an amount of money above 0 (for a million tokens)
    prices.toml:20: model "b": list: price: is not one of input, cached_input, cache_write, cache_write_1h, output, reasoning, tiers
    prices.toml:23: model "c": list: input: 0 is not an amount of money above 0 (for a million tokens)
    prices.toml:23: model "c": list: tier 1: above: it is not a whole number of tokens above 0
    prices.toml:23: model "c": list: tier 1: input is missing: an amount of money above 0 (for a million tokens)
    "#);
    insta::assert_snapshot!(problems(
        r#"
[credit]
value = 1
currency = "EUR"
[[model]]
name = "gpt-5.4"
list = true
[[model]]
name = "*"
list = true
[[model]]
name = "a"
list = { input = 1, output = 2 }
"#
    ), @r#"
    prices.toml:7: model "gpt-5.4": list: the list prices are in USD and a credit is worth EUR: give the price in EUR, as in list = { input = "0.75", output = "4.50" }
    prices.toml:10: model "*": list: the list prices are in USD and a credit is worth EUR: give the price in EUR, as in list = { input = "0.75", output = "4.50" }
    "#);
    insta::assert_snapshot!(problems("credit = 3\n[[model]]\nname = \"gpt-5.4\"\nlist = true"), @r"
    prices.toml:1: credit: 3 is not a table
    ");
}
