//! The addresses of images, and what of the gallery they show: `/images?q=lighthouse&favorites=on`.

use crate::platform::query::{address, encode, parameter};

/// The path of the gallery.
pub const GALLERY_PATH: &str = "/images";

/// What is looked for, and from where on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words of the prompt.
    pub q: String,
    /// Only favorites.
    pub favorites: bool,
    /// After which image the list begins; the newest comes first where there is none.
    pub cursor: Option<String>,
}

impl Filter {
    /// What an address asks for.
    #[must_use]
    pub fn of(address: &str) -> Self {
        Self {
            q: parameter(address, "q").unwrap_or_default().trim().to_owned(),
            favorites: parameter(address, "favorites").is_some(),
            cursor: parameter(address, "cursor"),
        }
    }

    /// Whether every image fits.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.q.is_empty() && !self.favorites
    }

    /// The page that shows it.
    #[must_use]
    pub fn address(&self) -> String {
        self.with(GALLERY_PATH, "on")
    }

    /// Where the HTTP API lists it.
    #[must_use]
    pub fn api_path(&self) -> String {
        self.with("/api/images", "true")
    }

    fn with(&self, path: &str, yes: &str) -> String {
        let cursor = self.cursor.as_deref().unwrap_or_default();
        let favorites = if self.favorites { yes } else { "" };
        address(path, &[("q", &self.q), ("favorites", favorites), ("cursor", cursor)])
    }
}

/// The page of an image.
#[must_use]
pub fn image_address(id: &str) -> String {
    format!("{GALLERY_PATH}/{id}")
}

/// The page on which an image can be made anew with other words.
#[must_use]
pub fn vary_address(prompt: &str, aspect_ratio: &str, seed: u32) -> String {
    // A prompt may be empty, and is there nevertheless: that is what makes it a wish.
    format!("{GALLERY_PATH}?aspectRatio={aspect_ratio}&seed={seed}&prompt={}", encode(prompt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_in_the_address() {
        let filter = Filter { q: "red & 蓝 100%".to_owned(), favorites: true, cursor: Some("a-1".to_owned()) };
        assert_eq!(filter.address(), "/images?q=red%20%26%20%E8%93%9D%20100%25&favorites=on&cursor=a-1");
        assert_eq!(filter.api_path(), "/api/images?q=red%20%26%20%E8%93%9D%20100%25&favorites=true&cursor=a-1");
        assert_eq!(Filter::of(&filter.address()), filter);
        assert_eq!(Filter::default().address(), "/images");
    }

    #[test]
    fn an_address_is_read_as_a_form_writes_it() {
        let filter = Filter::of("/images?q=two+words%3F&page=1");
        assert_eq!(filter, Filter { q: "two words?".to_owned(), ..Filter::default() });
        assert!(!filter.is_open());
        // Not well-formed: as it stands.
        assert_eq!(Filter::of("/images?q=100%+%zz%e8").q, "100% %zz\u{fffd}");
    }

    #[test]
    fn the_way_to_other_words_takes_shape_and_seed_along() {
        let address = vary_address("a b", "16:9", 7);
        assert_eq!(address, "/images?aspectRatio=16:9&seed=7&prompt=a%20b");
        assert_eq!(parameter(&address, "prompt").as_deref(), Some("a b"));
    }
}
