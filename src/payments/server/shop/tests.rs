//! What an operator may write, what is said of what cannot be right, and changes while the server runs.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::platform::amount::Amount;
use crate::platform::money::{Currency, Money};
use crate::platform::time::DAY;

/// Every problem of a text, a line each.
fn problems(text: &str) -> Vec<String> {
    Catalog::parse(text, "packs.toml").unwrap_err()
}

#[test]
fn without_a_file_there_are_three_packs() {
    let catalog = Catalog::default();
    let told = |pack: &Pack| format!("{} {} for {}", pack.id, pack.total(), pack.price);
    let told: Vec<_> = catalog.packs.iter().map(told).collect();
    assert_eq!(told, ["100 100 for 5.00 USD", "500 500 for 20.00 USD", "2000 2000 for 60.00 USD"]);
    assert_eq!((catalog.refund_days, Catalog::parse("", "x").unwrap()), (14, catalog));
}

/// That of the documentation.
#[test]
fn the_example_of_the_documentation_is_right() {
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DEPLOYMENT.md")).unwrap();
    let about = docs.split("\n## Packs, taxes and receipts\n").nth(1).unwrap();
    let example = about.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let read = Catalog::parse(example, "packs.toml").unwrap();
    assert!(read.packs.len() >= 2 && !read.seller.address.is_empty() && !read.taxes.by_country.is_empty(), "{read:?}");
}

#[test]
fn a_shop_is_read_exactly_however_it_is_written() {
    let read = Catalog::parse(
        r#"
        currency = "EUR"
        [[pack]]
        id = "small-1"
        name = "小包"
        credits = 100.5
        bonus = "10"
        price = 5
        [[pack]]
        id = "jp"
        credits = 1_000
        price = "500"
        currency = "JPY"
        [seller]
        name = "Mosaic GmbH"
        address = ["Gasse 1", "8001 Zürich"]
        tax_id = "CHE-1"
        contact = "ops@example.org"
        time_zone = "Europe/Zurich"
        [tax]
        name = "VAT"
        rate = 8.1
        rates = { DE = "19", US = 0 }
        note = "Thank you."
        [refund]
        days = 0
        "#,
        "packs.toml",
    )
    .unwrap();
    let (small, yen) = (&read.packs[0], &read.packs[1]);
    assert_eq!((small.total().to_string(), small.price.to_string()), ("110.5".to_owned(), "5.00 EUR".to_owned()));
    assert_eq!((&*small.name, yen.credits), ("小包", Amount::credits(1000)));
    assert_eq!(yen.price, Money::new(500, Currency::parse("JPY").unwrap()));
    assert_eq!(["DE", "US", "FR", ""].map(|country| read.taxes.rate_in(country).0), [19_000, 0, 8_100, 8_100]);
    assert_eq!((read.seller.address.len(), read.refund_days), (2, 0));
    assert_eq!(read.seller.zone().iana_name(), Some("Europe/Zurich"));
}

