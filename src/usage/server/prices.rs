//! What providers take for their models: a table of list prices, changed and completed by `MODEL_PRICES`.

/// Of a million tokens, in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    pub input: u64,
    pub output: u64,
    /// What is not named costs as what it is part of.
    pub cached_input: Option<u64>,
    pub cache_write: Option<u64>,
    pub cache_write_1h: Option<u64>,
}

/// What a provider says that it has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    pub input: u32,
    pub output: u32,
    /// Of the input, those that it still knew.
    pub cached_input: u32,
    /// Of the rest, those that it has put into its cache.
    pub cache_write: u32,
    /// Of those, the ones that it keeps for an hour.
    pub cache_write_1h: u32,
}

impl Price {
    /// With no others.
    #[must_use]
    pub const fn of(input: u64, output: u64) -> Self {
        Self { input, output, cached_input: None, cache_write: None, cache_write_1h: None }
    }

    /// In millionths of a US dollar, rounded to the nearest.
    #[must_use]
    pub fn cost(self, used: Tokens) -> i64 {
        let cached = used.cached_input.min(used.input);
        let written = used.cache_write.min(used.input - cached);
        let for_an_hour = used.cache_write_1h.min(written);
        let write = self.cache_write.unwrap_or(self.input);
        let cost = [
            (used.input - cached - written, self.input),
            (cached, self.cached_input.unwrap_or(self.input)),
            (written - for_an_hour, write),
            (for_an_hour, self.cache_write_1h.unwrap_or(write)),
            (used.output, self.output),
        ]
        .into_iter()
        .fold(500_000, |sum: u128, (tokens, rate)| sum + u128::from(tokens) * u128::from(rate));
        i64::try_from(cost / 1_000_000).unwrap_or(i64::MAX)
    }
}

/// Numbers of an entry of `MODEL_PRICES`.
const MOST_RATES: usize = 5;

/// 2027-01-01, in milliseconds since 1970.
const YEAR_2027: i64 = 1_798_761_600_000;

/// List prices of November 2026 for short contexts: US dollars for a million tokens, in and out (with what the model
/// thinks). From <https://ai.google.dev/gemini-api/docs/pricing> and <https://openai.com/api/pricing>. Models that are
/// not here have no price that could be confirmed: better none than a wrong one.
const LIST_PRICES: [(&str, i64, &str, &str); 17] = [
    ("gemini-3.8-flash", 0, "0.75", "3.75"),
    ("gemini-3.8-flash", YEAR_2027, "1.50", "7.50"),
    ("gemini-3.7-flash", 0, "0.75", "3.75"),
    ("gemini-3.6-flash", 0, "1.50", "7.50"),
    ("gemini-3.5-flash", 0, "1.50", "9.00"),
    ("gemini-3.5-flash-lite", 0, "0.30", "2.50"),
    ("gemini-3.1-flash-lite", 0, "0.25", "1.50"),
    ("gemini-3.1-pro-preview", 0, "2.00", "12.00"),
    ("gemini-2.5-flash", 0, "0.30", "2.50"),
    ("gemini-2.5-pro", 0, "1.25", "10.00"),
    ("gpt-5.5", 0, "5.00", "30.00"),
    ("gpt-5.4", 0, "2.50", "15.00"),
    ("gpt-5.4-mini", 0, "0.75", "4.50"),
    ("gpt-5.4-nano", 0, "0.20", "1.25"),
    ("gpt-5.2", 0, "1.75", "14.00"),
    ("gpt-4.1", 0, "2.00", "8.00"),
    ("gpt-4.1-mini", 0, "0.40", "1.60"),
];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// A model, or with `*` at its end the beginning of the names of some.
    model: String,
    /// In milliseconds since 1970.
    from: i64,
    price: Price,
}

/// The prices of models by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceTable {
    rows: Vec<Row>,
    /// Of one image each, in millionths of a US dollar.
    images: Vec<(String, u64)>,
}

