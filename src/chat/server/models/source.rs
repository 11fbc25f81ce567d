//! Where providers come from: `PROVIDERS_FILE`, and the variables besides.

use super::file::{Known, ProviderFile};
use crate::platform::config::{Environment, Reader};
use crate::platform::data_file::{DataFile, Stamp};

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "providers.toml";

/// Where providers come from.
#[derive(Debug, Clone)]
pub struct ModelSource {
    pub file: DataFile,
    environment: Environment,
    own: Vec<&'static str>,
    /// What the file had at the start.
    pub read: ProviderFile,
    pub stamp: Stamp,
}

impl ModelSource {
    /// `PROVIDERS_FILE` (`providers.toml`, if that is there). `own` are the providers of the variables.
    pub(crate) fn read(reader: &mut Reader, own: Vec<&'static str>) -> Self {
        let file = DataFile::new(reader.text("PROVIDERS_FILE"), DEFAULT_FILE);
        let environment = reader.environment();
        let mut source = Self { file, environment, own, read: ProviderFile::default(), stamp: None };
        match source.load() {
            Ok((read, stamp)) => (source.read, source.stamp) = (read, stamp),
            Err(problems) => {
                for problem in problems {
                    reader.problem("PROVIDERS_FILE", problem);
                }
            }
        }
        source
    }

    /// What the file says now.
    ///
    /// # Errors
    /// Every problem, each on a line that names the file.
    pub fn load(&self) -> Result<(ProviderFile, Stamp), Vec<String>> {
        let Some((text, stamp)) = self.file.load()? else { return Ok((ProviderFile::default(), None)) };
        let known = Known { environment: &self.environment, own: &self.own };
        Ok((ProviderFile::parse(&text, &self.file.short_name(), &known)?, stamp))
    }

    /// Whether a provider of the variables is left out.
    #[must_use]
    pub fn replaces(&self, name: &str) -> bool {
        self.read.is_alone || self.read.providers.iter().any(|provider| provider.name == name)
    }

    /// The names of the file, besides those of this version.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.read.providers.iter().map(|provider| provider.name)
    }
}
