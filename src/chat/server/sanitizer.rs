//! The second wall against XSS: `ammonia` keeps only the HTML that we write ourselves.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use super::highlight::CLASSES;
use crate::chat::browser::markdown::links::{is_id, own_image};

static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(sanitizer);

/// The same HTML without anything that we would not write.
pub(super) fn clean(html: &str) -> String {
    SANITIZER.clean(html).to_string()
}

/// The elements of a formula: those of `MathML` Core that hold no address and no HTML.
const MATH_TAGS: [&str; 25] = [
    "annotation",
    "math",
    "mfrac",
    "mi",
    "mmultiscripts",
    "mn",
    "mo",
    "mover",
    "mpadded",
    "mphantom",
    "mprescripts",
    "mroot",
    "mrow",
    "mspace",
    "msqrt",
    "mstyle",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
];
/// What they may say of themselves.
const MATH_ATTRIBUTES: [&str; 21] = [
    "accent",
    "accentunder",
    "columnspan",
    "depth",
    "display",
    "displaystyle",
    "fence",
    "form",
    "height",
    "largeop",
    "linethickness",
    "lspace",
    "mathvariant",
    "maxsize",
    "minsize",
    "movablelimits",
    "rspace",
    "scriptlevel",
    "stretchy",
    "symmetric",
    "width",
];
/// No space in a formula is wider, in any unit that there is.
const WIDEST: f32 = 10.0;

/// Lets pass what `markdown/`, `formulas.rs` and `highlight.rs` write, and nothing else.
fn sanitizer() -> Builder<'static> {
    let tags = [
        "a",
        "blockquote",
        "br",
        "button",
        "code",
        "del",
        "div",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "img",
        "input",
        "li",
        "ol",
        "p",
        "pre",
        "semantics",
        "span",
        "strong",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ];
    let attributes: &[(&str, &[&str])] = &[
        ("a", &["href", "target"]),
        ("button", &["type", "data-copy"]),
        ("annotation", &["encoding"]),
        ("blockquote", &["dir"]),
        ("code", &["class", "dir"]),
        ("div", &["class", "dir", "tabindex"]),
        ("h3", &["class", "dir"]),
        ("h4", &["class", "dir"]),
        ("h5", &["class", "dir"]),
        ("h6", &["class", "dir"]),
        ("img", &["src", "alt", "loading"]),
        ("input", &["type", "checked", "disabled", "aria-label"]),
        ("li", &["dir"]),
        ("mtd", &["class"]),
        ("ol", &["start"]),
        ("p", &["class", "dir"]),
        ("pre", &["dir", "tabindex"]),
        ("span", &["class", "dir"]),
        ("table", &["dir"]),
        ("td", &["class"]),
        ("th", &["class", "scope"]),
    ];
    let mut attributes: HashMap<_, _> =
        attributes.iter().map(|(tag, names)| (*tag, names.iter().copied().collect::<HashSet<_>>())).collect();
    for tag in MATH_TAGS {
        attributes.entry(tag).or_default().extend(MATH_ATTRIBUTES);
    }
    let mut builder = Builder::empty();
    builder
        .tags(tags.into_iter().chain(MATH_TAGS).collect())
        .tag_attributes(attributes)
        .url_schemes(["http", "https", "mailto"].into())
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("nofollow noopener noreferrer"))
        .attribute_filter(|tag, name, value| is_ours(tag, name, value).then_some(Cow::Borrowed(value)));
    builder
}

/// Whether we would write this value. Foreign classes could dress text up as a part of the page.
fn is_ours(tag: &str, name: &str, value: &str) -> bool {
    match (tag, name) {
        ("code", "class") => value.starts_with("language-") && !value.contains(char::is_whitespace),
        ("div", "class") => matches!(value, "code-block" | "code-head" | "footnote" | "table-scroll"),
        ("p", "class") => matches!(value, "raw" | "sources"),
        ("span", "class") => value == "math" || CLASSES.iter().any(|(class, _)| *class == value),
        ("mtd" | "td" | "th", "class") => matches!(value, "left" | "center" | "right"),
        (_, "dir") => matches!(value, "auto" | "ltr"),
        ("annotation", "encoding") => value == "application/x-tex",
        (_, "class") => value.strip_prefix("heading-").is_some_and(|level| level.len() == 1),
        ("img", "src") => own_image(value).is_some(),
        ("a", "href") => value.contains(':') || value.strip_prefix("/images/").is_some_and(is_id),
        ("a", "target") => value == "_blank",
        ("button", "type") => value == "button",
        ("input", "type") => value == "checkbox",
        (_, "tabindex") => value == "0",
        _ if MATH_TAGS.contains(&tag) => {
            let number = value.trim_end_matches(|unit: char| unit.is_ascii_lowercase() || unit == '%');
            number.is_empty() || number.parse::<f32>().is_ok_and(|number| number.abs() <= WIDEST)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::clean;
    use crate::chat::browser::markdown::corpus::{ATTACKS, assert_safe};
    use crate::chat::browser::markdown::to_html;
    use crate::chat::server::highlight::to_final_html;

    #[test]
    fn what_we_write_passes_the_second_wall() {
        for text in [
            "# a\n\n### b\n\n**c** *d* ~~e~~ `f`  \ng\n\n> h\n\n---\n",
            "3. a\n\n- b\n- [x] c\n- [ ] d\n",
            "[a](https://x.example/?a=1&b=2) <ada@example.org> ![b](/api/images/0199c1d2-7f00-7000-8000-1234567890ab/file)\n",
            "| a | b | c |\n|:--|:-:|--:|\n| 1<br>2 | | 3 |\n",
            "```\ncode & <more>\n```\n\n    indented\n",
            "<div>raw</div>\n\na <b>c</b>",
        ] {
            let ours = to_html(text)
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace(" disabled", " disabled=\"\"")
                .replace(" checked", " checked=\"\"");
            let sorted = |html: &str| {
                let mut words: Vec<_> = html.replace('>', " > ").split_whitespace().map(str::to_owned).collect();
                words.sort_unstable();
                words
            };
            assert_eq!(sorted(&to_final_html(text)), sorted(&ours), "{text}");
        }
    }

    #[test]
    fn the_second_wall_holds_alone() {
        for attack in ATTACKS {
            assert_safe(&clean(attack).replace("&amp;", ""));
        }
        assert_eq!(clean("<p class=\"fixed inset-0\">x</p>"), "<p>x</p>");
    }
}
