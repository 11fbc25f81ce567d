//! What the page shows of the sources: made by `catalog/` on the server, absent in the browser.

/// A component or a function, as its source describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documented {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// What it takes or is made of.
    pub parts: Vec<Part>,
}

/// A prop, a variant or a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its type; empty for a variant.
    pub kind: String,
    /// What it is when nobody says; `None` if somebody has to.
    pub default: Option<String>,
    /// What it means.
    pub about: String,
}

/// A piece of the code of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Snippet {
    /// It stays as it is.
    Fixed(String),
    /// The value of the knob with this name stands here.
    Value(&'static str),
    /// It is there only while the knob with this name is on.
    While(&'static str, String),
}

/// What the sources say about an entry of the gallery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryDocument {
    /// Its components, with their props.
    pub components: Vec<Documented>,
    /// The types of those props.
    pub types: Vec<Documented>,
    /// The code of its example.
    pub code: Vec<Snippet>,
}

/// By the name of the entry.
#[derive(Debug, Clone, Copy)]
pub struct Catalog(pub &'static [(&'static str, EntryDocument)]);

impl Catalog {
    /// The document of an entry.
    #[must_use]
    pub fn find(self, name: &str) -> Option<&'static EntryDocument> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, document)| document)
    }
}