#[test]
fn every_mistake_is_named_with_its_line() {
    let found = problems(
        r#"currency = "usd"
packs = 1
[seller]
address = "Main Street"
contact = "call me"
time_zone = "Mars/Base"
tax-id = "1"
[tax]
rate = 101
rates = { Germany = 19, FR = -1, IT = 8.1234 }
note = 5
[refund]
days = 1.5
hours = 3
[[pack]]
credits = 0
price = "5.001"
[[pack]]
id = "Large!"
credits = -1
bonus = "many"
price = 0
[[pack]]
id = "a"
credits = 1
price = "1.50"
currency = "JPY"
[[pack]]
id = "a"
name = ""
credits = 2_000_000
price = 99999999999999
currency = "EURO"
[[pack]]
id = "forint"
credits = 1
price = "1500.50"
currency = "HUF"
"#,
    );
    let expected = [
        (1, "currency: \"usd\" is not a currency"),
        (2, "packs: is not one of"),
        (3, "seller: name is missing"),
        (4, "seller: address: \"Main Street\" is not a list of lines"),
        (5, "seller: contact: \"call me\" is neither"),
        (6, "seller: time_zone: \"Mars/Base\" is not a time zone"),
        (7, "seller: tax-id: is not one of"),
        (9, "tax: rate: it is not a number of percent"),
        (10, "tax: rates: Germany: is not a country"),
        (10, "tax: rates: FR: -1 is not a number of percent"),
        (10, "tax: rates: IT: it is not a number of percent"),
        (11, "tax: note: 5 is not a text"),
        (13, "refund: days: it is not a whole number"),
        (14, "refund: hours: is not one of"),
        (15, "pack 1: id is missing"),
        (16, "pack 1: credits: 0 is not a number of credits above 0"),
        (17, "pack 1: price: USD has at most 2 decimals"),
        (19, "pack \"Large!\": id: \"Large!\" is not a name"),
        (20, "pack \"Large!\": credits: -1 is not a number"),
        (21, "pack \"Large!\": bonus: \"many\" is not a number"),
        (22, "pack \"Large!\": price: 0 is not an amount"),
        (26, "pack \"a\": price: JPY has no decimals"),
        (30, "pack \"a\": name: \"\" is not a text"),
        (31, "pack \"a\": credits: a pack has at most 1000000"),
        (32, "pack \"a\": price: it is too much"),
        (33, "pack \"a\": currency: \"EURO\" is not a currency"),
        (37, "pack \"forint\": price: PayPal takes HUF without decimals"),
    ];
    for (line, problem) in expected {
        let beginning = format!("packs.toml:{line}: {problem}");
        assert!(found.iter().any(|found| found.starts_with(&beginning)), "{beginning} in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");

    for (text, expected) in [
        ("pack = 1", "packs.toml:1: pack: is not a list of tables: write [[pack]]"),
        ("[[pack]]\nid = \"a\"", "packs.toml:1: pack \"a\": credits is missing"),
        ("seller = 1", "packs.toml:1: seller: 1 is not a table"),
        ("[tax]\nrate = 19", "packs.toml:1: tax: name is missing"),
        ("currency = \"EUR\"", "packs.toml:1: currency: there are no packs"),
        ("[[pack]\n", "packs.toml:1: "),
        (
            "[[pack]]\nid = \"a\"\ncredits=1\nprice=1\n[[pack]]\nid = \"a\"\ncredits=1\nprice=1",
            "packs.toml:6: pack \"a\": id: \"a\" is that",
        ),
        ("[seller]\nname = \"a\\nb\"", "packs.toml:2: seller: name: it is one line"),
    ] {
        assert!(problems(text)[0].starts_with(expected), "{text}: {:?}", problems(text));
    }
}

fn open(path: &Path) -> Shop {
    let file = DataFile::new(path.to_str(), DEFAULT_FILE);
    let (catalog, stamp) = load(&file).unwrap();
    Shop::new(file, catalog, stamp)
}

#[test]
fn a_changed_file_holds_at_once_and_a_wrong_one_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("packs.toml");
    let pack = |credits: u32| format!("[[pack]]\nid = \"one\"\ncredits = {credits}\nprice = 1\n");
    fs::write(&path, pack(1)).unwrap();
    let shop = open(&path);
    let clone = shop.clone();
    let credits = || clone.now().pack("one").unwrap().credits;
    assert_eq!((credits(), shop.reload()), (Amount::credits(1), Reload::Unchanged));
    // Another length, so that the clock of the disk does not matter.
    fs::write(&path, pack(20)).unwrap();
    assert_eq!((shop.reload(), credits()), (Reload::Loaded, Amount::credits(20)));
    fs::write(&path, pack(300) + "price = 2\n").unwrap();
    let Reload::Refused(said) = shop.reload() else { panic!() };
    assert!(said[0].starts_with("packs.toml:5: "), "{said:?}");
    assert_eq!((shop.reload(), credits()), (Reload::Unchanged, Amount::credits(20)));
    fs::remove_file(&path).unwrap();
    assert!(matches!(shop.reload(), Reload::Refused(_)));
    assert_eq!(credits(), Amount::credits(20));
    assert!(load(&DataFile::new(path.to_str(), DEFAULT_FILE)).unwrap_err()[0].ends_with("is not there"));
}

