//! Writes the parts of a text as HTML.

use std::fmt::Write;

use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, Tag, TagEnd};

use super::links::{doubtful_host, is_safe_link, own_image};
use super::math::Formula;
use super::pieces::{Piece, Prepared};
use crate::i18n::{Text, t};

/// Elements inside one another beyond this are left out (their text stays), so that no answer can build a tree that
/// is too deep for the parsers behind us.
pub(super) const MAX_DEPTH: usize = 64;
/// Longest name of a language that is shown.
const MAX_LANGUAGE_BYTES: usize = 32;
/// Whatever language the page is in, a text has the direction of its own first letter.
const ITEM: &str = "<li dir=\"auto\">";
const QUOTE: &str = "<blockquote dir=\"auto\">\n";

/// Writes what the server makes more of.
pub trait Special {
    /// The content of a block of code, with the name of its language (sanitised, perhaps empty).
    fn code(&self, _language: &str, code: &str, html: &mut String) {
        escape(code, html);
    }

    /// A formula.
    fn formula(&self, formula: &Formula, html: &mut String) {
        formula.write_source(html);
    }
}

impl Formula {
    /// As it is written.
    pub fn write_source(&self, html: &mut String) {
        html.push_str("<span class=\"math\" dir=\"ltr\">");
        escape(&self.source, html);
        html.push_str("</span>");
    }
}

pub(super) fn write(text: &Prepared<'_>, special: &dyn Special) -> String {
    let mut writer = HtmlWriter::default();
    let mut pieces = text.pieces().into_iter();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Event(Event::Start(Tag::CodeBlock(kind))) => {
                let code = text_until_end(&mut pieces);
                writer.code_block(&language(&kind), &code, special);
            }
            Piece::Event(Event::Start(Tag::Image { dest_url, .. })) => {
                let alt = text_until_end(&mut pieces);
                writer.image(&dest_url, &alt);
            }
            Piece::Event(Event::Start(tag)) => writer.start(&tag),
            Piece::Event(Event::End(tag)) => writer.end(tag),
            Piece::Event(other) => writer.inline(&other),
            Piece::Formula(formula) => special.formula(formula, &mut writer.html),
            Piece::Definition(lines) => writer.definitions(&lines),
        }
    }
    writer.html
}