impl PriceTable {
    /// The list prices, with what `text` says otherwise: `model=input/output` (and then, as far as they are known,
    /// `/cached_input/cache_write/cache_write_1h`), comma-separated, in US dollars for a million tokens, or `model=price` in US dollars for an image. A `*` at the end of a model stands for whatever
    /// follows.
    ///
    /// # Errors
    /// What is wrong with it, for the operator who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rows = Vec::new();
        let mut images: Vec<(String, u64)> = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if let Some((model, price)) = parse_image_entry(entry) {
                if images.iter().any(|(other, _)| *other == model) {
                    return Err(format!("{model:?} is there twice"));
                }
                images.push((model, price));
                continue;
            }
            let row = parse_entry(entry).ok_or_else(|| {
                format!(
                    "{entry:?} is not like gpt-5.4-mini=0.75/4.50 (dollars per million tokens) or flux=0.003 (dollars \
                     per image)"
                )
            })?;
            if rows.iter().any(|other: &Row| other.model == row.model) {
                return Err(format!("{:?} is there twice", row.model));
            }
            rows.push(row);
        }
        let own = rows.len();
        for (model, from, input, output) in LIST_PRICES {
            if rows[..own].iter().all(|row| row.model != model)
                && let (Some(input), Some(output)) = (parse_dollars(input), parse_dollars(output))
            {
                rows.push(Row { model: model.to_owned(), from, price: Price::of(input, output) });
            }
        }
        Ok(Self { rows, images })
    }

    /// The price of a model at a time (milliseconds since 1970); `None` where it is not known. A dated version of a
    /// model (`gpt-5.4-mini-2026-03-17`) costs what the model costs; the most exact name wins.
    #[must_use]
    pub fn find(&self, model: &str, at: i64) -> Option<Price> {
        let fitting = self.rows.iter().filter(|row| row.from <= at);
        let best = fitting.filter_map(|row| Some(((exactness(&row.model, model)?, row.from), row.price)));
        best.max_by_key(|(rank, _)| *rank).map(|(_, price)| price)
    }
}

impl PriceTable {
    /// What an image of a model costs, in millionths of a US dollar; `None` where it is not known.
    #[must_use]
    pub fn find_image(&self, model: &str) -> Option<i64> {
        let fitting = self.images.iter().filter_map(|(name, price)| Some((exactness(name, model)?, *price)));
        fitting.max_by_key(|(rank, _)| *rank).and_then(|(_, price)| i64::try_from(price).ok())
    }
}

