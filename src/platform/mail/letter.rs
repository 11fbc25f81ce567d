//! What a mail says: plain text, and the same as simple HTML.

use std::fmt::Write;
use std::time::SystemTime;

use uuid::Uuid;

use super::Mail;
use crate::i18n::current_language;

/// What a mail says, in the language of whoever asked for it.
#[derive(Debug, Clone, Default)]
pub struct Letter {
    pub subject: String,
    /// Paragraphs.
    pub before: Vec<String>,
    /// What the link is called, and where it leads.
    pub link: Option<(String, String)>,
    /// Paragraphs after the link.
    pub after: Vec<String>,
    /// Where it comes from.
    pub site: String,
}

impl Letter {
    /// The mail to this address.
    #[must_use]
    pub fn to(self, address: &str) -> Mail {
        Mail {
            id: Uuid::new_v4(),
            at: SystemTime::now(),
            to: address.to_owned(),
            text: self.text(),
            html: self.html(),
            subject: self.subject,
        }
    }

    fn text(&self) -> String {
        let address = self.link.iter().map(|(_, address)| address);
        let signature = format!("-- \nTessera\n{}", self.site);
        let parts: Vec<_> = self.before.iter().chain(address).chain(&self.after).chain([&signature]).cloned().collect();
        format!("{}\n", parts.join("\n\n"))
    }

    fn html(&self) -> String {
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n\
             <body style=\"margin:0;padding:24px;font-family:sans-serif;font-size:16px;line-height:1.5;color:#1e1b18\">\n",
            current_language().code(),
            escaped(&self.subject)
        );
        // Writing to a string does not fail.
        let mut paragraph = |text: &str| _ = writeln!(html, "<p>{text}</p>");
        self.before.iter().for_each(|text| paragraph(&escaped(text)));
        if let Some((label, address)) = &self.link {
            let address = escaped(address);
            paragraph(&format!("<a href=\"{address}\" style=\"font-weight:bold\">{}</a>", escaped(label)));
            paragraph(&format!("<span style=\"font-size:13px;color:#6b645c\">{address}</span>"));
        }
        self.after.iter().for_each(|text| paragraph(&escaped(text)));
        paragraph(&format!("<span style=\"font-size:13px;color:#6b645c\">Tessera · {}</span>", escaped(&self.site)));
        html.push_str("</body>\n</html>\n");
        html
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_no_html() {
        let letter = Letter {
            subject: "A \"subject\"".into(),
            before: vec!["<b>Hello</b> & welcome".into()],
            link: Some(("Go on".into(), "https://chat.example.org/x?a=1&b=\"".into())),
            after: vec!["Bye".into()],
            site: "https://chat.example.org".into(),
        };
        let mail = letter.to("ada@example.org");
        assert!(mail.html.contains("<p>&lt;b&gt;Hello&lt;/b&gt; &amp; welcome</p>"), "{}", mail.html);
        assert!(mail.html.contains("href=\"https://chat.example.org/x?a=1&amp;b=&quot;\""), "{}", mail.html);
        let text = "<b>Hello</b> & welcome\n\nhttps://chat.example.org/x?a=1&b=\"\n\nBye\n\n-- \nTessera\nhttps://chat.example.org\n";
        assert_eq!(mail.text, text);
    }
}
