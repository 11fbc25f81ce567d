//! Texts in CSV (RFC 4180).

/// Quotes a text, and keeps spreadsheets from taking it for a formula.
#[must_use]
pub fn csv_text(text: &str) -> String {
    // Where a comma is a decimal point, spreadsheets part at semicolons: what follows one begins a field.
    let text = &*['=', '+', '-', '@']
        .iter()
        .fold(text.to_owned(), |text, sign| text.replace(&format!(";{sign}"), &format!(";'{sign}")));
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::csv_text;

    #[test]
    fn csv_is_quoted_and_holds_no_formula() {
        assert_eq!(csv_text("plain-1"), "plain-1");
        assert_eq!(csv_text("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_text("=1+1"), "\"'=1+1\"");
        assert_eq!(csv_text("x;=1+1"), "x;'=1+1");
    }
}
