//! Which database it is.

use secrecy::SecretString;

use crate::platform::config::Reader;

/// Where everything is stored.
#[derive(Debug, Clone)]
pub enum DatabaseConfig {
    /// The file `tessera.db` in `DATA_DIR`: one machine.
    Sqlite,
    /// `MONGODB_URI` or `DATABASE_URL`: any number of servers. The database is the one that the URI names, or `tessera`.
    Mongo(SecretString),
}

impl DatabaseConfig {
    /// The variable that says where the database is, to name when it cannot be opened.
    #[must_use]
    pub const fn variable(&self) -> &'static str {
        match self {
            Self::Sqlite => "DATA_DIR",
            Self::Mongo(_) => "MONGODB_URI",
        }
    }

    pub(crate) fn read(reader: &mut Reader) -> Self {
        let mut found = None;
        for name in ["MONGODB_URI", "DATABASE_URL"] {
            let Some(uri) = reader.text(name) else { continue };
            // A URI carries a password: name the variable, never the value.
            if !uri.starts_with("mongodb://") && !uri.starts_with("mongodb+srv://") {
                reader.problem(
                    name,
                    "is not a mongodb:// or mongodb+srv:// URI; leave it unset to use SQLite in DATA_DIR",
                );
            }
            if found.is_some_and(|before| before != uri) {
                reader.problem(name, "is not what MONGODB_URI says; set one of them");
            }
            found = Some(uri);
        }
        found.map_or(Self::Sqlite, |uri| Self::Mongo(uri.into()))
    }
}
