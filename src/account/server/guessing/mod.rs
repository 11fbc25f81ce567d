//! How many guesses a password takes from somebody who tries the likely ones first, as far as that is few.
//!
//! It is cut into pieces that guessers know (common words, keys that lie beside each other, dates, what is known of the user),
//! and what is left into single characters; the cut that takes the fewest guesses counts. So this is what zxcvbn does, over lists
//! that are searched where they lie in the program, in place of tables on the heap.

mod patterns;
mod words;

/// As many as an attacker may try without any effort: a password that takes fewer is refused.
pub const ENOUGH: u64 = 1_000_000;

/// Guesses for a character that belongs to nothing.
const CHARACTER: u64 = 10;
/// A piece takes at least so many: which one it is must be guessed as well.
const PIECE: u64 = 50;
/// Characters of a piece, at most.
const LONGEST: usize = 32;

/// Whether a password takes fewer than [`ENOUGH`] guesses of somebody who knows these words of its user.
#[must_use]
pub fn is_guessable(password: &str, known: &[String]) -> bool {
    let known: Vec<Vec<char>> = known.iter().map(|word| lower(word.chars())).collect();
    count(&password.chars().collect::<Vec<_>>(), &known) < ENOUGH
}

fn lower(text: impl Iterator<Item = char>) -> Vec<char> {
    // One for one, so that places stay what they are.
    text.map(|character| character.to_lowercase().next().unwrap_or(character)).collect()
}

/// The guesses for all of it; no more exact than it has to be from [`ENOUGH`] on.
fn count(password: &[char], known: &[Vec<char>]) -> u64 {
    if let Some((unit, times)) = repeated(password) {
        return count(unit, known).saturating_mul(times);
    }
    // The fewest for the first so many characters.
    let mut least: Vec<u64> = vec![1];
    for end in 1..=password.len() {
        let mut fewest = least[end - 1].saturating_mul(CHARACTER);
        for begin in (0..end).rev() {
            let before = least[begin];
            let is_near = end - begin <= LONGEST || begin == 0;
            if end - begin < 3 || before >= ENOUGH || !is_near {
                continue;
            }
            if let Some(guesses) = piece(&password[begin..end], known) {
                let whole = begin == 0 && end == password.len();
                // The order of pieces must be guessed as well.
                let guesses = if whole { guesses } else { guesses.max(PIECE) * if begin == 0 { 1 } else { 2 } };
                fewest = fewest.min(before.saturating_mul(guesses));
            }
        }
        least.push(fewest);
    }
    least.last().copied().unwrap_or(1)
}

/// A text that is a shorter one again and again, perhaps with a part of it at the end; and how often.
fn repeated(text: &[char]) -> Option<(&[char], u64)> {
    let period = (1..=text.len() / 2).find(|period| text[*period..] == text[..text.len() - period])?;
    Some((&text[..period], u64::try_from(text.len().div_ceil(period)).unwrap_or(u64::MAX)))
}

/// The guesses for one piece that guessers know.
fn piece(text: &[char], known: &[Vec<char>]) -> Option<u64> {
    let lowered = lower(text.iter().copied());
    let of_word = words::guesses(&lowered, known).map(|guesses| guesses.saturating_mul(spellings(text, &lowered)));
    of_word.into_iter().chain(patterns::guesses(&lowered)).min()
}

/// How many ways to put capitals into a word are tried before this one.
fn spellings(text: &[char], lowered: &[char]) -> u64 {
    let capitals = text.iter().zip(lowered).filter(|(typed, lower)| typed != lower).count();
    let is_first = text.first() != lowered.first();
    match capitals {
        0 => 1,
        1 if is_first => 2,
        _ if capitals == text.iter().filter(|character| character.is_alphabetic()).count() => 2,
        _ => 1 << capitals.min(text.len() - capitals).clamp(2, 16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["ada.lovelace@example.org", "ada.lovelace", "lovelace", "tessera"];

    fn is_guessable(password: &str) -> bool {
        super::is_guessable(password, &KNOWN.map(str::to_owned))
    }

    #[test]
    fn what_is_guessed_first_is_known() {
        for weak in [
            "password",
            "PASSWORD",
            "Password1",
            "Password1!",
            "p4ssw0rd",
            "P@ssw0rd!",
            "drowssap",
            "passwordpassword",
            "letmein123",
            "iloveyou2",
            "sunshine99",
            "12345678",
            "87654321",
            "13579246",
            "qwertyuiop",
            "qwertzuiop",
            "azertyuiop",
            "1qaz2wsx",
            "zaq12wsx",
            "!@#$%^&*",
            "asdfghjkl;",
            "aaaaaaaaaaaa",
            "abababababab",
            "abcabcabcabc",
            "abcdefgh",
            "zyxwvuts",
            "абвгдежз",
            "19900512",
            "12.05.1990",
            "05/12/1990",
            "1990-05-12",
            "summer2024",
            "Tessera1",
            "tessera2026!",
            "lovelace1815",
            "Ada.Lovelace@Example.org",
            "ecalevol1",
            "elizabeth",
            "information",
        ] {
            assert!(is_guessable(weak), "{weak}: {}", guesses(weak));
        }
    }

    #[test]
    fn what_has_to_be_searched_for_is_not() {
        for good in [
            "correct horse battery",
            "Xk2-uuQ7!lm",
            "x7Kq2mVp",
            "hz4k9wqv",
            "四时田园杂兴其一二",
            "lovelace meets turing twice",
            "we met on 12 may in Kyoto",
            "Grün7!Vogel+Teich",
            "кот съел мой борщ",
        ] {
            assert!(!is_guessable(good), "{good}: {}", guesses(good));
        }
    }

    fn guesses(password: &str) -> u64 {
        count(&password.chars().collect::<Vec<_>>(), &KNOWN.map(|word| lower(word.chars())))
    }

    /// Whoever registers waits for it, and may send anything.
    #[test]
    fn the_longest_take_no_time() {
        for unit in ["p@5$", "a", "01", "qwertz", "q1w2e3r4t5y6u7i8o9p0", "4bcd3fgh1jklmn0pqr57uvwxyz"] {
            let long: String = unit.chars().cycle().take(127).chain(['!']).collect();
            let begun = std::time::Instant::now();
            guesses(&long);
            // A thousandth of it in a release; this is against what grows with the square of the length or worse.
            assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{unit}: {:?}", begun.elapsed());
        }
    }
}
