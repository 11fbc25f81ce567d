//! What the interface says, in each of its languages.
//!
//! The texts are compiled into the server, which checks that none is missing in any language. The browser has none of
//! them in its WASM: the document brings those of its language (`document/shell.rs`). A new language is one file like
//! `en.rs`, a line in each `match` of `language.rs`, one in `request.rs` and one in `document/head.rs`.

#[cfg(not(feature = "ssr"))]
mod browser;
#[cfg(feature = "ssr")]
mod day;
#[cfg(feature = "ssr")]
mod en;
mod language;
#[cfg(feature = "ssr")]
mod request;
mod text;
#[cfg(feature = "ssr")]
mod zh;

#[cfg(not(feature = "ssr"))]
pub use browser::{current_language, t};
#[cfg(feature = "ssr")]
pub use day::day_text;
pub use language::Language;
#[cfg(feature = "ssr")]
pub use request::{current_language, in_language, in_language_here, t, texts_of_the_app};
pub use text::Text;

/// Where the document has the texts, one a line.
pub const TEXTS_ID: &str = "texts";
/// The cookie that holds [`Language::code`], once somebody has chosen.
pub const LANGUAGE_COOKIE: &str = "language";

/// A text with values in the place of their names.
#[must_use]
pub fn fill(text: Text, values: &[(&str, &str)]) -> String {
    put(t(text), values)
}

/// A text in the form for a number, which stands in the place of `{count}`.
#[must_use]
pub fn count(text: Text, number: u64) -> String {
    put(form_for(text, number), &[("count", &grouped(number))])
}

/// A text in the form for a number that is written already, as in `0.25`; it stands in the place of `{count}`.
#[must_use]
pub fn count_written(text: Text, number: &str) -> String {
    put(form_for_written(text, number), &[("count", number)])
}

/// The form of a text for a number that is written already. One with a fraction is never one.
#[must_use]
pub fn form_for_written(text: Text, number: &str) -> &'static str {
    form_for(text, if number == "1" { 1 } else { 2 })
}

/// Two sentences, one after the other: after a full stop in Chinese there is no space.
#[must_use]
pub fn sentences(first: &str, second: &str) -> String {
    let between = if first.ends_with('。') { "" } else { " " };
    [first, between, second].concat()
}

/// `1,234,567`: digits in groups of three, the same in every language.
#[must_use]
pub fn grouped(number: u64) -> String {
    let mut text = number.to_string();
    let mut at = text.len();
    while at > 3 {
        at -= 3;
        text.insert(at, ',');
    }
    text
}

/// The form of a text for a number, by the rule that the language names (CLDR, "Language Plural Rules").
#[must_use]
pub fn form_for(text: Text, number: u64) -> &'static str {
    let forms = t(text);
    match (t(Text::PluralRule), forms.split_once('|')) {
        ("one, other", Some((one, other))) => {
            if number == 1 {
                one
            } else {
                other
            }
        }
        _ => forms,
    }
}

fn put(template: &str, values: &[(&str, &str)]) -> String {
    let (mut filled, mut rest) = (String::new(), template);
    while let Some((before, (name, after))) = rest.split_once('{').and_then(|(b, r)| Some((b, r.split_once('}')?))) {
        filled.push_str(before);
        filled.push_str(values.iter().find(|(known, _)| *known == name).map_or(name, |(_, value)| value));
        rest = after;
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use strum::VariantArray;

    use super::*;

    fn names(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn every_language_says_everything_with_the_same_values_and_enough_forms() {
        for text in Text::VARIANTS {
            for language in Language::ALL {
                let said = request::say(language, *text);
                assert!(!said.trim().is_empty(), "{text:?} in {language:?}");
                // Lines of a list, in an element of its own.
                assert!(!said.contains(['\n', '<']), "{text:?} in {language:?}");
                let forms = said.split('|');
                let has_forms = request::say(Language::En, *text).contains('|') && *text != Text::Months;
                let needed = request::say(language, Text::PluralRule).split(", ").count();
                assert!(!has_forms || forms.clone().count() == needed, "{text:?} in {language:?}");
                for form in forms {
                    assert_eq!(
                        names(form),
                        names(request::say(Language::En, *text).split('|').next().unwrap()),
                        "{text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_thing_has_one_word_in_chinese() {
        // They are 你, 账户, 积分, 词元, 服务商, 退款凭证 and 归档文件.
        for text in Text::VARIANTS {
            let said = request::say(Language::Zh, *text);
            for other in ["您", "账号", "点数", " token", "供应商", "贷记", "存档"] {
                assert!(!said.contains(other), "{text:?}: {said}");
            }
        }
    }

    #[test]
    fn nobody_is_called_whoever() {
        for text in Text::VARIANTS {
            let said = request::say(Language::En, *text);
            assert!(!said.to_lowercase().contains("whoever"), "{text:?}: {said}");
        }
    }

    /// What lies in `i18n` and is no table of texts.
    const NO_TABLES: [&str; 5] = ["mod.rs", "browser.rs", "day.rs", "language.rs", "request.rs"];

    /// The sources without the tables of texts, without tests.
    fn sources(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, all);
            } else if !folder.ends_with("i18n") || NO_TABLES.iter().any(|file| path.ends_with(file)) {
                let source = std::fs::read_to_string(path).unwrap_or_default();
                all.push_str(source.split("#[cfg(test)]\nmod tests").next().unwrap());
            }
        }
    }

    #[test]
    fn every_text_is_said_somewhere() {
        let mut all = String::new();
        sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut all);
        let named = all.split("Text::").skip(1);
        let named: BTreeSet<&str> =
            named.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next()).collect();
        let unsaid: Vec<_> = Text::VARIANTS.iter().filter(|text| !named.contains(&*format!("{text:?}"))).collect();
        assert!(unsaid.is_empty(), "{unsaid:?}");
    }

    #[test]
    fn values_stand_where_their_names_are() {
        assert_eq!(put("{b} of {a}: {c}", &[("a", "1"), ("b", "2")]), "2 of 1: c");
        assert_eq!(put("no name", &[]), "no name");
    }

    #[tokio::test]
    async fn a_number_takes_its_form() {
        assert_eq!([0, 1, 2].map(|number| count(Text::CreditsCount, number)), ["0 credits", "1 credit", "2 credits"]);
        let chinese = in_language(Language::Zh, async { [1, 2].map(|number| count(Text::CreditsCount, number)) }).await;
        assert_eq!(chinese, ["1 积分", "2 积分"]);
        assert_eq!(count(Text::CreditsCount, 12_345), "12,345 credits");
    }
}
