//! Which languages there are, and which one is spoken here.

/// A language of the interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Language {
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// As in `<html lang>` (BCP 47).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-Hans",
        }
    }

    /// What those who speak it call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Zh => "简体中文",
        }
    }

    /// The language of a tag such as `zh-CN`: that of its first part.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        Self::ALL.into_iter().find(|language| primary(language.code()) == primary(tag.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_says_what_it_would_rather_have() {
        assert_eq!(Language::accepted("zh-CN,zh;q=0.9,en;q=0.8"), Language::Zh);
        assert_eq!(Language::accepted("de-DE, en;q=0.5, zh-TW;q=0.7"), Language::Zh);
        assert_eq!(Language::accepted("en-GB,zh;q=0.9"), Language::En);
        for header in ["zh;q=0.5,en;q=0.8", "zh ; q=0.5 , en;Q=0.8", "zh; q=0, *", "de, *;q=0.5"] {
            assert_eq!(Language::accepted(header), Language::En, "{header}");
        }
        for header in ["ZH", "en;q=0.5, zh; q=0.8", "en; q=0, *", "en;q=0.1, *;q=0.5"] {
            assert_eq!(Language::accepted(header), Language::Zh, "{header}");
        }
        for header in ["", "fr", "*", "zh;q=0", "zh;q=x", ";q=1,,"] {
            assert_eq!(Language::accepted(header), Language::En, "{header}");
        }
    }

    #[test]
    fn a_code_is_read_back() {
        for language in Language::ALL {
            assert_eq!(Language::parse(language.code()), Some(language));
        }
        assert_eq!(Language::parse("zhx"), None);
    }
}