/// How well a row's name fits a model's; `None`: not at all.
#[must_use]
pub fn exactness(name: &str, model: &str) -> Option<(u8, usize)> {
    if let Some(start) = name.strip_suffix('*') {
        return model.starts_with(start).then_some((0, start.len()));
    }
    let version = model.strip_prefix(name)?;
    if version.is_empty() {
        return Some((2, name.len()));
    }
    // `-2026-03-17`, `-0613`, `-001`; but `-5` after `claude-sonnet-4` is another model.
    let is_date = |date: &str| {
        let digits = date.split('-').next().unwrap_or_default().len();
        digits >= 3 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    let is_dated = version.strip_prefix('-').is_some_and(|date| date == "latest" || is_date(date));
    is_dated.then_some((1, name.len()))
}

fn parse_image_entry(entry: &str) -> Option<(String, u64)> {
    let (model, price) = entry.split_once('=')?;
    let model = model.trim();
    let is_name = !model.is_empty() && !model.contains(char::is_whitespace);
    is_name.then_some((model.to_owned(), parse_dollars(price)?))
}

fn parse_entry(entry: &str) -> Option<Row> {
    let (model, price) = entry.split_once('=')?;
    let rates = price.split('/').map(parse_dollars).collect::<Option<Vec<_>>>()?;
    let ([input, output, others @ ..], true) = (rates.as_slice(), rates.len() <= MOST_RATES) else { return None };
    let [cached_input, cache_write, cache_write_1h] = [0, 1, 2].map(|at| others.get(at).copied());
    let price = Price { cached_input, cache_write, cache_write_1h, ..Price::of(*input, *output) };
    let model = model.trim();
    let is_name = !model.is_empty() && !model.contains(char::is_whitespace);
    is_name.then(|| Row { model: model.to_owned(), from: 0, price })
}

/// Dollars as millionths, exactly: at most six digits after the point, and at most a million dollars.
fn parse_dollars(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole, 6) || !is_number(part, 6) {
        return None;
    }
    let millionths: u64 = format!("{part:0<6}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 1_000_000 + millionths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(input: u64, output: u64) -> Option<Price> {
        Some(Price::of(input, output))
    }

    #[test]
    fn dollars_become_millionths_without_rounding() {
        for (text, millionths) in
            [("0", 0), ("0.25", 250_000), ("2.50", 2_500_000), ("0.000001", 1), (" 12 ", 12_000_000), ("0.075", 75_000)]
        {
            assert_eq!(parse_dollars(text), Some(millionths), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000001", "1234567", "1,5", "1.2.3", "١"] {
            assert_eq!(parse_dollars(text), None, "{text}");
        }
    }

    #[test]
    fn a_cost_is_rounded_to_the_nearest_millionth() {
        let used = |input, output| Tokens { input, output, ..Tokens::default() };
        let price = Price::of(250_000, 2_000_000);
        assert_eq!(price.cost(used(1_000_000, 1_000_000)), 2_250_000);
        assert_eq!((price.cost(used(1, 0)), price.cost(used(2, 0)), price.cost(used(3, 1))), (0, 1, 3));
        assert_eq!(Price::of(u64::MAX, u64::MAX).cost(used(u32::MAX, u32::MAX)), i64::MAX);
    }

    #[test]
    fn what_is_cached_costs_as_the_provider_takes_it() {
        let used = Tokens { input: 1000, output: 100, cached_input: 300, cache_write: 400, cache_write_1h: 100 };
        let cost = |prices: &str| {
            PriceTable::parse(&format!("claude={prices}")).unwrap().find("claude", 1).unwrap().cost(used)
        };
        assert_eq!(cost("1/5"), 1500);
        assert_eq!(cost("1/5/0.1"), 1230);
        assert_eq!(cost("1/5/0.1/1.25"), 1330);
        assert_eq!(cost("1/5/0.1/1.25/2"), 1405);
        // No more is cached than there is.
        let all = Tokens { cached_input: 5000, ..used };
        assert_eq!(PriceTable::parse("claude=1/5/0.1/1.25").unwrap().find("claude", 1).unwrap().cost(all), 600);
    }

    #[test]
    fn a_model_has_the_price_of_the_most_exact_name() {
        let table = PriceTable::parse("gpt-5.4-mini=1/2, llama*=0/0, llama-3*=0.1/0.2").unwrap();
        assert_eq!(table.find("gpt-5.4-mini", 1), price(1_000_000, 2_000_000));
        assert_eq!(table.find("gpt-5.4-mini-2026-03-17", 1), price(1_000_000, 2_000_000));
        assert_eq!(table.find("gpt-5.4", 1), price(2_500_000, 15_000_000));
        assert_eq!(table.find("gpt-5.4-maxi", 1), None, "another model is not a version");
        for other in ["gpt-5.4-5", "gpt-5.4-4-8", "gpt-5.4-10", "gpt-5.4-"] {
            assert_eq!(table.find(other, 1), None, "{other} is a model of its own");
        }
        for dated in ["gpt-5.4-001", "gpt-5.4-0613", "gpt-5.4-20260317", "gpt-5.4-latest"] {
            assert_eq!(table.find(dated, 1), table.find("gpt-5.4", 1), "{dated}");
        }
        assert_eq!(table.find("llama-2", 1), price(0, 0));
        assert_eq!(table.find("llama-3.3-70b", 1), price(100_000, 200_000));
        assert_eq!(table.find("fake-model", 1), None);
    }

    #[test]
    fn a_price_may_change_with_the_year() {
        let table = PriceTable::parse("").unwrap();
        assert_eq!(table.find("gemini-3.8-flash", YEAR_2027 - 1), price(750_000, 3_750_000));
        assert_eq!(table.find("gemini-3.8-flash", YEAR_2027), price(1_500_000, 7_500_000));
        let own = PriceTable::parse("gemini-3.8-flash=1/1").unwrap();
        assert_eq!(
            own.find("gemini-3.8-flash", YEAR_2027),
            price(1_000_000, 1_000_000),
            "the operator's always counts"
        );
    }

    #[test]
    fn an_image_has_a_price_of_its_own() {
        let table = PriceTable::parse("black-forest-labs/*=0.025, black-forest-labs/flux-schnell=0.003").unwrap();
        assert_eq!(table.find_image("black-forest-labs/flux-schnell"), Some(3000));
        assert_eq!(table.find_image("black-forest-labs/flux-dev"), Some(25_000));
        assert_eq!(table.find_image("gpt-5.4-mini"), None);
    }

    #[test]
    fn what_is_wrong_with_a_table_is_said() {
        for text in [
            "gpt",
            "gpt=",
            "gpt=1/x",
            "flux=1,flux=2",
            "=1/2",
            "a b=1/2",
            "gpt=1/2,gpt=3/4",
            "gpt=1/-2",
            "gpt=1/2/",
            "gpt=1/2/3/4/5/6",
        ] {
            assert!(PriceTable::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_list_price_is_a_price() {
        let table = PriceTable::parse("").unwrap();
        assert_eq!(table.rows.len(), LIST_PRICES.len());
    }
}
