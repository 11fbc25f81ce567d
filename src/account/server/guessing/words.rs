//! Words that are guessed first.
//!
//! The lists are the commonest of leaked passwords, of the words of the English Wikipedia, and of American first and family
//! names, in small letters and in the order of their bytes, each in the list of how common it is at most. Which they are and how
//! common was counted for the frequency lists of zxcvbn (github.com/dropbox/zxcvbn, MIT; its passwords are from Mark Burnett's
//! ten million, which he gave to the public domain). They are searched as they stand: nothing of them is on the heap.

use std::cmp::Ordering;

/// Each with the number of guesses that reach its last word.
const LISTS: [(&str, u64); 3] = [
    (include_str!("first_1000.txt"), 1000),
    (include_str!("first_10000.txt"), 10_000),
    (include_str!("first_20000.txt"), 20_000),
];

/// The guesses for a word in small letters, as it stands, with letters swapped for what looks like them, or backwards; `known`
/// are tried first.
pub(super) fn guesses(word: &[char], known: &[Vec<char>]) -> Option<u64> {
    let reversed: Vec<char> = word.iter().rev().copied().collect();
    let plain = find(word, known);
    let backwards = find(&reversed, known).map(|guesses| guesses * 2);
    let swapped = ['i', 'l'].into_iter().filter_map(|one| {
        let letters: Vec<char> = word.iter().map(|character| letter(*character, one)).collect();
        if letters == word { None } else { find(&letters, known).map(|guesses| guesses * 4) }
    });
    plain.into_iter().chain(backwards).chain(swapped).min()
}

/// The letter that a character stands in for; `one` is that of `1`.
const fn letter(character: char, one: char) -> char {
    match character {
        '@' | '4' => 'a',
        '8' => 'b',
        '(' => 'c',
        '3' | '€' => 'e',
        '6' | '9' => 'g',
        '1' | '!' | '|' => one,
        '0' => 'o',
        '$' | '5' => 's',
        '7' | '+' => 't',
        '2' => 'z',
        other => other,
    }
}

fn find(word: &[char], known: &[Vec<char>]) -> Option<u64> {
    if known.iter().any(|known| known == word) {
        return Some(1);
    }
    let word: String = word.iter().collect();
    LISTS.iter().find(|(list, _)| contains(list, &word)).map(|(_, guesses)| *guesses)
}

/// Whether a sorted list with a word a line has this one.
fn contains(list: &str, word: &str) -> bool {
    let list = list.as_bytes();
    // The lines that it may be in; both are where lines begin.
    let (mut low, mut high) = (0, list.len());
    while low < high {
        let middle = low.midpoint(high);
        let begin = list[low..middle].iter().rposition(|byte| *byte == b'\n').map_or(low, |at| low + at + 1);
        let end = list[middle..high].iter().position(|byte| *byte == b'\n').map_or(high, |at| middle + at);
        match list[begin..end].cmp(word.as_bytes()) {
            Ordering::Equal => return true,
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = begin,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_list_is_found_and_no_other() {
        for (list, _) in LISTS {
            assert!(list.lines().is_sorted(), "a list that is not sorted cannot be searched");
            for word in list.lines() {
                assert!(contains(list, word), "{word}");
                assert!(!contains(list, &format!("{word}\n")), "{word}");
            }
            for other in ["", "\n", "a", "zzzzzzzzz", "~~~~", "passwore"] {
                assert!(!contains(list, other), "{other}");
            }
        }
        let bytes: usize = LISTS.iter().map(|(list, _)| list.len()).sum();
        assert!(bytes < 400_000, "{bytes}");
    }
}
