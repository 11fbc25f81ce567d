//! Where links and images of a model may lead.

use std::fmt::Write;

/// Whether a link may lead there. Relative addresses are no links: a model does not know this site.
pub(super) fn is_safe_link(url: &str) -> bool {
    ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// The id of an image that was made here. Any other would tell its host who reads the answer, and when; and any other address
/// of this site would be asked in the reader's name.
pub(in crate::chat) fn own_image(url: &str) -> Option<&str> {
    let (id, file) = url.strip_prefix("/api/images/")?.split_once('/')?;
    (is_id(id) && matches!(file, "file" | "thumbnail")).then_some(id)
}

/// Whether it is one as our ids are written.
pub(in crate::chat) fn is_id(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// The host of a link that may seem to lead elsewhere: what stands before an `@` is no host, and letters of other scripts
/// look like ours. Those are told by their bytes, except for Han and Hangul, which nobody takes for Latin ones.
pub(super) fn doubtful_host(url: &str) -> Option<String> {
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
