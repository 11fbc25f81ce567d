//! The final HTML of an answer, made once on the server: as in `markdown/`, with coloured code and typeset formulas, and then
//! through the second wall of `sanitizer.rs`.
//!
//! Colours are classes (style/highlight.css), as the CSP forbids inline styles. There are few of them, and short: the
//! scopes of the grammar would make the HTML five times as long.
//!
//! Measured (release, the test `what_the_grammars_cost`): the grammars take 8 MiB and 28 ms with the first code block,
//! each further language 2 to 12 MiB and 20 to 80 ms for its regular expressions, a block of a known language 0.3 ms.
//! So they are loaded when first needed, and loaded anew once `MAX_LANGUAGES` have gathered.
//!
//! This is CPU work of milliseconds: call it where blocking is allowed.

use std::cell::OnceCell;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use syntect::highlighting::{
    Color, HighlightIterator, HighlightState, Highlighter, ScopeSelectors, StyleModifier, Theme, ThemeItem,
    ThemeSettings,
};
use syntect::parsing::{ParseState, ScopeStack, SyntaxReference, SyntaxSet};
use syntect::util::LinesWithEndings;

use super::formulas;
use super::sanitizer::clean;
use crate::chat::browser::markdown::{Formula, Special, escape, to_html_with};

/// Longer lines stay plain: grammars take quadratic time on some, and nobody reads them.
const MAX_LINE_BYTES: usize = 2_000;
/// What all the code of one answer may take to colour, and all its formulas to typeset; what is left then stays plain.
const MAX_TIME: Duration = Duration::from_millis(300);

/// Class, and the scopes that get it.
pub(super) const CLASSES: &[(&str, &str)] = &[
    ("c", "comment, punctuation.definition.comment"),
    ("s", "string, punctuation.definition.string, constant.character.escape, markup.raw"),
    ("n", "constant, markup.list"),
    ("k", "keyword, storage, variable.language, punctuation.definition.keyword, markup.heading"),
    (
        "t",
        "entity.name.type, entity.name.class, entity.name.struct, entity.name.enum, entity.name.namespace, \
           support.type, support.class, storage.type.primitive",
    ),
    (
        "f",
        "entity.name.function, support.function, variable.function, entity.name.macro, support.macro, meta.annotation",
    ),
    (
        "a",
        "entity.name.tag, entity.other.attribute-name, variable.parameter, meta.mapping.key string, \
           support.type.property-name",
    ),
    ("i", "markup.inserted"),
    ("d", "markup.deleted, invalid"),
];

/// What people and models call a language that the grammars know by another name.
const ALIASES: &[(&str, &str)] = &[
    ("console", "bash"),
    ("csharp", "cs"),
    ("docker", "dockerfile"),
    ("golang", "go"),
    ("jsonc", "json"),
    ("jsx", "js"),
    ("mjs", "js"),
    ("node", "js"),
    ("objc", "m"),
    ("postgresql", "sql"),
    ("python3", "py"),
    ("shell", "bash"),
    ("shell-session", "bash"),
    ("sqlite", "sql"),
    ("svg", "xml"),
    ("terminal", "bash"),
];

/// How many languages' regular expressions are kept at a time. A talk about one language gains, and the memory
/// stays under 50 MiB whatever a hundred users talk about.
const MAX_LANGUAGES: usize = 4;

/// The grammars, and the names of those that were used since they were loaded.
struct Grammars {
    all: Arc<SyntaxSet>,
    used: Vec<String>,
}

static GRAMMARS: Mutex<Option<Grammars>> = Mutex::new(None);

