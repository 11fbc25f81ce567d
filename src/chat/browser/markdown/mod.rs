//! Markdown of a model as safe HTML, on both targets: stored, shared, and while an answer streams in.
//!
//! Nothing a model writes reaches the page as HTML: every tag is one of ours, and raw HTML becomes text. It needs
//! no inline style, which the CSP forbids. The writer is our own because that of pulldown-cmark aligns tables with
//! inline styles and passes raw HTML, `javascript:` links and foreign images through.
//! Highlighted code, typeset formulas (`highlight.rs`) and the second wall against XSS (`sanitizer.rs`) are on the server only.
//!
//! What a text means is found out in one place for all: `pieces.rs`, with `fences.rs`, `math.rs` and `emphasis.rs`. Where it
//! differs from `CommonMark` and why is listed with the examples of both specifications (`specification.rs`).

#[cfg(test)]
pub(crate) mod corpus;
mod emphasis;
mod fences;
pub(in crate::chat) mod links;
mod math;
mod pieces;
#[cfg(test)]
mod specification;
mod writer;

pub use fences::closed;
pub use math::Formula;
use pieces::Prepared;
pub use writer::Special;
pub(in crate::chat) use writer::escape;

/// The whole text as safe HTML.
#[must_use]
pub fn to_html(markdown: &str) -> String {
    to_html_with(markdown, &Plain)
}

/// The same for what is still being written: what its last line is to be is shown once that is known, and a formula
/// is its source from its first character on.
#[must_use]
pub fn unfinished_to_html(markdown: &str) -> String {
    writer::write(&Prepared::new(&markdown[..decided(markdown)], true), &Plain)
}

/// The same, with the content of code and formulas written by `special`.
pub(in crate::chat) fn to_html_with(markdown: &str, special: &dyn Special) -> String {
    writer::write(&Prepared::new(markdown, false), special)
}

/// Where the last block of an unfinished text begins. All before it is final: whatever is written after this text,
/// the blocks before stay what they are (save for links whose address is only given further down).
///
/// Only whole lines count, because the beginning of a line can still become anything: `2` a new paragraph, `2. two`
/// the next item of the list above.
#[must_use]
pub fn last_block(markdown: &str) -> usize {
    let whole_lines = markdown.rfind('\n').map_or(0, |end| end + 1);
    Prepared::new(&markdown[..whole_lines], true).last_block()
}

/// How much of an unfinished text is no guess: a last line of `-`, `=`, `*` and the like can be a rule, make the text above it
/// a heading, or be the beginning of an item or of bold text.
fn decided(markdown: &str) -> usize {
    let start = markdown.rfind('\n').map_or(0, |end| end + 1);
    let is_open = markdown[start..].bytes().all(|byte| b"-=*_+#~`|:> \t".contains(&byte));
    if is_open { start } else { markdown.len() }
}

/// Code and formulas as they are written.
struct Plain;

impl Special for Plain {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::corpus::{ATTACKS, assert_safe, markdown};
    use super::writer::MAX_DEPTH;
    use super::*;

    #[test]
    fn paragraphs_emphasis_and_code() {
        assert_eq!(
            to_html("Hi **you** and *me*, ~~no~~ `a < b`  \nnext"),
            "<p dir=\"auto\">Hi <strong>you</strong> and <em>me</em>, <del>no</del> <code dir=\"ltr\">a &lt; b</code><br>\nnext</p>\n"
        );
    }

    #[test]
    fn headings_leave_no_level_out() {
        assert_eq!(
            to_html("### a\n\n# b\n\n#### c\n\n## d\n"),
            "<h3 class=\"heading-3\" dir=\"auto\">a</h3>\n<h3 class=\"heading-1\" dir=\"auto\">b</h3>\n\
             <h4 class=\"heading-4\" dir=\"auto\">c</h4>\n<h4 class=\"heading-2\" dir=\"auto\">d</h4>\n"
        );
    }

