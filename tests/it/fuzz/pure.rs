//! Readers that need nothing but their input.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::Path;

use tempfile::TempDir;
use tessera::account::{Email, same_site_path};
use tessera::app::config::Config;
use tessera::chat::browser::markdown::{last_block, to_html, unfinished_to_html};
use tessera::chat::server::highlight::to_final_html;
use tessera::chat::server::image_messages::read_command;
use tessera::chat::{branch_title, title_of};
use tessera::images::server::picture::clean;
use tessera::images::{AspectRatio, Filter};
use tessera::platform::db::Database;
use tessera::platform::db::sqlite::Sqlite;
use tessera::platform::http::accept::weighted;
use tessera::platform::http::multipart::file_in;
use tessera::platform::query;
use tessera::platform::sse::{SseEvent, SseParser};
use url::Url;

use super::{Target, text};

/// The events of a stream that comes in pieces of these lengths.
fn events(stream: &[u8], pieces: &[usize]) -> Option<Vec<SseEvent>> {
    let (mut parser, mut found, mut rest) = (SseParser::new(), Vec::new(), stream);
    for length in pieces.iter().cycle() {
        let (piece, more) = rest.split_at((*length).clamp(1, rest.len().max(1)).min(rest.len()));
        found.extend(parser.push(piece).ok()?);
        rest = more;
        if rest.is_empty() {
            return Some(found);
        }
    }
    None
}

#[test]
fn event_streams_are_the_same_however_they_are_cut() {
    let words = &[
        "data: ", "data:", "event: ", "id: ", "retry: ", ":", "\n", "\r", "\r\n", "\n\n", "\u{feff}", "[DONE]", "{",
        "}",
    ];
    Target { name: "sse", words, inputs: 4_000, most: 16_384 }.feed(|input| {
        let whole = events(input, &[usize::MAX]);
        assert_eq!(whole, events(input, &[1]));
        assert_eq!(whole, events(input, &[7, 1, 64]));
        assert!(whole.unwrap_or_default().iter().all(|event| !event.data.is_empty() && !event.event.is_empty()));
    });
}

/// What runs, loads, frames or sends.
const FORBIDDEN: [&str; 20] = [
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "base",
    "meta",
    "link",
    "form",
    "svg",
    "foreignobject",
    "textarea",
    "video",
    "audio",
    "source",
    "frame",
    "frameset",
    "template",
    "annotation-xml",
    "portal",
];

/// The tags of a text, each with its attributes.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let mut quoted = false;
        let end = rest.find(|c: char| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let end = end.unwrap_or_else(|| panic!("a tag has no end: {rest:.80}"));
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default().to_ascii_lowercase();
        let mut attributes = Vec::new();
        let mut inner = tag.get(name.len() + usize::from(tag.starts_with('/'))..).unwrap_or_default();
        while let Some((before, after)) = inner.split_once("=\"") {
            let (value, more) = after.split_once('"').expect("a value that ends");
            let key = before.split_whitespace().last().unwrap_or_default().to_ascii_lowercase();
            attributes.push((key, value.to_owned()));
            inner = more;
        }
        found.push((name, attributes));
    }
    found
}