/// Each class as a colour, because colours are what a theme can hold: the red part is its place in [`CLASSES`], from 1.
static THEME: LazyLock<Theme> = LazyLock::new(|| {
    let color = |index: usize| Color { r: u8::try_from(index).unwrap_or_default(), g: 0, b: 0, a: 0 };
    let scopes = CLASSES.iter().enumerate().filter_map(|(index, (_, scopes))| {
        let scope: ScopeSelectors = scopes.parse().ok()?;
        let style = StyleModifier { foreground: Some(color(index + 1)), ..StyleModifier::default() };
        Some(ThemeItem { scope, style })
    });
    Theme {
        scopes: scopes.collect(),
        settings: ThemeSettings { foreground: Some(color(0)), ..ThemeSettings::default() },
        ..Theme::default()
    }
});

/// The whole text as safe HTML with coloured code.
#[must_use]
pub fn to_final_html(markdown: &str) -> String {
    clean(&to_html_with(markdown, &Final::default()))
}

/// Coloured code and typeset formulas, in a time that has an end.
#[derive(Default)]
struct Final {
    code_until: OnceCell<Instant>,
    formulas_until: OnceCell<Instant>,
}

impl Special for Final {
    fn code(&self, language: &str, code: &str, html: &mut String) {
        let grammars = grammars_for(language);
        match grammars.as_ref().and_then(|all| Some((all, find(all, language)?))) {
            Some((all, grammar)) => {
                // From the first line on: loading grammars is done once, and must not cost the first text its colours.
                let until = *self.code_until.get_or_init(|| Instant::now() + MAX_TIME);
                write_colored(all, grammar, code, html, until);
            }
            None => escape(code, html),
        }
    }

    fn formula(&self, formula: &Formula, html: &mut String) {
        let until = *self.formulas_until.get_or_init(|| Instant::now() + MAX_TIME);
        match formulas::typeset(formula, until) {
            Some(mathml) => html.push_str(&mathml),
            None => formula.write_source(html),
        }
    }
}

/// Grammars that know the language; `None` when there are none.
fn grammars_for(language: &str) -> Option<Arc<SyntaxSet>> {
    if matches!(language, "" | "text" | "txt" | "plain" | "plaintext") {
        return None;
    }
    let load = || Grammars { all: Arc::new(two_face::syntax::extra_newlines()), used: Vec::new() };
    let mut loaded = GRAMMARS.lock().unwrap_or_else(PoisonError::into_inner);
    let grammars = loaded.get_or_insert_with(load);
    let name = find(&grammars.all, language)?.name.clone();
    if !grammars.used.contains(&name) {
        if grammars.used.len() == MAX_LANGUAGES {
            *grammars = load();
        }
        grammars.used.push(name);
    }
    Some(Arc::clone(&grammars.all))
}

fn find<'a>(grammars: &'a SyntaxSet, language: &str) -> Option<&'a SyntaxReference> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == language).map_or(language, |(_, name)| name);
    grammars.find_syntax_by_token(name)
}

