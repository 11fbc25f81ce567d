//! Markdown of a model as safe HTML, on both targets: what the browser shows while an answer streams in.
//!
//! Nothing a model writes reaches the page as HTML: every tag below is one of ours, and raw HTML becomes text. It needs
//! no inline style, which the CSP forbids. The writer is our own because that of pulldown-cmark aligns tables with
//! inline styles and passes raw HTML, `javascript:` links and foreign images through.
//! Highlighted code and the second wall against XSS are in `highlight.rs`, on the server only.

use std::fmt::Write;

use pulldown_cmark::{Alignment, CodeBlockKind, CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use crate::i18n::{Text, t};

/// Elements inside one another beyond this are left out (their text stays), so that no answer can build a tree that
/// is too deep for the parsers behind us.
const MAX_DEPTH: usize = 64;
/// Longest name of a language that is shown.
const MAX_LANGUAGE_BYTES: usize = 32;

/// The whole text as safe HTML.
#[must_use]
pub fn to_html(markdown: &str) -> String {
    to_html_with(markdown, &|_, code, html| escape(code, html))
}

/// The same, with `write_code` to write the content of a code block: it gets the language (sanitised, perhaps empty),
/// the code and the HTML so far.
pub(in crate::chat) fn to_html_with(markdown: &str, write_code: &dyn Fn(&str, &str, &mut String)) -> String {
    let mut writer = HtmlWriter {
        html: String::with_capacity(markdown.len() * 5 / 4),
        closing: Vec::new(),
        headings: Vec::new(),
        columns: Vec::new(),
        column: 0,
        in_table_head: false,
        links: 0,
        hosts: Vec::new(),
    };
    let mut events = Parser::new_ext(markdown, options());
    while let Some(event) = events.next() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let code = text_until_end(&mut events);
                writer.code_block(&language(&kind), &code, write_code);
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                let alt = text_until_end(&mut events);
                writer.image(&dest_url, &alt);
            }
            Event::Start(tag) => writer.start(&tag),
            Event::End(tag) => writer.end(tag),
            other => writer.inline(&other),
        }
    }
    writer.html
}

/// Where the last block of an unfinished text begins. All before it is final: whatever is written after this text,
/// the blocks before stay what they are (save for links whose address is only given further down).
///
/// Only whole lines count, because the beginning of a line can still become anything: `2` a new paragraph, `2. two`
/// the next item of the list above.
#[must_use]
pub fn last_block(markdown: &str) -> usize {
    let whole_lines = markdown.rfind('\n').map_or(0, |end| end + 1);
    let mut depth = 0_usize;
    let mut start = 0;
    for (event, range) in Parser::new_ext(&markdown[..whole_lines], options()).into_offset_iter() {
        if depth == 0 && !matches!(event, Event::End(_)) {
            start = range.start;
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
    }
    // The indentation belongs to the block, but not to its range.
    markdown[..start].rfind('\n').map_or(0, |end| end + 1)
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// The plain text up to the end of the element that has just begun.
fn text_until_end<'a>(events: &mut impl Iterator<Item = Event<'a>>) -> String {
    let mut depth = 0_usize;
    let mut text = String::new();
    for event in events {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) if depth == 0 => break,
            Event::End(_) => depth -= 1,
            Event::Text(part) | Event::Code(part) | Event::Html(part) | Event::InlineHtml(part) => {
                text.push_str(&part);
            }
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            _ => {}
        }
    }
    text
}

/// The name of the language of a code block, made safe for a class; empty if there is none.
fn language(kind: &CodeBlockKind<'_>) -> String {
    let CodeBlockKind::Fenced(info) = kind else { return String::new() };
    let name = info.split([' ', '\t', ',', '{', ':']).next().unwrap_or_default();
    let is_name = name.len() <= MAX_LANGUAGE_BYTES
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'#' | b'-' | b'_' | b'.'));
    if is_name { name.to_ascii_lowercase() } else { String::new() }
}