#[test]
fn plans_are_read_with_all_that_is_wrong_with_them() {
    let catalog = Catalog::default();
    let plan = &catalog.plans[0];
    let told = (&*plan.id, plan.credits, plan.price.to_string(), plan.per_minute);
    assert_eq!(told, ("plus", Amount::credits(500), "15.00 USD".to_owned(), 60));
    // Whoever says what is sold sells nothing else.
    let packs = Catalog::parse("[[pack]]\nid = \"a\"\ncredits = 1\nprice = 1", "packs.toml").unwrap();
    assert!(packs.plans.is_empty());
    let read = Catalog::parse(
        "currency = \"EUR\"\n[[pack]]\nid = \"a\"\ncredits = 1\nprice = 1\n[[plan]]\nid = \"b\"\ncredits = 20.5\nprice = \"7.50\"
         requests_per_minute = 90\npaypal_plan = \"P-5ML42\"",
        "packs.toml",
    )
    .unwrap();
    let plan = Plan {
        id: "b".into(),
        name: "20.5 credits".into(),
        credits: Amount::parse("20.5").unwrap(),
        price: Money::new(750, Currency::parse("EUR").unwrap()),
        per_minute: 90,
        provider_plan: Some("P-5ML42".into()),
    };
    assert_eq!(read.plans, [plan]);
    let wrong = problems(
        "[[plan]]\nid = \"plus\"\ncredits = 0\nprice = \"1.001\"\nrequests_per_minute = 0\npaypal_plan = \"I-1\"\ndays = 3
         [[plan]]\nid = \"plus\"\n[[pack]]\nid = \"a\"\ncredits = 1\nprice = 1\n[[plan]]\nid = \"a\"\ncredits = 1\nprice = 1",
    );
    for (line, problem) in [
        (3, "credits"),
        (4, "price"),
        (5, "requests_per_minute"),
        (6, "paypal_plan"),
        (7, "days"),
        (9, "id: \"plus\" is that of another plan"),
        (8, "plan \"plus\": credits is missing"),
        (15, "id: \"a\" is that of a pack"),
    ] {
        let is_told = |one: &String| one.starts_with(&format!("packs.toml:{line}: ")) && one.contains(problem);
        assert!(wrong.iter().any(is_told), "{line} {problem} in {wrong:#?}");
    }
}

