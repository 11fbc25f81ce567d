//! The shapes that an image can have.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Width to height. Each is about a million pixels; the sizes are those of Flux Schnell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AspectRatio {
    Square,
    #[default]
    Wide,
    UltraWide,
    Landscape3x2,
    Portrait2x3,
    Portrait4x5,
    Landscape5x4,
    Portrait3x4,
    Landscape4x3,
    Tall,
    UltraTall,
}

impl AspectRatio {
    /// From the widest to the tallest.
    pub const ALL: [Self; 11] = [
        Self::UltraWide,
        Self::Wide,
        Self::Landscape3x2,
        Self::Landscape4x3,
        Self::Landscape5x4,
        Self::Square,
        Self::Portrait4x5,
        Self::Portrait3x4,
        Self::Portrait2x3,
        Self::Tall,
        Self::UltraTall,
    ];

    /// `16:9` …
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Square => "1:1",
            Self::Wide => "16:9",
            Self::UltraWide => "21:9",
            Self::Landscape3x2 => "3:2",
            Self::Portrait2x3 => "2:3",
            Self::Portrait4x5 => "4:5",
            Self::Landscape5x4 => "5:4",
            Self::Portrait3x4 => "3:4",
            Self::Landscape4x3 => "4:3",
            Self::Tall => "9:16",
            Self::UltraTall => "9:21",
        }
    }

    /// The ratio of a name; `None` for what is not on offer.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ratio| ratio.as_str() == name)
    }

    /// Width and height in pixels.
    #[must_use]
    pub const fn size(self) -> (u32, u32) {
        match self {
            Self::Square => (1024, 1024),
            Self::Wide => (1344, 768),
            Self::UltraWide => (1536, 640),
            Self::Landscape3x2 => (1216, 832),
            Self::Portrait2x3 => (832, 1216),
            Self::Portrait4x5 => (896, 1088),
            Self::Landscape5x4 => (1088, 896),
            Self::Portrait3x4 => (896, 1152),
            Self::Landscape4x3 => (1152, 896),
            Self::Tall => (768, 1344),
            Self::UltraTall => (640, 1536),
        }
    }
}

impl Serialize for AspectRatio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AspectRatio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom(format_args!("{name:?} is no aspect ratio")))
    }
}

#[cfg(test)]
mod tests {
    use super::AspectRatio;

    #[test]
    fn every_name_is_the_name_of_one() {
        for ratio in AspectRatio::ALL {
            assert_eq!(AspectRatio::parse(ratio.as_str()), Some(ratio));
            let (width, height) = ratio.size();
            assert!((900_000..1_100_000).contains(&(width * height)), "{}", ratio.as_str());
        }
        assert_eq!(AspectRatio::parse("16/9"), None);
        assert_eq!(AspectRatio::default().as_str(), "16:9");
    }
}