fn write_colored(grammars: &SyntaxSet, grammar: &SyntaxReference, code: &str, html: &mut String, until: Instant) {
    let highlighter = Highlighter::new(&THEME);
    let mut grammar_state = ParseState::new(grammar);
    let mut color_state = HighlightState::new(&highlighter, ScopeStack::new());
    let mut plain = false;
    for line in LinesWithEndings::from(code) {
        plain = plain || line.len() > MAX_LINE_BYTES || Instant::now() > until;
        // A grammar that fails or must skip a line is lost for what follows.
        let operations = if plain { None } else { grammar_state.parse_line(line, grammars).ok() };
        let Some(operations) = operations else {
            plain = true;
            escape(line, html);
            continue;
        };
        let mut open = "";
        for (style, text) in HighlightIterator::new(&mut color_state, &operations, line, &highlighter) {
            let class = usize::from(style.foreground.r).checked_sub(1).and_then(|index| CLASSES.get(index));
            let class = class.map_or("", |(class, _)| class);
            // Space looks the same in every colour.
            if class != open && !text.trim().is_empty() {
                html.push_str(if open.is_empty() { "" } else { "</span>" });
                if !class.is_empty() {
                    html.push_str("<span class=\"");
                    html.push_str(class);
                    html.push_str("\">");
                }
                open = class;
            }
            escape(text, html);
        }
        html.push_str(if open.is_empty() { "" } else { "</span>" });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::browser::markdown::corpus::{ATTACKS, assert_safe, markdown};

    #[test]
    fn code_is_coloured_by_class() {
        let code = "```rust\n// hi\nfn main() { let x = \"<&>\"; }\n```\n";
        // Once before: on a busy machine, the first use of a grammar may take all the time there is.
        _ = to_final_html(code);
        let html = to_final_html(code);
        assert!(html.contains("<span class=\"c\">// hi\n</span>"), "{html}");
        assert!(html.contains("<span class=\"k\">fn </span><span class=\"f\">main</span>"), "{html}");
        assert!(html.contains("<span class=\"s\">\"&lt;&amp;&gt;\"</span>"), "{html}");
        assert!(!html.contains("style"), "{html}");
    }

    #[test]
    fn every_class_is_used_and_every_alias_known() {
        assert_eq!(THEME.scopes.len(), CLASSES.len());
        for (alias, _) in ALIASES {
            assert!(grammars_for(alias).is_some(), "{alias}");
        }
        for language in [
            "rust",
            "python",
            "javascript",
            "typescript",
            "tsx",
            "c++",
            "c#",
            "go",
            "java",
            "html",
            "css",
            "json",
            "yaml",
            "toml",
            "sql",
            "bash",
            "sh",
            "zsh",
            "diff",
            "xml",
            "php",
            "ruby",
            "swift",
            "kotlin",
            "dockerfile",
            "makefile",
            "lua",
            "r",
            "haskell",
            "nix",
            "zig",
            "elixir",
            "scala",
            "markdown",
            "ini",
            "perl",
            "dart",
        ] {
            assert!(grammars_for(language).is_some(), "{language}");
        }
    }

    #[test]
    fn attacks_stay_text() {
        for attack in ATTACKS {
            assert_safe(&to_final_html(attack));
        }
    }

    #[test]
    fn endless_lines_and_long_code_end_in_time() {
        let started = Instant::now();
        let line = format!("```js\n{}\n```\n", "(".repeat(100_000));
        let long = format!("```rust\n{}```\n", "fn f(a: &str) -> Vec<u8> { a.bytes().collect() }\n".repeat(20_000));
        assert!(to_final_html(&line).contains("(((("));
        assert!(to_final_html(&long).matches("fn").count() >= 20_000);
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    /// Prints what the module docs speak of; `cargo test what_the_grammars_cost -- --nocapture --ignored` alone.
    #[test]
    #[ignore = "a measurement"]
    fn what_the_grammars_cost() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            status.lines().find(|line| line.starts_with("VmRSS")).unwrap().replace("VmRSS:", "")
        };
        println!("before {}", resident());
        for text in [
            "*hi*",
            "```rust\nfn main() {}\n```",
            "```rust\nfn main() {}\n```",
            "```python\ndef f(): pass\n```",
            "```js\nlet a = 1;\n```",
            "```html\n<p>\n```",
            "```cpp\nint a;\n```",
            "```sql\nselect 1\n```",
            "```bash\nls\n```",
        ] {
            let started = Instant::now();
            let _ = to_final_html(text);
            println!("{text:?} {:?} {}", started.elapsed(), resident());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_is_written_is_safe(text in markdown()) {
            assert_safe(&to_final_html(&text));
        }

        #[test]
        fn any_code_is_kept(code in "[a-z(){}\\[\\]\"'<>&;/* \n]{0,200}") {
            let html = to_final_html(&format!("````rust\n{code}\n````\n"));
            let start = html.find("<code").unwrap();
            let mut text = String::new();
            let mut in_tag = false;
            for character in html[start..].chars() {
                match character {
                    '<' => in_tag = true,
                    '>' => in_tag = false,
                    other if !in_tag => text.push(other),
                    _ => {}
                }
            }
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            prop_assert_eq!(text.trim(), code.trim());
        }
    }
}