/// The plain text up to the end of the element that has just begun.
fn text_until_end<'a>(pieces: &mut impl Iterator<Item = Piece<'a>>) -> String {
    let mut depth = 0_usize;
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Event(Event::Start(_)) => depth += 1,
            Piece::Event(Event::End(_)) if depth == 0 => break,
            Piece::Event(Event::End(_)) => depth -= 1,
            Piece::Event(Event::Text(part) | Event::Code(part) | Event::Html(part) | Event::InlineHtml(part)) => {
                text.push_str(&part);
            }
            Piece::Event(Event::SoftBreak | Event::HardBreak) => text.push(' '),
            Piece::Formula(formula) => text.push_str(&formula.source),
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

#[derive(Default)]
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
    /// What follows the text of each open link, in it.
    after_links: Vec<String>,
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
            // The first of an item says which way the item goes.
            Tag::Paragraph if self.html.ends_with(ITEM) || self.html.ends_with(QUOTE) => self.open("<p>", "</p>\n"),
            Tag::Paragraph => self.open("<p dir=\"auto\">", "</p>\n"),
            Tag::Heading { level, .. } => self.heading(*level),
            Tag::BlockQuote(_) => self.open(QUOTE, "</blockquote>\n"),
            Tag::HtmlBlock => self.open("<p class=\"raw\" dir=\"auto\">", "</p>\n"),
            Tag::List(None) => self.open("<ul>\n", "</ul>\n"),
            Tag::List(Some(1)) => self.open("<ol>\n", "</ol>\n"),
            Tag::List(Some(first)) => self.open(&format!("<ol start=\"{first}\">\n"), "</ol>\n"),
            Tag::Item => self.open(ITEM, "</li>\n"),
            Tag::FootnoteDefinition(name) => {
                self.open("<div class=\"footnote\" dir=\"auto\">", "</div>\n");
                self.footnote_name(name);
                self.html.push('\n');
            }
            Tag::Table(columns) => {
                self.columns.clone_from(columns);
                self.open(
                    "<div class=\"table-scroll\" tabindex=\"0\"><table dir=\"auto\">\n",
                    "</tbody></table></div>\n",
                );
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
            Tag::Link { link_type: LinkType::Email, dest_url, .. } => self.link(&format!("mailto:{dest_url}"), None),
            Tag::Link { link_type, dest_url, id, .. } => {
                let after = match link_type {
                    LinkType::Shortcut => Some(String::new()),
                    LinkType::Collapsed => Some("[]".to_owned()),
                    LinkType::Reference => Some(format!("[{id}]")),
                    _ => None,
                };
                // `[1]` is how a source is named.
                let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
                let keeps = after.filter(|after| !is_safe_link(dest_url) || (is_number && after.is_empty()));
                self.link(dest_url, keeps);
            }
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
                escape(&self.after_links.pop().unwrap_or_default(), &mut self.html);
            }
            _ => {}
        }
        self.html.push_str(self.closing.pop().unwrap_or_default());
    }

    fn inline(&mut self, event: &Event<'_>) {
        match event {
            Event::Text(text) | Event::Html(text) => escape(text, &mut self.html),
            Event::Code(text) => {
                self.html.push_str("<code dir=\"ltr\">");
                escape(text, &mut self.html);
                self.html.push_str("</code>");
            }
            // The one tag that Markdown has no word for inside tables, so models use it there.
            Event::InlineHtml(tag) if is_line_break(tag) => self.html.push_str("<br>"),
            Event::InlineHtml(tag) => escape(tag, &mut self.html),
            Event::FootnoteReference(name) => self.footnote_name(name),
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
        self.open(&format!("<{} class=\"heading-{}\" dir=\"auto\">", &closing[2..4], level as usize), closing);
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

    /// `keeps`: the brackets around its text are shown, as they may be meant, and this after them.
    fn link(&mut self, url: &str, keeps: Option<String>) {
        self.links += 1;
        let is_link = self.links == 1 && is_safe_link(url);
        let host = doubtful_host(url).filter(|_| is_link);
        if is_link {
            let mut opening = String::from("<a href=\"");
            escape(url, &mut opening);
            opening.push_str("\" target=\"_blank\" rel=\"nofollow noopener noreferrer\">");
            self.open(&opening, "</a>");
        } else {
            self.open("", "");
        }
        if keeps.is_some() {
            self.html.push('[');
        }
        let kept = keeps.map(|after| format!("]{after}")).unwrap_or_default();
        self.after_links.push(kept + &host.map(|host| format!(" ({host})")).unwrap_or_default());
    }

    /// As it is written, so that nothing is lost where it is none.
    fn footnote_name(&mut self, name: &str) {
        self.html.push_str("<sup>[^");
        escape(name, &mut self.html);
        self.html.push_str("]</sup>");
    }

    /// A list of sources is one to be read, whether or not a link refers to it.
    fn definitions(&mut self, lines: &str) {
        self.html.push_str("<p class=\"sources\" dir=\"auto\">");
        for (index, line) in lines.lines().enumerate() {
            self.html.push_str(if index == 0 { "" } else { "<br>\n" });
            let Some((name, rest)) = line.split_once("]:").filter(|_| line.starts_with('[')) else {
                escape(line, &mut self.html);
                continue;
            };
            let rest = rest.trim_start();
            let end = rest.find([' ', '\t']).unwrap_or(rest.len());
            let (address, title) = rest.split_at(end);
            escape(name, &mut self.html);
            self.html.push_str("]: ");
            self.link(address.trim_start_matches('<').trim_end_matches('>'), None);
            escape(address, &mut self.html);
            self.end(TagEnd::Link);
            escape(title, &mut self.html);
        }
        self.html.push_str("</p>\n");
    }

    fn image(&mut self, url: &str, alt: &str) {
        if let Some(id) = own_image(url) {
            // To where it is shown whole, unless the author leads elsewhere.
            let is_linked = !self.closing.contains(&"</a>");
            if is_linked {
                let _ = write!(self.html, "<a href=\"/images/{id}\" rel=\"nofollow noopener noreferrer\">");
            }
            self.html.push_str("<img src=\"");
            escape(url, &mut self.html);
            self.html.push_str("\" alt=\"");
            escape(alt, &mut self.html);
            self.html.push_str("\" loading=\"lazy\">");
            if is_linked {
                self.html.push_str("</a>");
            }
            return;
        }
        self.link(url, None);
        escape(if alt.is_empty() { "image" } else { alt }, &mut self.html);
        self.end(TagEnd::Link);
    }

    fn code_block(&mut self, language: &str, code: &str, special: &dyn Special) {
        // `language` holds nothing that would need escaping.
        let class = if language.is_empty() { "text" } else { language };
        let copy = t(Text::CopyCode);
        let _ = write!(
            self.html,
            "<div class=\"code-block\"><div class=\"code-head\"><span>{language}</span>\
             <button type=\"button\" data-copy=\"code\">{copy}</button></div>\
             <pre tabindex=\"0\" dir=\"ltr\"><code class=\"language-{class}\">"
        );
        special.code(language, code, &mut self.html);
        self.html.push_str("</code></pre></div>\n");
    }
}

fn is_line_break(tag: &str) -> bool {
    tag.strip_prefix("<br").is_some_and(|rest| matches!(rest.trim_start(), ">" | "/>"))
}
