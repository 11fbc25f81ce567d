//! Base64 as others write it: with line ends, without padding, in the alphabet of URLs, escaped as in a URL or in JSON.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What is left when padding is gone.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Letters that are decoded at once: whole groups of four.
const BLOCK: usize = 16 * 1024;

/// Why there are no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecoded {
    /// It is no Base64.
    Malformed,
    /// There are more bytes than are wanted.
    TooLong,
}

/// The bytes, of which there may be `most`. Nothing but them is kept of the text, which may be megabytes.
pub fn decode_leniently(text: &[u8], most: usize) -> Result<Vec<u8>, Undecoded> {
    let mut bytes = Vec::with_capacity((text.len() / 4 * 3 + 3).min(most));
    let mut block = Block { letters: [0; BLOCK], length: 0, padding: 0 };
    let mut rest = text;
    while !rest.is_empty() {
        // What needs nothing of all this is decoded as it stands.
        if block.length == 0
            && block.padding == 0
            && let Some((plain, others)) = rest.split_at_checked(BLOCK)
            && append(plain, &mut bytes, most)?
        {
            rest = others;
            continue;
        }
        while let Some((letter, others)) = next_letter(rest) {
            rest = others;
            if block.take(letter)? {
                break;
            }
        }
        if block.length == BLOCK {
            block.end(&mut bytes, most)?;
        }
    }
    block.end(&mut bytes, most)?;
    Ok(bytes)
}

/// The data of a data URL, which has to be Base64: what is before it is read without regard to case and parameters.
#[must_use]
pub fn data_of_url(url: &str) -> Option<&str> {
    let (head, data) = url.split_once(',')?;
    let (scheme, label) = head.split_at_checked("data:".len())?;
    let is_base64 = label.rsplit_once(';').is_some_and(|(_, last)| last.trim().eq_ignore_ascii_case("base64"));
    (scheme.eq_ignore_ascii_case("data:") && is_base64).then_some(data)
}

/// The next byte, and what follows it.
fn next_letter(text: &[u8]) -> Option<(u8, &[u8])> {
    let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    Some(match text {
        [b'%', high, low, rest @ ..] => (hex(&[*high, *low]).unwrap_or(b'%'), rest),
        [b'\\', b'u', b'0', b'0', high, low, rest @ ..] => (hex(&[*high, *low]).unwrap_or(b'\\'), rest),
        [b'\\', b'n' | b'r' | b't', rest @ ..] => (b'\n', rest),
        [b'\\', b'/', rest @ ..] => (b'/', rest),
        [letter, rest @ ..] => (*letter, rest),
        [] => return None,
    })
}

/// Appends what a block of letters says; not, where some are none.
fn append(letters: &[u8], bytes: &mut Vec<u8>, most: usize) -> Result<bool, Undecoded> {
    let mut decoded = [0; BLOCK / 4 * 3];
    let Ok(length) = LENIENT.decode_slice(letters, &mut decoded) else { return Ok(false) };
    if bytes.len() + length > most {
        return Err(Undecoded::TooLong);
    }
    bytes.extend_from_slice(&decoded[..length]);
    Ok(true)
}

/// Letters that are not decoded yet.
struct Block {
    letters: [u8; BLOCK],
    length: usize,
    padding: usize,
}

impl Block {
    /// Whether it is full.
    fn take(&mut self, letter: u8) -> Result<bool, Undecoded> {
        let letter = match letter {
            b'=' => {
                self.padding += 1;
                return Ok(false);
            }
            b'-' => b'+',
            b'_' => b'/',
            letter if letter.is_ascii_whitespace() => return Ok(false),
            letter => letter,
        };
        if self.padding > 0 {
            return Err(Undecoded::Malformed);
        }
        self.letters[self.length] = letter;
        self.length += 1;
        Ok(self.length == BLOCK)
    }

    fn end(&mut self, bytes: &mut Vec<u8>, most: usize) -> Result<(), Undecoded> {
        let is_read = self.padding < 3 && append(&self.letters[..self.length], bytes, most)?;
        self.length = 0;
        if is_read { Ok(()) } else { Err(Undecoded::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1024 * 1024;

    fn decode(text: &str) -> Result<Vec<u8>, Undecoded> {
        decode_leniently(text.as_bytes(), MOST)
    }

    #[test]
    fn the_same_bytes_however_they_are_written() {
        let bytes = b"\xfb\xff\xfe and more";
        for text in [
            "+//+IGFuZCBtb3Jl",
            "-__-IGFuZCBtb3Jl",
            "+//+IGFu\r\nZCBt\tb3Jl\n",
            " +//+IGFuZCBtb3Jl ",
            "%2B//%2BIGFuZCBtb3Jl",
            "+\\/\\/+IGFuZCBtb3Jl\\r\\n",
            "\\u002b//+IGFuZCBtb3Jl",
        ] {
            assert_eq!(decode(text).as_deref(), Ok(&bytes[..]), "{text:?}");
        }
        for text in ["YQ==", "YQ", "YQ=", "YQ%3D%3D", "Y Q = ="] {
            assert_eq!(decode(text).as_deref(), Ok(&b"a"[..]), "{text:?}");
        }
        assert_eq!(decode("").as_deref(), Ok(&b""[..]));
        for text in ["%%%", "a", "YQ==YQ==", "é", "<script>", "YQ\\", "====", "YQ=Y"] {
            assert_eq!(decode(text), Err(Undecoded::Malformed), "{text:?}");
        }
    }

    #[test]
    fn long_texts_are_read_block_by_block_and_only_as_far_as_is_wanted() {
        let bytes: Vec<u8> = (0..100_003_u32).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect();
        let plain = base64::prelude::BASE64_STANDARD.encode(&bytes);
        let in_lines: Vec<_> = plain.as_bytes().chunks(76).collect();
        for text in [
            plain.clone().into_bytes(),
            in_lines.join(&b"\r\n"[..]),
            in_lines.join(&b"\\n"[..]),
            plain.replace('/', "\\/").into_bytes(),
            plain.replace('/', "_").replace('+', "-").into_bytes(),
            plain.replace('/', "%2F").replace('+', "%2b").into_bytes(),
        ] {
            assert_eq!(decode_leniently(&text, bytes.len()).as_ref(), Ok(&bytes));
            assert_eq!(decode_leniently(&text, bytes.len() - 1), Err(Undecoded::TooLong));
            // No room is taken for what is not wanted.
            assert!(decode_leniently(&text, 50_000).is_err());
        }
        assert_eq!(decode(&format!("{plain}!")), Err(Undecoded::Malformed));
        assert_eq!(decode(&format!("!{plain}")), Err(Undecoded::Malformed));
    }
}