    #[test]
    fn lists_and_tasks() {
        assert_eq!(
            to_html("3. a\n4. b\n\n- [x] done\n- [ ] not\n"),
            "<ol start=\"3\">\n<li dir=\"auto\">a</li>\n<li dir=\"auto\">b</li>\n</ol>\n<ul>\n\
             <li dir=\"auto\"><input type=\"checkbox\" disabled checked aria-label=\"Done\"> done</li>\n\
             <li dir=\"auto\"><input type=\"checkbox\" disabled aria-label=\"To do\"> not</li>\n</ul>\n"
        );
    }

    #[test]
    fn tables_scroll_and_align_by_class() {
        assert_eq!(
            to_html("| a | b |\n|:--|--:|\n| 1 | x<br>y |\n"),
            "<div class=\"table-scroll\" tabindex=\"0\"><table dir=\"auto\">\n\
             <thead><tr><th scope=\"col\" class=\"left\">a</th><th scope=\"col\" class=\"right\">b</th></tr></thead>\
             <tbody>\n<tr><td class=\"left\">1</td><td class=\"right\">x<br>y</td></tr>\n</tbody></table></div>\n"
        );
    }

    #[test]
    fn code_has_its_language_and_a_copy_button() {
        assert_eq!(
            to_html("```Rust,ignore\nlet x = \"<&>\";\n```\n"),
            "<div class=\"code-block\"><div class=\"code-head\"><span>rust</span>\
             <button type=\"button\" data-copy=\"code\">Copy code</button></div><pre tabindex=\"0\" dir=\"ltr\">\
             <code class=\"language-rust\">let x = &quot;&lt;&amp;&gt;&quot;;\n</code></pre></div>\n"
        );
    }

    #[test]
    fn a_language_cannot_leave_its_class() {
        for info in ["\"onload=x", "a\"><script>", "x".repeat(33).as_str(), "é"] {
            let html = to_html(&format!("```{info}\ncode\n```\n"));
            assert!(html.contains("class=\"language-text\""), "{html}");
        }
    }

    #[test]
    fn an_open_fence_is_code_already() {
        let html = to_html("```py\nprint(1)");
        assert!(html.contains("<code class=\"language-py\">print(1)"), "{html}");
        assert!(html.ends_with("</code></pre></div>\n"), "{html}");
    }

    #[test]
    fn links_are_web_and_mail_only_and_pass_nothing_on() {
        assert_eq!(
            to_html("[a](https://x.example/?a=1&b=\"2\" 'title')"),
            "<p dir=\"auto\"><a href=\"https://x.example/?a=1&amp;b=&quot;2&quot;\" target=\"_blank\" \
             rel=\"nofollow noopener noreferrer\">a</a></p>\n"
        );
        assert!(to_html("<ada@example.org>").contains("href=\"mailto:ada@example.org\""));
        assert_eq!(
            to_html("[home](/chat) [top](#top) [f](file:///etc) [x](https:/x)"),
            "<p dir=\"auto\">home top f x</p>\n"
        );
    }

    #[test]
    fn a_link_that_seems_to_lead_elsewhere_shows_its_host() {
        for (url, shown) in [
            ("https://bank.example@evil.example/x", "(evil.example)"),
            ("https://bank.example:443%2f@evil.example:8443?a", "(evil.example:8443)"),
            ("https://\u{430}pple.com/", "(%D0%B0pple.com)"),
            ("https://xn--pple-43d.com", "(xn--pple-43d.com)"),
            ("https://\u{4F8B}\u{5B50}.com", "(\u{4F8B}\u{5B50}.com)"),
            ("https://bank.example%00.evil.example", "(bank.example%00.evil.example)"),
        ] {
            let html = to_html(&format!("[bank](<{url}>)"));
            assert!(html.contains(&format!(">bank {shown}</a>")), "{html}");
        }
        for plain in ["https://example.org/@ada", "https://example.org?to=a@b", "https://example.org:8443/\u{e9}"] {
            let html = to_html(&format!("[here](<{plain}>)"));
            assert!(html.contains(">here</a>"), "{html}");
        }
    }

    const OWN: &str = "/api/images/0199c1d2-7f00-7000-8000-1234567890ab/thumbnail";