/// Milliseconds since 1970 of a moment in UTC.
fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[test]
fn what_is_given_is_read_with_all_that_is_wrong_with_it() {
    assert_eq!(Catalog::default().offers, Offers::default());
    let read = Catalog::parse(
        "[seller]\nname = \"A\"\ntime_zone = \"Europe/Zurich\"
         [[bonus]]\nname = \"First\"\npercent = 10\nfirst_purchase = true\ndays = 30
         [[bonus]]\nname = \"Winter\"\npercent = 5.5\nprice = \"20.00\"\nfrom = 2026-12-01\nuntil = \"2026-12-24\"
         [sign_up]\nname = \"Welcome\"\ncredits = 20\ndays = 7\nuntil = 2026-12-31
         [referral]\nname = \"Thanks\"\ncredits = 50.5",
        "packs.toml",
    )
    .unwrap();
    let (small, large) = (read.pack("100").unwrap(), read.pack("500").unwrap());
    let (before, within) = (at("2026-11-30T22:59:59Z"), at("2026-11-30T23:00:00Z"));
    let (last, after) = (at("2026-12-24T22:59:59Z"), at("2026-12-24T23:00:00Z"));
    let told = |pack, now, has_bought| {
        read.offers.on_top(pack, now, has_bought).map(|on_top| format!("{} {}", on_top.credits, on_top.name))
    };
    assert_eq!(told(small, within, false).as_deref(), Some("10 First"));
    assert_eq!(told(large, within, false).as_deref(), Some("50 First"), "the largest counts");
    assert_eq!(
        [before, within, last, after].map(|now| told(large, now, true)),
        [None, Some("27.5 Winter".to_owned()), Some("27.5 Winter".to_owned()), None]
    );
    assert_eq!(told(small, within, true), None);
    assert_eq!(read.offers.on_top(large, within, true).unwrap().until, Some(after));
    assert_eq!(read.offers.sign_up(within).unwrap().lasts, Some(7 * DAY));
    assert_eq!(read.offers.sign_up(at("2026-12-31T23:00:00Z")), None);
    assert_eq!(read.offers.referral(0).unwrap().most, 10);

    let found = problems(
        "[[bonus]]\npercent = 0\nfirst_purchase = 1\nprice = \"1.001\"\nfrom = \"soon\"\nuntil = 2026-12-24T10:00:00
[[bonus]]\nname = \"B\"\npercent = 101\nfrom = 2026-12-02\nuntil = 2026-12-01\ndays = 0\nid = \"b\"
[[bonus]]\nname = \"C\"
[sign_up]\nname = \"Welcome\"\ncredits = 0\nmost = 5
[referral]\ncredits = 2000000\nmost = 101\ndays = 4000",
    );
    let expected = [
        (1, "bonus 1: name is missing"),
        (2, "bonus 1: percent: a bonus of 0"),
        (3, "bonus 1: first_purchase: it is true or false"),
        (4, "bonus 1: price: USD has at most 2 decimals"),
        (5, "bonus 1: from: it is not a day"),
        (6, "bonus 1: until: it is not a day"),
        (9, "bonus \"B\": percent: it is not a number of percent"),
        (11, "bonus \"B\": until: it ends before it begins"),
        (12, "bonus \"B\": days: it is not a whole number"),
        (13, "bonus \"B\": id: is not one of"),
        (14, "bonus \"C\": percent is missing"),
        (18, "sign_up: credits: 0 is not a number"),
        (19, "sign_up: most: is not one of"),
        (20, "referral: name is missing"),
        (21, "referral: credits: nobody is given more than"),
        (22, "referral: most: it is not a whole number"),
        (23, "referral: days: it is not a whole number"),
    ];
    for (line, problem) in expected {
        let beginning = format!("packs.toml:{line}: {problem}");
        assert!(found.iter().any(|found| found.starts_with(&beginning)), "{beginning} in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_bonus_in_a_currency_of_no_pack_is_named() {
    let bonus = |own: &str, price: &str| {
        let text = "[[pack]]\nid = \"a\"\ncredits = 1\nprice = 1\n[[pack]]\nid = \"b\"\ncredits = 1\nprice = 1\ncurrency = \"CHF\"";
        let text = format!("currency = \"EUR\"\n{text}\n[[bonus]]\nname = \"A\"\npercent = 1\n{price}\n{own}");
        Catalog::parse(&text, "packs.toml").map(|read| read.offers.bonuses.len())
    };
    let wrong =
        |line: u32, key: &str| Err(vec![format!("packs.toml:{line}: bonus \"A\": {key}: no pack has a price in USD")]);
    assert_eq!(bonus("currency = \"CHF\"", "price = 1"), Ok(1));
    assert_eq!(bonus("", "price = 1"), Ok(1));
    assert_eq!(bonus("currency = \"USD\"", "price = 1"), wrong(15, "currency"));
    assert_eq!(bonus("currency = \"USD\"", ""), wrong(15, "currency"));
    let built_in = "currency = \"USD\"\n[[bonus]]\nname = \"A\"\npercent = 1\nprice = 1";
    assert_eq!(Catalog::parse(built_in, "packs.toml").unwrap().offers.bonuses.len(), 1);
    let chosen = built_in.to_owned() + "\n[[pack]]\nid = \"a\"\ncredits = 1\nprice = 1\ncurrency = \"EUR\"";
    assert_eq!(problems(&chosen), ["packs.toml:5: bonus \"A\": price: no pack has a price in USD"]);
}
