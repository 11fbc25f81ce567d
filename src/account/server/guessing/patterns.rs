//! What is guessed first without being a word: runs of keys, of the alphabet, of one character, and dates.

/// Keys that lie beside each other, by rows and columns of the keyboards of English, German and French.
const KEYS: [&str; 27] = [
    "`1234567890-=",
    "~!@#$%^&*()_+",
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü+",
    "asdfghjklöä#",
    "yxcvbnm,.-",
    "azertyuiop",
    "qsdfghjklmù",
    "wxcvbn,;:!",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
    "6yhn",
    "7ujm",
    "8ik,",
    "9ol.",
    "0p;/",
    "1yaq",
    "7410",
    "8520",
    "9630",
    "q1w2e3r4t5y6u7i8o9p0",
    "1q2w3e4r5t6y7u8i9o0p",
];
/// How many places to begin at, there and back.
const STARTS: u64 = 100;
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2049;

/// The guesses for a text in small letters, if it is one of these.
pub(super) fn guesses(text: &[char]) -> Option<u64> {
    [run(text), keys(text), digits(text)].into_iter().flatten().min()
}

fn length(text: &[char]) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// One character again and again, or each as far from the one before: `aaa`, `abc`, `97531`.
fn run(text: &[char]) -> Option<u64> {
    let first = *text.first()?;
    let step = i64::from(u32::from(*text.get(1)?)) - i64::from(u32::from(first));
    let is_run = text.len() > 2
        && step.abs() <= 2
        && text.windows(2).all(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])) == step);
    let starts = match first {
        'a' | 'z' | '0' | '1' | '9' => 4,
        '0'..='9' => 10,
        _ => 26,
    };
    is_run.then(|| starts * length(text) * if step < 0 { 2 } else { 1 })
}

fn keys(text: &[char]) -> Option<u64> {
    let there: String = text.iter().collect();
    let back: String = text.iter().rev().collect();
    let is_run = text.len() > 2 && KEYS.iter().any(|keys| keys.contains(&there) || keys.contains(&back));
    is_run.then(|| STARTS.max(STARTS / 4 * length(text)))
}

/// A year, or a date in any order of its parts, with or without something between them.
fn digits(text: &[char]) -> Option<u64> {
    let text: String = text.iter().collect();
    if text.len() == 4 && is_year(&text) {
        return Some(100);
    }
    let whole = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(between) = text.chars().find(|character| "-./ _".contains(*character)) {
        let parts: Vec<&str> = text.split(between).collect();
        let &[first, second, third] = parts.as_slice() else { return None };
        return (parts.iter().all(|part| whole(part)) && is_date([first, second, third])).then_some(4 * DATES);
    }
    let cuts: &[(usize, usize)] = match text.len() {
        6 => &[(2, 4)],
        8 => &[(2, 4), (4, 6)],
        _ => return None,
    };
    let is_cut =
        |(first, second): &(usize, usize)| is_date([&text[..*first], &text[*first..*second], &text[*second..]]);
    (whole(&text) && cuts.iter().any(is_cut)).then_some(DATES)
}

/// Days of as many years as people are old.
const DATES: u64 = 365 * 80;

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.parse().is_ok_and(|year| YEARS.contains(&year))
}

fn is_date([first, second, third]: [&str; 3]) -> bool {
    let within =
        |text: &str, most: u32| text.len() <= 2 && text.parse().is_ok_and(|number| (1..=most).contains(&number));
    let is_day = |one: &str, other: &str| within(one, 12) && within(other, 31) || within(one, 31) && within(other, 12);
    let is_year = |text: &str| text.len() == 2 || is_year(text);
    is_year(third) && is_day(first, second) || is_year(first) && is_day(second, third)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(text: &str) -> bool {
        guesses(&text.chars().collect::<Vec<_>>()).is_some()
    }

    #[test]
    fn runs_keys_and_dates_are_known() {
        for known in
            ["aaa", "abc", "cba", "2468", "rewq", "zaq1", "1999", "120590", "19900512", "12.5.90", "2024-02-29"]
        {
            assert!(is_known(known), "{known}");
        }
        for other in ["ab", "acb", "qwt", "3999", "991399", "12.5", "1.2.3.4", "12.x.90", "四五六", "..", ""] {
            assert!(!is_known(other), "{other}");
        }
    }
}