fn assert_harmless(html: &str) {
    for (name, attributes) in tags(html) {
        assert!(!FORBIDDEN.contains(&name.as_str()), "<{name}>");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "<{name}>");
        for (key, value) in attributes {
            let value = value.replace("&amp;", "&");
            assert!(
                !key.starts_with("on") && !["style", "srcdoc", "formaction", "srcset", "xlink:href"].contains(&&*key),
                "{key}"
            );
            let lowered = value.trim_start().to_ascii_lowercase();
            let is_here = (lowered.starts_with('/') && !lowered.starts_with("//")) || lowered.starts_with('#');
            match key.as_str() {
                "href" => {
                    let away = ["http://", "https://", "mailto:"].iter().any(|scheme| lowered.starts_with(scheme));
                    assert!(away || is_here, "href={value:?}");
                }
                "src" => assert!(is_here, "src={value:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn markdown_is_never_a_script_or_a_request_and_never_without_end() {
    let words = &[
        "<script>",
        "</script>",
        "<img src=x onerror=alert(1)>",
        "javascript:",
        "data:text/html,",
        "](",
        "[",
        "]",
        "![",
        "<",
        ">",
        "`",
        "```",
        "~~~",
        "$",
        "$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\begin{",
        "\\end{",
        "\\frac{",
        "\\href{javascript:x}{y}",
        "**",
        "__",
        "*",
        "_",
        "~~",
        "\n",
        "\n\n",
        "    ",
        "\t",
        "- ",
        "1. ",
        "> ",
        "#",
        "|",
        "|---|",
        "&#",
        "&lt;",
        "&#x6a;",
        "&colon;",
        "://",
        "www.",
        "http://",
        "mailto:",
        "<!--",
        "-->",
        "<![CDATA[",
        "]: ",
        "[^1]",
        "- [x] ",
        "\"",
        "'",
        "\\",
        "{",
        "}",
        "^",
        "&",
        "/image ",
        "<svg onload=x>",
        "<math>",
    ];
    Target { name: "markdown", words, inputs: 300, most: 8_192 }.feed(|input| {
        let markdown = text(input);
        for html in [to_html(&markdown), unfinished_to_html(&markdown), to_final_html(&markdown)] {
            assert_harmless(&html);
        }
        let last = last_block(&markdown);
        assert!(markdown.is_char_boundary(last));
        _ = (title_of(&markdown), branch_title(&markdown));
    });
}

#[test]
fn words_for_images_are_read_whatever_they_are() {
    let words = &[
        "/image ", "/image", "16:9", "9:16", "1:1", "3:2", "21:9", ":", " ", "\n", "a fox", "seed=", "\u{3000}", "：",
        "/IMAGE ",
    ];
    Target { name: "prompts", words, inputs: 6_000, most: 4_096 }.feed(|input| {
        let prompt = text(input);
        if let Some((_, words)) = read_command(&prompt) {
            assert!(prompt.contains(words));
        }
        _ = AspectRatio::parse(&prompt);
        _ = Filter::of(&prompt).address();
    });
}

#[test]
fn addresses_of_mailboxes_have_one_form() {
    let words = &[
        "@",
        ".",
        "..",
        "xn--",
        "xn--bcher-kva",
        "bücher",
        "例え",
        "\u{ff20}",
        "\u{3002}",
        "\u{200b}",
        "\"",
        "<",
        ">",
        ",",
        "+",
        "-",
        "İ",
        "ß",
        "ﬁ",
        "e\u{301}",
        "\u{430}",
        " ",
        "\r\n",
        "\0",
        "[127.0.0.1]",
        "example.org",
        "a@b",
        "(",
        ")",
        "%",
        "!",
    ];
    Target { name: "addresses", words, inputs: 6_000, most: 1_024 }.feed(|input| {
        let typed = text(input);
        let Ok(email) = Email::parse(&typed) else { return };
        let form = email.as_str();
        let again = Email::parse(form).unwrap_or_else(|error| panic!("{form:?} is one, and is none: {error}"));
        assert_eq!(again.as_str(), form, "one form has another");
        assert_eq!(form.matches('@').count(), 1, "{form:?}");
        assert!(!form.contains(|c: char| c.is_control() || c.is_whitespace()), "{form:?}");
        assert!(form.len() <= 254, "{form:?}");
        _ = email.check_looks();
        assert!(email.earlier().count() <= 3);
    });
}

#[test]
fn what_follows_a_sign_in_is_on_this_site() {
    let words = &[
        "/",
        "//",
        "\\",
        "/\\",
        "http:",
        "https://",
        "@",
        "evil.example",
        ":",
        "?",
        "#",
        "%2f",
        "%5c",
        "\t",
        "\n",
        "\0",
        "\u{85}",
        "..",
        "/./",
        "javascript:",
        "data:",
        "next=",
        "&",
        "=",
        "%",
        "%zz",
        "+",
        "q=",
        "cursor=",
        "limit=",
        ";q=0.5",
        ",",
        "*/*",
    ];
    let here = Url::parse("https://chat.example.org/sign-in?next=x").unwrap();
    Target { name: "queries", words, inputs: 8_000, most: 4_096 }.feed(|input| {
        let given = text(input);
        let next = same_site_path(Some(&given), "/chat");
        let to = here.join(&next).unwrap_or_else(|error| panic!("{next:?}: {error}"));
        assert_eq!(to.origin(), here.origin(), "{next:?}");
        let there = query::parameter(&given, "next");
        let written = query::address("/sign-in", &[("next", &given)]);
        if !given.is_empty() {
            assert_eq!(query::parameter(&written, "next").as_deref(), Some(given.as_str()), "{written}");
        }
        _ = (there, Filter::of(&given).address(), weighted(&given).count());
    });
}

/// A file of the operator's: what is wrong with it is said by its lines.
fn read_file(folder: &Path, variable: &str, input: &[u8]) {
    let file = folder.join("input.toml");
    std::fs::write(&file, input).unwrap();
    let vars = BTreeMap::from([
        ("DATA_DIR".to_owned(), folder.to_str().unwrap().to_owned()),
        (variable.to_owned(), file.to_str().unwrap().to_owned()),
    ]);
    // The parser bounds inline tables and the parts of a key apart, so 6,400 levels are possible: too many for the stack of a test without
    // optimisation, and no more than half a MiB with it.
    let reader = std::thread::Builder::new().stack_size(64 << 20);
    let problems = reader.spawn(move || Config::from_vars(&vars).err()).unwrap().join();
    if let Some(problems) = problems.unwrap_or_else(|panic| resume_unwind(panic)) {
        assert!(!problems.is_empty() && problems.iter().all(|problem| problem.starts_with(variable)), "{problems:?}");
    }
}

const TOML: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "=",
    "\"",
    "\"\"\"",
    "'",
    "'''",
    "\n",
    "#",
    ",",
    "{",
    "}",
    ".",
    "true",
    "inf",
    "nan",
    "1979-05-27",
    "0x",
    "_",
    "\\u0000",
    "[[model]]",
    "[[pack]]",
    "[[plan]]",
    "[seller]",
    "[tax]",
    "[refund]",
    "[chat]",
    "[image]",
    "credits = ",
    "price = ",
    "currency = \"EUR\"",
    "name = ",
    "id = ",
    "per_call = ",
    "input = ",
    "output = ",
    "follow = true",
    "margin = ",
    "provider = ",
    "[credit]",
    "[[provider]]",
    "[[provider.model]]",
    "[[alias]]",
    "kind = \"openai\"",
    "base_url = \"http://127.0.0.1:9/v1\"",
    "key = ",
    "headers = { ",
    "list = true",
    "models = [",
];

#[test]
fn files_of_prices_are_read_or_refused() {
    let folder = TempDir::new().unwrap();
    let target = Target { name: "prices", words: TOML, inputs: 500, most: 16_384 };
    target.feed(|input| read_file(folder.path(), "PRICES_FILE", input));
}

#[test]
fn files_of_packs_are_read_or_refused() {
    let folder = TempDir::new().unwrap();
    let target = Target { name: "packs", words: TOML, inputs: 500, most: 16_384 };
    target.feed(|input| read_file(folder.path(), "PACKS_FILE", input));
}

#[test]
fn files_of_providers_are_read_or_refused() {
    let folder = TempDir::new().unwrap();
    let target = Target { name: "providers", words: TOML, inputs: 500, most: 16_384 };
    target.feed(|input| read_file(folder.path(), "PROVIDERS_FILE", input));
}

/// Small pictures of every kind that is taken.
pub fn pictures() -> Vec<Vec<u8>> {
    use image::ImageFormat::{Gif, Jpeg, Png, WebP};
    let pixels = image::RgbImage::from_fn(9, 7, |x, y| {
        image::Rgb([u8::try_from(x * 20).unwrap(), u8::try_from(y * 30).unwrap(), 90])
    });
    let written = |format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::DynamicImage::ImageRgb8(pixels.clone()).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    [Png, Jpeg, WebP, Gif].map(written).to_vec()
}

#[test]
fn pictures_are_taken_in_or_refused() {
    let words = &[
        "IHDR", "IDAT", "IEND", "iCCP", "acTL", "eXIf", "tEXt", "RIFF", "WEBP", "VP8 ", "VP8L", "VP8X", "ANIM", "EXIF",
        "\u{ff}", "JFIF", "GIF89a",
    ];
    let target = Target { name: "uploads", words, inputs: 800, most: 65_536 };
    target.feed_with(pictures(), |input| {
        if let Ok((_, bytes)) = clean(input, 1_000_000) {
            assert!(clean(&bytes, 1_000_000).is_ok(), "what was written anew is none");
        }
    });
}

/// The file is a part of the body, between two of the boundaries that the header names.
#[test]
fn forms_with_a_file_are_read_or_have_none() {
    let words = &[
        "--",
        "\r\n",
        "\r\n\r\n",
        "x",
        "--x",
        "--x--",
        "Content-Disposition: ",
        "name=\"picture\"",
        "filename=",
        ";",
        "\"",
    ];
    Target { name: "multipart", words, inputs: 20_000, most: 4_096 }.feed(|input| {
        let body = bytes::Bytes::copy_from_slice(input);
        if let Some(file) = file_in("multipart/form-data; boundary=x", &body, "picture") {
            let at = file.as_ptr().addr() - body.as_ptr().addr();
            assert!(body[..at].ends_with(b"\r\n\r\n") && body[at + file.len()..].starts_with(b"\r\n--x"));
            assert!(!file.windows(5).any(|part| part == b"\r\n--x"));
        }
    });
}

/// What is sealed is opened by nobody who has changed it.
#[test]
fn nothing_is_opened_that_was_not_sealed() {
    let vars = BTreeMap::from([("APP_SECRET".to_owned(), "the secret of all servers of the tests".to_owned())]);
    let folder = TempDir::new().unwrap();
    let database = Database::Sqlite(Sqlite::open(&folder.path().join("t.db")).unwrap());
    let secret = Config::from_vars(&vars).unwrap().secret;
    let secret = futures::executor::block_on(secret.open(&database, folder.path())).unwrap();
    let sealed = secret.seal("a purpose", b"ada", b"what is kept").unwrap();
    let target = Target { name: "sealed", words: &["\u{1}", "\u{0}"], inputs: 8_000, most: 256 };
    target.feed_with(vec![sealed.clone()], |input| {
        let opened = secret.open("a purpose", b"ada", input);
        assert_eq!(opened.is_some(), input == sealed, "{input:?}");
    });
}