    #[test]
    fn images_of_others_are_links() {
        assert_eq!(
            to_html(&format!("![a *b*]({OWN})")),
            "<p dir=\"auto\"><a href=\"/images/0199c1d2-7f00-7000-8000-1234567890ab\" rel=\"nofollow noopener noreferrer\"><img src=\"/api/images/0199c1d2-7f00-7000-8000-1234567890ab/thumbnail\" alt=\"a b\" loading=\"lazy\"></a></p>\n"
        );
        let html = to_html(&format!("[![a]({OWN})](/images/0199c1d2-7f00-7000-8000-1234567890ab)"));
        assert_eq!(
            html.matches(
                "<a href=\"/images/0199c1d2-7f00-7000-8000-1234567890ab\" rel=\"nofollow noopener noreferrer\"><img "
            )
            .count(),
            1,
            "{html}"
        );
        let html = to_html(&format!("[![a]({OWN})](https://y.example)"));
        assert_eq!((html.matches("<a ").count(), html.contains("y.example")), (1, true), "{html}");
        for url in [
            "/api/auth/logout",
            "/images/1.png",
            "/api/images/1/file",
            "/api/images/0199c1d2-7f00-7000-8000-1234567890ab/events",
            "/api/images/0199c1d2-7f00-7000-8000-1234567890ab/file/..",
            "/api/images/../chat/0199c1d2-7f00-7000-8000-1234567890ab/file",
            "//x.example/1.png",
            "/\\x.example",
            "data:image/png;base64,AA",
            "1.png",
            "</&#9;/x.example>",
        ] {
            let html = to_html(&format!("![alt]({url})"));
            assert_eq!(html, "<p dir=\"auto\">alt</p>\n", "{url}");
        }
        let html = to_html("![alt](https://x.example/1.png)");
        assert!(html.starts_with("<p dir=\"auto\"><a href=\"https://x.example/1.png\""), "{html}");
        let html = to_html("[![alt](https://x.example/1.png)](https://y.example)");
        assert_eq!(html.matches("<a ").count(), 1, "{html}");
    }

    #[test]
    fn raw_html_is_text() {
        assert_eq!(to_html("a <b>c</b>"), "<p dir=\"auto\">a &lt;b&gt;c&lt;/b&gt;</p>\n");
        assert_eq!(to_html("<div>\nx\n</div>\n"), "<p class=\"raw\" dir=\"auto\">&lt;div&gt;\nx\n&lt;/div&gt;\n</p>\n");
    }

    #[test]
    fn no_tree_is_too_deep() {
        let html = to_html(&format!("{}deep", "> ".repeat(5000)));
        assert!(html.matches("<blockquote dir=\"auto\">").count() <= MAX_DEPTH);
        assert!(html.contains("deep"));
        assert_eq!(html.matches("<blockquote dir=\"auto\">").count(), html.matches("</blockquote>").count());
    }

