//! Base64 as others write it: with line ends, without padding, in the alphabet of URLs, or escaped as in a URL.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;

/// Takes any padding, and none.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes; `None` where it is no Base64.
#[must_use]
pub fn decode_leniently(text: &str) -> Option<Vec<u8>> {
    // What needs nothing of all this is decoded as it stands: it may be megabytes.
    LENIENT.decode(text).ok().or_else(|| {
        let plain: Vec<u8> = percent_decode_str(text)
            .filter(|byte| !byte.is_ascii_whitespace())
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => byte,
            })
            .collect();
        LENIENT.decode(plain).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_however_they_are_written() {
        let bytes = b"\xfb\xff\xfe and more";
        for text in [
            "+//+IGFuZCBtb3Jl",
            "-__-IGFuZCBtb3Jl",
            "+//+IGFu\r\nZCBt\tb3Jl\n",
            " +//+IGFuZCBtb3Jl ",
            "%2B//%2BIGFuZCBtb3Jl",
        ] {
            assert_eq!(decode_leniently(text).as_deref(), Some(&bytes[..]), "{text:?}");
        }
        for text in ["YQ==", "YQ", "YQ=", "YQ%3D%3D", "Y Q = ="] {
            assert_eq!(decode_leniently(text).as_deref(), Some(&b"a"[..]), "{text:?}");
        }
        assert_eq!(decode_leniently("").as_deref(), Some(&b""[..]));
        for text in ["%%%", "a", "YQ==YQ==", "é", "<script>"] {
            assert_eq!(decode_leniently(text), None, "{text:?}");
        }
    }
}