/// Whether a link may lead there. Relative addresses are no links: a model does not know this site.
fn is_safe_link(url: &str) -> bool {
    ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// Whether an image is one that was made here. Any other would tell its host who reads the answer, and when; and any other
/// address of this site would be asked in the reader's name.
pub(in crate::chat) fn is_own_image(url: &str) -> bool {
    let parts = url.strip_prefix("/api/images/").and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(id, file)| {
        let is_id = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_id && matches!(file, "file" | "thumbnail")
    })
}

/// The host of a link that may seem to lead elsewhere: what stands before an `@` is no host, and letters of other scripts
/// look like ours. Those are told by their bytes, except for Han and Hangul, which nobody takes for Latin ones.
fn doubtful_host(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let is_foreign = !host.is_ascii() || host.as_bytes().windows(4).any(|part| part.eq_ignore_ascii_case(b"xn--"));
    if user.is_none() && !is_foreign && !host.contains('%') {
        return None;
    }
    let mut shown = String::new();
    for character in host.chars() {
        // Ranges: the tables of all letters would be kilobytes in the browser.
        if character.is_ascii_graphic() || matches!(character, '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}') {
            shown.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a string does not fail.
                _ = write!(shown, "%{byte:02X}");
            }
        }
    }
    Some(shown)
}

/// Writes text for an element or for an attribute in double quotes.
pub(in crate::chat) fn escape(text: &str, html: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        html.push_str(&rest[..at]);
        html.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    html.push_str(rest);
}

struct HtmlWriter {
    html: String,
    /// How each open element ends.
    closing: Vec<&'static str>,
    /// The levels of the headings above and around, to leave no level out in the document's outline.
    headings: Vec<HeadingLevel>,
    /// Of the table that is being written.
    columns: Vec<Alignment>,
    column: usize,
    in_table_head: bool,
    /// Open links: there is no link in a link.
    links: usize,
    /// Of each open link: the host that it leads to, where that is not what it looks like.
    hosts: Vec<Option<String>>,
}

impl HtmlWriter {
    fn open(&mut self, opening: &str, closing: &'static str) {
        if self.closing.len() < MAX_DEPTH {
            self.html.push_str(opening);
            self.closing.push(closing);
        } else {
            self.closing.push("");
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph => self.open("<p>", "</p>\n"),
            Tag::Heading { level, .. } => self.heading(*level),
            Tag::BlockQuote(_) => self.open("<blockquote>\n", "</blockquote>\n"),
            Tag::HtmlBlock => self.open("<p class=\"raw\">", "</p>\n"),
            Tag::List(None) => self.open("<ul>\n", "</ul>\n"),
            Tag::List(Some(1)) => self.open("<ol>\n", "</ol>\n"),
            Tag::List(Some(first)) => self.open(&format!("<ol start=\"{first}\">\n"), "</ol>\n"),
            Tag::Item => self.open("<li>", "</li>\n"),
            Tag::Table(columns) => {
                self.columns.clone_from(columns);
                self.open("<div class=\"table-scroll\" tabindex=\"0\"><table>\n", "</tbody></table></div>\n");
            }
            Tag::TableHead => {
                self.in_table_head = true;
                self.column = 0;
                self.open("<thead><tr>", "</tr></thead><tbody>\n");
            }
            Tag::TableRow => {
                self.column = 0;
                self.open("<tr>", "</tr>\n");
            }
            Tag::TableCell => self.cell(),
            Tag::Emphasis => self.open("<em>", "</em>"),
            Tag::Strong => self.open("<strong>", "</strong>"),
            Tag::Strikethrough => self.open("<del>", "</del>"),
            Tag::Link { link_type: LinkType::Email, dest_url, .. } => self.link(&format!("mailto:{dest_url}")),
            Tag::Link { dest_url, .. } => self.link(dest_url),
            // What stands here is switched off above or taken care of before.
            _ => self.open("", ""),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::TableHead => self.in_table_head = false,
            TagEnd::TableCell => self.column += 1,
            TagEnd::Link => {
                self.links -= 1;
                if let Some(host) = self.hosts.pop().flatten() {
                    self.html.push_str(" (");
                    escape(&host, &mut self.html);
                    self.html.push(')');
                }
            }
            _ => {}
        }
        self.html.push_str(self.closing.pop().unwrap_or_default());
    }

