//! `multipart/form-data` (RFC 7578), as browsers send a form with a file: one file is read, where it stands.

use axum::body::Bytes;
use memchr::memmem::find;

/// Most characters of a boundary (RFC 2046, 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// The file of a field, without a copy; `None` where there is none, or it is no such form.
#[must_use]
pub fn file_in(content_type: &str, body: &Bytes, field: &str) -> Option<Bytes> {
    let boundary = boundary_of(content_type)?;
    let (first, next) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    // What is before the first part is nobody's.
    let mut at =
        if body.starts_with(first.as_bytes()) { first.len() } else { find(body, next.as_bytes())? + next.len() };
    loop {
        let rest = body.get(at..)?;
        // The last one is followed by two dashes.
        let head = at + 2;
        if !rest.starts_with(b"\r\n") {
            return None;
        }
        let end_of_head = head + find(body.get(head..)?, b"\r\n\r\n")?;
        let content = end_of_head + 4;
        let end = content + find(body.get(content..)?, next.as_bytes())?;
        if is_file(std::str::from_utf8(&body[head..end_of_head]).ok()?, field) {
            return Some(body.slice(content..end));
        }
        at = end + next.len();
    }
}

fn boundary_of(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (!boundary.is_empty() && boundary.len() <= LONGEST_BOUNDARY).then_some(boundary)
}

/// Whether the head of a part says that it is the file of this field.
fn is_file(head: &str, field: &str) -> bool {
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let has = |wanted: &str| disposition.is_some_and(|value| value.split(';').any(|part| part.trim() == wanted));
    let has_name = disposition.is_some_and(|value| value.split(';').any(|part| part.trim().starts_with("filename")));
    has(&format!("name=\"{field}\"")) && has_name
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----WebKitFormBoundaryAbC";

    fn form(parts: &[(&str, &[u8])]) -> Bytes {
        let mut body = Vec::new();
        for (disposition, content) in parts {
            body.extend_from_slice(b"------WebKitFormBoundaryAbC\r\nContent-Disposition: form-data; ");
            body.extend_from_slice(disposition.as_bytes());
            body.extend_from_slice(b"\r\nContent-Type: image/png\r\n\r\n");
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"------WebKitFormBoundaryAbC--\r\n");
        body.into()
    }

    #[test]
    fn a_file_is_read_as_it_was_sent() {
        let picture: Vec<u8> = (0..=255).chain(*b"\r\n--\r\n\r\n--x").collect();
        let body = form(&[("name=\"next\"", b"/x"), ("name=\"picture\"; filename=\"a; b.png\"", &picture)]);
        assert_eq!(file_in(KIND, &body, "picture").unwrap(), picture);
        let quoted = "Multipart/Form-Data; charset=utf-8; Boundary=\"----WebKitFormBoundaryAbC\"";
        assert_eq!(file_in(quoted, &body, "picture").unwrap(), picture);
        let with_preamble: Bytes = [&b"nobody's\r\n"[..], &body].concat().into();
        assert_eq!(file_in(KIND, &with_preamble, "picture").unwrap(), picture);
        let empty = form(&[("name=\"picture\"; filename=\"\"", b"")]);
        assert_eq!(file_in(KIND, &empty, "picture").unwrap(), Vec::<u8>::new());
    }

    #[test]
    fn what_is_no_such_form_has_no_file() {
        let body = form(&[("name=\"picture\"; filename=\"a.png\"", b"bytes")]);
        assert_eq!(file_in(KIND, &body, "other"), None);
        assert_eq!(file_in(KIND, &form(&[("name=\"picture\"", b"a word")]), "picture"), None, "no file");
        for kind in ["", "multipart/form-data", "multipart/form-data; boundary=", "text/plain; boundary=x"] {
            assert_eq!(file_in(kind, &body, "picture"), None, "{kind}");
        }
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        assert_eq!(file_in(&long, &body, "picture"), None);
        // The last two bytes are a line end that browsers send and nobody needs.
        for end in 0..body.len() - 30 {
            assert_eq!(file_in(KIND, &body.slice(..end), "picture"), None, "{end}");
        }
    }
}
