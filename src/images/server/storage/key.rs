//! The names of what is kept.

use crate::platform::ids::ImageId;
use std::fmt;
use uuid::Uuid;

/// Which form of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rendition {
    /// The picture itself: PNG.
    Full,
    /// Small: WebP.
    Thumbnail,
}

impl Rendition {
    pub const ALL: [Self; 2] = [Self::Full, Self::Thumbnail];

    /// As HTTP says it.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Full => "image/png",
            Self::Thumbnail => "image/webp",
        }
    }

    /// What follows the id.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Full => ".png",
            Self::Thumbnail => ".thumb.webp",
        }
    }
}

/// The key of an object. Shown, it is a path: `images/ab/<id>.png`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    id: ImageId,
    rendition: Rendition,
}

impl ObjectKey {
    #[must_use]
    pub const fn new(id: ImageId, rendition: Rendition) -> Self {
        Self { id, rendition }
    }

    #[must_use]
    pub const fn id(self) -> ImageId {
        self.id
    }

    #[must_use]
    pub const fn rendition(self) -> Rendition {
        self.rendition
    }

    /// Two hexadecimal digits, so that no folder gets too large. The last of the id: its first are the time.
    pub(super) fn folder(self) -> String {
        format!("{:02x}", Uuid::from(self.id).as_bytes()[15])
    }

    /// `<id>.png` or `<id>.thumb.webp`.
    pub(super) fn file_name(self) -> String {
        format!("{}{}", self.id, self.rendition.suffix())
    }

    /// Reads a path back; `None` for anything that is not exactly the path of a key.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (_, name) = path.rsplit_once('/')?;
        Self::of_file_name(name).filter(|key| key.to_string() == path)
    }

    pub(super) fn of_file_name(name: &str) -> Option<Self> {
        let key = Rendition::ALL.into_iter().find_map(|rendition| {
            let id = name.strip_suffix(rendition.suffix())?.parse().ok()?;
            Some(Self { id, rendition })
        });
        // There are other ways to write an id.
        key.filter(|key| key.file_name() == name)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "images/{}/{}", self.folder(), self.file_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_path_that_reads_back() {
        let id: ImageId = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab".parse().unwrap();
        let full = ObjectKey::new(id, Rendition::Full);
        let thumbnail = ObjectKey::new(id, Rendition::Thumbnail);
        assert_eq!(full.to_string(), "images/ab/0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab.png");
        assert_eq!(thumbnail.to_string(), "images/ab/0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab.thumb.webp");
        for key in [full, thumbnail] {
            assert_eq!(ObjectKey::parse(&key.to_string()), Some(key));
            assert_eq!((key.id(), key.rendition()), (id, key.rendition));
        }
    }

    #[test]
    fn nothing_else_is_a_key() {
        for path in [
            "",
            "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab.png",
            "images/aa/0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab.png",
            "images/ab/0193A1B2-C3D4-7E5F-8A9B-0C1D2E3F4AAB.png",
            "images/ab/0193a1b2c3d47e5f8a9b0c1d2e3f4aab.png",
            "images/ab/0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab.jpg",
            "images/ab/../ab/0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab.png",
            "/images/ab/0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4aab.png",
            "images/ab/.png",
        ] {
            assert_eq!(ObjectKey::parse(path), None, "{path}");
        }
    }
}