    fn inline(&mut self, event: &Event<'_>) {
        match event {
            Event::Text(text) | Event::Html(text) => escape(text, &mut self.html),
            Event::Code(text) => {
                self.html.push_str("<code>");
                escape(text, &mut self.html);
                self.html.push_str("</code>");
            }
            // The one tag that Markdown has no word for inside tables, so models use it there.
            Event::InlineHtml(tag) if is_line_break(tag) => self.html.push_str("<br>"),
            Event::InlineHtml(tag) => escape(tag, &mut self.html),
            Event::SoftBreak => self.html.push('\n'),
            Event::HardBreak => self.html.push_str("<br>\n"),
            Event::Rule => self.html.push_str("<hr>\n"),
            Event::TaskListMarker(true) => {
                self.html.push_str("<input type=\"checkbox\" disabled checked aria-label=\"Done\"> ");
            }
            Event::TaskListMarker(false) => {
                self.html.push_str("<input type=\"checkbox\" disabled aria-label=\"To do\"> ");
            }
            _ => {}
        }
    }

    /// The element says how deep the heading stands under those before it, the class how large the author wants it.
    fn heading(&mut self, level: HeadingLevel) {
        while self.headings.last().is_some_and(|above| *above >= level) {
            self.headings.pop();
        }
        self.headings.push(level);
        let closing = match self.headings.len() {
            // The page and the answer have the levels above.
            1 => "</h3>\n",
            2 => "</h4>\n",
            3 => "</h5>\n",
            _ => "</h6>\n",
        };
        self.open(&format!("<{} class=\"heading-{}\">", &closing[2..4], level as usize), closing);
    }

    fn cell(&mut self) {
        let class = match self.columns.get(self.column) {
            Some(Alignment::Left) => " class=\"left\"",
            Some(Alignment::Center) => " class=\"center\"",
            Some(Alignment::Right) => " class=\"right\"",
            _ => "",
        };
        if self.in_table_head {
            self.open(&format!("<th scope=\"col\"{class}>"), "</th>");
        } else {
            self.open(&format!("<td{class}>"), "</td>");
        }
    }

    fn link(&mut self, url: &str) {
        self.links += 1;
        if self.links > 1 || !is_safe_link(url) {
            self.hosts.push(None);
            self.open("", "");
            return;
        }
        self.hosts.push(doubtful_host(url));
        let mut opening = String::from("<a href=\"");
        escape(url, &mut opening);
        opening.push_str("\" target=\"_blank\" rel=\"nofollow noopener noreferrer\">");
        self.open(&opening, "</a>");
    }

    fn image(&mut self, url: &CowStr<'_>, alt: &str) {
        if is_own_image(url) {
            self.html.push_str("<img src=\"");
            escape(url, &mut self.html);
            self.html.push_str("\" alt=\"");
            escape(alt, &mut self.html);
            self.html.push_str("\" loading=\"lazy\">");
            return;
        }
        self.link(url);
        escape(if alt.is_empty() { "image" } else { alt }, &mut self.html);
        self.end(TagEnd::Link);
    }

    fn code_block(&mut self, language: &str, code: &str, write_code: &dyn Fn(&str, &str, &mut String)) {
        // `language` holds nothing that would need escaping.
        let class = if language.is_empty() { "text" } else { language };
        let copy = t(Text::CopyCode);
        let _ = write!(
            self.html,
            "<div class=\"code-block\"><div class=\"code-head\"><span>{language}</span>\
             <button type=\"button\" data-copy=\"code\">{copy}</button></div>\
             <pre tabindex=\"0\"><code class=\"language-{class}\">"
        );
        write_code(language, code, &mut self.html);
        self.html.push_str("</code></pre></div>\n");
    }
}