    /// How each is read, stored and while it streams: paragraphs without their tags.
    const MEANT: &[(&str, &str)] = &[
        ("**注意：**请先备份", "<strong>注意：</strong>请先备份"),
        ("**注意：**请先**备份**。", "<strong>注意：</strong>请先<strong>备份</strong>。"),
        ("参见**「附录」**部分", "参见<strong>「附录」</strong>部分"),
        ("叫做**“缓存”**。", "叫做<strong>“缓存”</strong>。"),
        ("**50%**的人", "<strong>50%</strong>的人"),
        ("**`ls`**命令", "<strong><code dir=\"ltr\">ls</code></strong>命令"),
        ("**요금(월)**은 무료", "<strong>요금(월)</strong>은 무료"),
        ("これは**「強調」**です", "これは<strong>「強調」</strong>です"),
        ("*（注）*请看", "<em>（注）</em>请看"),
        ("**完成✅**后", "<strong>完成✅</strong>后"),
        ("**说“好”**的人", "<strong>说“好”</strong>的人"),
        ("（**重要**）和**（次要）**等", "（<strong>重要</strong>）和<strong>（次要）</strong>等"),
        ("***注意：***请", "<em><strong>注意：</strong></em>请"),
        ("**Note:**text", "<strong>Note:</strong>text"),
        ("**\"Quoted\"**text and **(b)**c", "<strong>&quot;Quoted&quot;</strong>text and <strong>(b)</strong>c"),
        ("**bold**text", "<strong>bold</strong>text"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("snake_case_name", "snake_case_name"),
        ("**(**foo)", "**(**foo)"),
        ("a**\"foo\"**", "a**&quot;foo&quot;**"),
        ("\\*\\*注意：**请", "**注意：**请"),
        ("注意**：后 * 请", "注意**：后 * 请"),
        ("\\(a*b*c\\)", "<span class=\"math\" dir=\"ltr\">\\(a*b*c\\)</span>"),
        ("$5 and $6", "$5 and $6"),
        ("\\$5 and \\$6*x*", "$5 and $6<em>x</em>"),
        ("**设$x_1$：**是", "<strong>设<span class=\"math\" dir=\"ltr\">$x_1$</span>：</strong>是"),
        ("`$x$` $x$", "<code dir=\"ltr\">$x$</code> <span class=\"math\" dir=\"ltr\">$x$</span>"),
        ("\\[\na\n= b\n- c\n\\]", "<span class=\"math\" dir=\"ltr\">\\[\na\n= b\n- c\n\\]</span>"),
        ("\u{1DA8B}**注意：**请", "\u{1DA8B}**注意：**请"),
        ("Fact[^a].", "Fact[^a]."),
        ("A regex [^abc] and a list [0].", "A regex [^abc] and a list [0]."),
    ];

    #[test]
    fn what_models_write_is_read_as_it_is_meant() {
        for (text, meant) in MEANT {
            let expected = format!("<p dir=\"auto\">{meant}</p>\n");
            assert_eq!(to_html(text), expected, "{text}");
            if !text.ends_with(['-', '*', '=']) {
                assert_eq!(unfinished_to_html(text), expected, "unfinished {text}");
            }
        }
        let link = to_html("**[链接](https://x.example)**后");
        assert!(link.contains("<strong><a href=\"https://x.example\"") && link.contains("</a></strong>后"), "{link}");
        let table = to_html("| a | b |\n|---|---|\n| $|x|$ | **注：**c |\n");
        assert!(table.contains(">$|x|$</span></td><td><strong>注：</strong>c</td>"), "{table}");
    }

    #[test]
    fn footnotes_and_sources_are_there_to_be_read() {
        assert_eq!(
            to_html("Fact[^a].\n\n[^a]: Smith2020"),
            "<p dir=\"auto\">Fact<sup>[^a]</sup>.</p>\n<div class=\"footnote\" dir=\"auto\"><sup>[^a]</sup>\n<p dir=\"auto\">Smith2020</p>\n</div>\n"
        );
        let twice = to_html("A [1] and [2].\n\n[1]: https://a.example\n[1]: https://b.example \"B\"\n[2]: notes.txt\n");
        for shown in [
            "[1]: <a href=\"https://a.example\"",
            "[1]: <a href=\"https://b.example\"",
            "\">[1]</a> and [2].",
            "[2]: notes.txt",
            "&quot;B&quot;",
        ] {
            assert!(twice.contains(shown), "{shown}: {twice}");
        }
        let cited = to_html("So [1][2].\n\n[1]: https://a.example\n[2]: https://b.example\n");
        assert!(cited.contains(">[1]</a><a href=\"https://b.example\"") && cited.contains(">[2]</a>."), "{cited}");
        let listed = to_html("- [1]: https://a.example\n- [2]: https://b.example\n\n> [x]: y\n\nend");
        assert!(listed.contains("[1]: <a") && listed.contains("[2]: <a") && listed.contains("[x]: y"), "{listed}");
    }

    #[test]
    fn markdown_in_a_fence_does_not_leak() {
        let text = "```markdown\n# T\n```bash\nls\n```\nMore\n```\n\nAfter";
        for html in [to_html(text), unfinished_to_html(text)] {
            assert_eq!(html.matches("<pre").count(), 1, "{html}");
            assert!(html.contains("# T\n```bash\nls\n```\nMore\n</code>") && html.contains(">After</p>"), "{html}");
        }
        // Its own end may still come.
        let open = "```markdown\n# T\n```bash\nls\n```\nMore\n";
        assert_eq!(last_block(open), 0);
        assert!(unfinished_to_html(open).contains("More\n</code>"));
    }

    #[test]
    fn nothing_flashes_while_a_line_is_open() {
        for line in [
            "-", "--", "---", "=", "===", "*", "**", "***", "* **", "- -", "#", "##", "_", "> -", "  -", "`", "``",
            "~~~", "|", "|--",
        ] {
            for before in ["text\n", "- item\n", "> quote\n", ""] {
                let html = unfinished_to_html(&format!("{before}{line}"));
                assert_eq!(html, to_html(before), "{before}{line}");
            }
        }
        assert!(unfinished_to_html("text\n- a").contains("<li"));
        assert!(unfinished_to_html("text\n---\n").contains("heading-2"));
        assert!(unfinished_to_html("a **b").contains("**b"));
    }

    #[test]
    fn a_formula_is_its_source_from_its_first_character_on() {
        for whole in ["\\(a*b*c\\)", "\\[\nx_1 = *y*\n\\]", "$$\na*b*c\n$$", "\\begin{align}\na*b*c\n\\end{align}"] {
            for end in 3..whole.len() {
                let html = unfinished_to_html(&whole[..end]);
                assert!(!html.contains("<em>") && !html.contains("<h"), "{html}");
            }
            assert!(to_html(whole).contains(&format!("ltr\">{whole}</span>")), "{whole}");
        }
    }

    #[test]
    fn each_text_has_its_own_direction() {
        assert_eq!(
            to_html("- a\n\n  b\n- c\n\n> d\n>\n> e\n"),
            "<ul>\n<li dir=\"auto\"><p>a</p>\n<p dir=\"auto\">b</p>\n</li>\n<li dir=\"auto\"><p>c</p>\n</li>\n</ul>\n\
             <blockquote dir=\"auto\">\n<p>d</p>\n<p dir=\"auto\">e</p>\n</blockquote>\n"
        );
    }

    #[test]
    fn attacks_stay_text() {
        for attack in ATTACKS {
            assert_safe(&to_html(attack));
        }
    }

    #[test]
    fn ten_thousand_lines_take_no_time_worth_mentioning() {
        let text = "Some *text* with `code` and a [link](https://example.org).\n\n".repeat(5000);
        assert!(to_html(&text).len() > text.len());
        assert_eq!(last_block(&text), text.len() - text.len() / 5000);
    }

    #[test]
    fn the_last_block_begins_after_all_that_is_final() {
        for (text, last) in [
            ("", ""),
            ("one", "one"),
            ("one\n\ntwo", "one\n\ntwo"),
            ("one\n\ntwo\n", "two\n"),
            ("1. one\n\n2. two\n", "1. one\n\n2. two\n"),
            ("one\n\n```\na\n\nb\n", "```\na\n\nb\n"),
            ("one\n\n    code\n", "    code\n"),
            ("one\n\n---\n", "---\n"),
        ] {
            assert_eq!(&text[last_block(text)..], last, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_safe(text in markdown()) {
            assert_safe(&to_html(&text));
        }

        #[test]
        fn any_text_is_safe(text in "\\PC{0,200}") {
            assert_safe(&to_html(&text));
        }

        /// What the browser shows piece by piece is in the end what the whole text gives, save for what only the whole
        /// text knows: addresses given further down, and the outline of the headings.
        #[test]
        fn blocks_shown_one_by_one_make_the_whole(text in markdown(), step in 1_usize..12) {
            let text = text.replace("]:", "");
            let mut html = String::new();
            let mut done = 0;
            for (at, _) in text.char_indices().step_by(step) {
                let last = done + last_block(&text[done..at]);
                html.push_str(&to_html(&text[done..last]));
                done = last;
            }
            html.push_str(&to_html(&text[done..]));
            let flat = |html: String| {
                (4..=6).fold(html, |html, level| {
                    html.replace(&format!("<h{level}"), "<h3").replace(&format!("</h{level}"), "</h3")
                })
            };
            prop_assert_eq!(flat(html), flat(to_html(&text)));
        }
    }
}
