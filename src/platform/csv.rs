//! Texts in CSV (RFC 4180).

/// Quotes a text, and keeps spreadsheets from taking it for a formula.
#[must_use]
pub fn csv_text(text: &str) -> String {
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
    }
}