fn is_line_break(tag: &str) -> bool {
    tag.strip_prefix("<br").is_some_and(|rest| matches!(rest.trim_start(), ">" | "/>"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::browser::markdown_corpus::{ATTACKS, assert_safe, markdown};

    #[test]
    fn paragraphs_emphasis_and_code() {
        assert_eq!(
            to_html("Hi **you** and *me*, ~~no~~ `a < b`  \nnext"),
            "<p>Hi <strong>you</strong> and <em>me</em>, <del>no</del> <code>a &lt; b</code><br>\nnext</p>\n"
        );
    }

    #[test]
    fn headings_leave_no_level_out() {
        assert_eq!(
            to_html("### a\n\n# b\n\n#### c\n\n## d\n"),
            "<h3 class=\"heading-3\">a</h3>\n<h3 class=\"heading-1\">b</h3>\n\
             <h4 class=\"heading-4\">c</h4>\n<h4 class=\"heading-2\">d</h4>\n"
        );
    }

    #[test]
    fn lists_and_tasks() {
        assert_eq!(
            to_html("3. a\n4. b\n\n- [x] done\n- [ ] not\n"),
            "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>\n<ul>\n\
             <li><input type=\"checkbox\" disabled checked aria-label=\"Done\"> done</li>\n\
             <li><input type=\"checkbox\" disabled aria-label=\"To do\"> not</li>\n</ul>\n"
        );
    }

    #[test]
    fn tables_scroll_and_align_by_class() {
        assert_eq!(
            to_html("| a | b |\n|:--|--:|\n| 1 | x<br>y |\n"),
            "<div class=\"table-scroll\" tabindex=\"0\"><table>\n\
             <thead><tr><th scope=\"col\" class=\"left\">a</th><th scope=\"col\" class=\"right\">b</th></tr></thead>\
             <tbody>\n<tr><td class=\"left\">1</td><td class=\"right\">x<br>y</td></tr>\n</tbody></table></div>\n"
        );
    }

    #[test]
    fn code_has_its_language_and_a_copy_button() {
        assert_eq!(
            to_html("```Rust,ignore\nlet x = \"<&>\";\n```\n"),
            "<div class=\"code-block\"><div class=\"code-head\"><span>rust</span>\
             <button type=\"button\" data-copy=\"code\">Copy code</button></div><pre tabindex=\"0\">\
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
            "<p><a href=\"https://x.example/?a=1&amp;b=&quot;2&quot;\" target=\"_blank\" \
             rel=\"nofollow noopener noreferrer\">a</a></p>\n"
        );
        assert!(to_html("<ada@example.org>").contains("href=\"mailto:ada@example.org\""));
        assert_eq!(to_html("[home](/chat) [top](#top) [f](file:///etc) [x](https:/x)"), "<p>home top f x</p>\n");
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
            "<p><img src=\"/api/images/0199c1d2-7f00-7000-8000-1234567890ab/thumbnail\" alt=\"a b\" loading=\"lazy\"></p>\n"
        );
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
            assert_eq!(html, "<p>alt</p>\n", "{url}");
        }
        let html = to_html("![alt](https://x.example/1.png)");
        assert!(html.starts_with("<p><a href=\"https://x.example/1.png\""), "{html}");
        let html = to_html("[![alt](https://x.example/1.png)](https://y.example)");
        assert_eq!(html.matches("<a ").count(), 1, "{html}");
    }

    #[test]
    fn raw_html_is_text() {
        assert_eq!(to_html("a <b>c</b>"), "<p>a &lt;b&gt;c&lt;/b&gt;</p>\n");
        assert_eq!(to_html("<div>\nx\n</div>\n"), "<p class=\"raw\">&lt;div&gt;\nx\n&lt;/div&gt;\n</p>\n");
    }

    #[test]
    fn no_tree_is_too_deep() {
        let html = to_html(&format!("{}deep", "> ".repeat(5000)));
        assert!(html.matches("<blockquote>").count() <= MAX_DEPTH);
        assert!(html.contains("deep"));
        assert_eq!(html.matches("<blockquote>").count(), html.matches("</blockquote>").count());
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
