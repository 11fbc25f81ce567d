//! What conversations are called, as long as nobody calls them anything else.

/// Most characters of the title that a user gives.
pub const MAX_TITLE_CHARS: usize = 120;
/// Most characters of the title that a conversation gets from its first message.
const TITLE_CHARS: usize = 60;

/// What a conversation that begins with this message is called: its words on one short line.
#[must_use]
pub fn title_of(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TITLE_CHARS {
        return line;
    }
    let cut: String = line.chars().take(TITLE_CHARS - 1).collect();
    format!("{}…", cut.trim_end())
}

/// What a branch of a conversation with this title is called.
#[must_use]
pub fn branch_title(title: &str) -> String {
    const MARK: &str = " (branch)";
    let title = title.strip_suffix(MARK).unwrap_or(title);
    let cut: String = title.chars().take(MAX_TITLE_CHARS - MARK.len()).collect();
    cut + MARK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_called_after_its_conversation_and_a_branch_of_it_too() {
        assert_eq!(branch_title("Tides"), "Tides (branch)");
        assert_eq!(branch_title("Tides (branch)"), "Tides (branch)");
        assert_eq!(branch_title(&"é".repeat(MAX_TITLE_CHARS)).chars().count(), MAX_TITLE_CHARS);
    }

    #[test]
    fn a_title_is_one_short_line() {
        assert_eq!(title_of("\n  Hello there\nand more "), "Hello there and more");
        assert_eq!(title_of(&"é".repeat(100)).chars().count(), TITLE_CHARS);
        assert!(title_of(&"word ".repeat(40)).ends_with('…'));
    }
}
