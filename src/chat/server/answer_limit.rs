//! Where an answer ends, whoever writes it: providers are asked to keep a limit of tokens, and not all of them do.
//!
//! Tokens cannot be counted here, as each model has its own. So what is counted is what they come in, with room to spare; what
//! stores and feeds can take is far above it.

/// More than a token has on average, also in a text of white space.
const BYTES_PER_TOKEN: usize = 32;
/// In how many pieces a token may come: some servers send each letter by itself.
const PIECES_PER_TOKEN: usize = 16;

/// What may still come of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerLimit {
    bytes: usize,
    pieces: usize,
}

impl AnswerLimit {
    pub(super) fn of_tokens(tokens: u32) -> Self {
        let tokens = usize::try_from(tokens).unwrap_or(usize::MAX);
        Self { bytes: tokens.saturating_mul(BYTES_PER_TOKEN), pieces: tokens.saturating_mul(PIECES_PER_TOKEN) }
    }

    /// Cuts a piece down to what may still come. Returns whether the answer ends with it.
    pub(super) fn take(&mut self, piece: &mut String) -> bool {
        let is_over = piece.len() > self.bytes;
        if is_over {
            piece.truncate(piece.floor_char_boundary(self.bytes));
        }
        self.bytes -= piece.len();
        self.pieces = self.pieces.saturating_sub(1);
        is_over || self.bytes == 0 || self.pieces == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is let through of these pieces, and whether the answer ended by it.
    fn said(tokens: u32, pieces: &[&str]) -> (String, bool) {
        let (mut limit, mut text) = (AnswerLimit::of_tokens(tokens), String::new());
        for piece in pieces {
            let mut piece = (*piece).to_owned();
            let is_over = limit.take(&mut piece);
            text.push_str(&piece);
            if is_over {
                return (text, true);
            }
        }
        (text, false)
    }

    #[test]
    fn an_answer_ends_by_its_bytes_or_by_its_pieces() {
        assert_eq!(said(1, &["a"; 15]), ("a".repeat(15), false));
        assert_eq!(said(1, &["a"; 20]), ("a".repeat(16), true));
        assert_eq!(said(1, &[&"x".repeat(40)]), ("x".repeat(32), true));
        assert_eq!(said(1, &["x", &"é".repeat(40)]), (format!("x{}", "é".repeat(15)), true), "never half a character");
        assert_eq!(said(2, &[&"x".repeat(40)]), ("x".repeat(40), false));
        assert!(!said(u32::MAX, &[&"x".repeat(100_000)]).1);
    }

    #[test]
    fn a_token_of_white_space_is_no_flood() {
        let (text, is_over) = said(3, &[&" ".repeat(60), "word", "."]);
        assert_eq!((text.len(), is_over), (65, false));
    }
}
