//! Which kind of image a file is, by its name on the wire and by its first bytes. Who takes which is up to the features.

/// An image that browsers and models show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageType {
    Png,
    Jpeg,
    WebP,
    Gif,
}

impl ImageType {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::WebP, Self::Gif];

    /// As in `Content-Type`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// What names of files end with.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Gif => "gif",
        }
    }

    /// The type of a media type without parameters.
    #[must_use]
    pub fn parse(media_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.media_type() == media_type)
    }

    /// What the first bytes say: <https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern>.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', b'V', b'P', ..] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_first_bytes() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], ImageType::Png),
            (b"\xFF\xD8\xFF\xE0", ImageType::Jpeg),
            (b"RIFF\0\0\0\0WEBPVP8 ", ImageType::WebP),
            (b"GIF87a", ImageType::Gif),
            (b"GIF89a", ImageType::Gif),
        ] {
            assert_eq!(ImageType::sniff(bytes), Some(kind));
        }
        for bytes in [&b""[..], b"<script>", b"\x89PNG\n", b"RIFF\0\0\0\0WAVEfmt ", b"GIF88a", b"\xFF\xD8"] {
            assert_eq!(ImageType::sniff(bytes), None);
        }
    }

    #[test]
    fn every_media_type_is_read_back() {
        for kind in ImageType::ALL {
            assert_eq!(ImageType::parse(kind.media_type()), Some(kind));
        }
        assert_eq!(ImageType::parse("image/svg+xml"), None);
        assert_eq!(ImageType::parse("image/png;x=1"), None);
    }
}
