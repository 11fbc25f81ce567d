//! The table of a feature's providers: what each is called, what it needs, and how it is built.

use std::fmt::{self, Debug};
use std::sync::Arc;

use super::Provider;
use crate::platform::config::Reader;
use crate::platform::site::SiteConfig;

/// A provider of this version, configured or not. Its file has its row, and its feature's table lists it.
pub struct ProviderRow<P: ?Sized> {
    /// What requests, pages and `CHAT_PROVIDERS` or `IMAGE_PROVIDERS` call it.
    pub name: &'static str,
    /// The variables without which it is not configured.
    pub needs: &'static str,
    /// Reads them; `None`: it is not configured.
    pub read: ReadProvider<P>,
}

/// Reads what is set for a provider.
pub type ReadProvider<P> = fn(&mut Reader, &SiteConfig) -> Option<Arc<dyn ProviderConfig<P>>>;

/// What is set for a provider.
pub trait ProviderConfig<P: ?Sized>: Debug + Send + Sync {
    /// The provider.
    ///
    /// # Errors
    /// One line that names the variable.
    fn build(&self) -> Result<Arc<P>, String>;
}

/// A provider with what is set for it.
pub struct ConfiguredProvider<P: ?Sized> {
    pub name: &'static str,
    config: Arc<dyn ProviderConfig<P>>,
}

impl<P: ?Sized> Clone for ConfiguredProvider<P> {
    fn clone(&self) -> Self {
        Self { name: self.name, config: self.config.clone() }
    }
}

impl<P: ?Sized> Debug for ConfiguredProvider<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.name).field(&self.config).finish()
    }
}

/// The providers that `variable` lists, in its order; all that are configured, in the order of the table, if it is not set.
pub fn read_providers<P: ?Sized>(
    table: &[ProviderRow<P>],
    variable: &str,
    reader: &mut Reader,
    site: &SiteConfig,
) -> Vec<ConfiguredProvider<P>> {
    let mut configured = Vec::new();
    for row in table {
        configured.extend((row.read)(reader, site).map(|config| ConfiguredProvider { name: row.name, config }));
    }
    let mut listed: Vec<ConfiguredProvider<P>> = Vec::new();
    for name in reader.list(variable) {
        let Some(row) = table.iter().find(|row| row.name == name) else {
            let known: Vec<_> = table.iter().map(|row| row.name).collect();
            reader.problem(variable, format!("{name:?} is not one of {}", known.join(", ")));
            continue;
        };
        match configured.iter().find(|provider| provider.name == name) {
            None => reader.problem(variable, format!("{name} is listed but not configured (set {})", row.needs)),
            Some(_) if listed.iter().any(|provider| provider.name == name) => {
                reader.problem(variable, format!("{name} is listed twice"));
            }
            Some(provider) => listed.push(provider.clone()),
        }
    }
    if listed.is_empty() { configured } else { listed }
}

/// Builds providers, in their order.
///
/// # Errors
/// One line that names the variable.
pub fn build_providers<P: Provider + ?Sized>(providers: &[ConfiguredProvider<P>]) -> Result<Vec<Arc<P>>, String> {
    let build = |configured: &ConfiguredProvider<P>| {
        let provider = configured.config.build()?;
        // Requests would ask for it by the one name, and what it made would be stored under the other.
        if provider.name() == configured.name {
            Ok(provider)
        } else {
            Err(format!("the provider {} calls itself {}", configured.name, provider.name()))
        }
    };
    providers.iter().map(build).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Calls itself as it is told.
    #[derive(Debug)]
    struct Parrot(&'static str);

    impl Provider for Parrot {
        fn name(&self) -> &'static str {
            self.0
        }

        fn model(&self) -> String {
            "parrot".to_owned()
        }
    }

    impl ProviderConfig<dyn Provider> for Parrot {
        fn build(&self) -> Result<Arc<dyn Provider>, String> {
            Ok(Arc::new(Self(self.0)))
        }
    }

    const TABLE: [ProviderRow<dyn Provider>; 3] = [
        ProviderRow {
            name: "grey",
            needs: "GREY_KEY",
            read: |reader, _| reader.text("GREY_KEY").map(|_| Arc::new(Parrot("grey")) as _),
        },
        ProviderRow { name: "red", needs: "", read: |_, _| Some(Arc::new(Parrot("red"))) },
        ProviderRow { name: "green", needs: "", read: |_, _| Some(Arc::new(Parrot("blue"))) },
    ];

    fn read(vars: &[(&str, &str)]) -> Result<Vec<ConfiguredProvider<dyn Provider>>, Vec<String>> {
        let vars: BTreeMap<_, _> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&vars);
        let site = SiteConfig::read(&mut reader);
        let providers = read_providers(&TABLE, "BIRDS", &mut reader, &site);
        reader.finish(providers)
    }

    #[test]
    fn those_listed_are_asked_else_all_that_are_configured() {
        let names = |vars: &[(&str, &str)]| read(vars).unwrap().iter().map(|bird| bird.name).collect::<Vec<_>>();
        assert_eq!(names(&[]), ["red", "green"]);
        assert_eq!(names(&[("GREY_KEY", "k")]), ["grey", "red", "green"]);
        assert_eq!(names(&[("GREY_KEY", "k"), ("BIRDS", "red, grey")]), ["red", "grey"]);
        for (list, why) in [
            ("grey", "BIRDS: grey is listed but not configured (set GREY_KEY)"),
            ("red,red", "BIRDS: red is listed twice"),
            ("crow", r#"BIRDS: "crow" is not one of grey, red, green"#),
        ] {
            assert_eq!(read(&[("BIRDS", list)]).unwrap_err(), [why]);
        }
    }

    #[test]
    fn a_provider_calls_itself_as_its_row_does() {
        assert_eq!(build_providers(&read(&[("BIRDS", "red")]).unwrap()).unwrap().len(), 1);
        let wrong = build_providers(&read(&[("BIRDS", "green")]).unwrap()).err();
        assert_eq!(wrong.as_deref(), Some("the provider green calls itself blue"));
    }
}
