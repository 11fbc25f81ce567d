//! Reading single values: what is wrong with one is remembered by its name, and reading goes on.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::amount::Amount;
use super::redact::Secrets;

/// The variables, for files that name some of them.
#[derive(Clone, Default)]
pub struct Environment(Arc<BTreeMap<String, String>>);

impl Environment {
    /// What a variable has; `None` where it is empty or not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

// Without values: some are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

/// Takes values out of the variables and collects what is wrong with them.
pub struct Reader<'a> {
    vars: &'a BTreeMap<String, String>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(vars: &'a BTreeMap<String, String>) -> Self {
        Self { vars, problems: Vec::new() }
    }

    /// The secrets among the variables.
    pub fn secrets(&self) -> Secrets {
        Secrets::of(self.vars)
    }

    /// All variables, as they are now.
    pub fn environment(&self) -> Environment {
        Environment(Arc::new(self.vars.clone()))
    }

    /// What was read, or all that is wrong with it.
    pub fn finish<T>(self, config: T) -> Result<T, Vec<String>> {
        if self.problems.is_empty() { Ok(config) } else { Err(self.problems) }
    }

    pub fn problem(&mut self, name: &str, why: impl Display) {
        self.problems.push(format!("{name}: {why}"));
    }

    /// The names of all variables, for settings whose names are not known beforehand.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.vars.keys().map(String::as_str)
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.vars.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub fn list(&self, name: &str) -> Vec<&'a str> {
        self.text(name).unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
    }

    pub fn parsed<T: FromStr>(&mut self, name: &str, default: T, expected: &str) -> T {
        match self.text(name).map(str::parse) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                self.problem(name, format!("{:?} is not {expected}", self.text(name).unwrap_or_default()));
                default
            }
        }
    }

    pub fn at_least<T: FromStr + PartialOrd + Display + Copy>(&mut self, name: &str, default: T, least: T) -> T {
        let value = self.parsed(name, default, &format!("a whole number of at least {least}"));
        if value < least {
            self.problem(name, format!("{value} is less than {least}"));
        }
        value
    }

    /// A time in seconds, from one to a year: clocks cannot add much more.
    pub fn seconds(&mut self, name: &str, default: u64) -> Duration {
        const MOST: u64 = 366 * 86_400;
        let seconds = self.at_least(name, default, 1);
        if seconds > MOST {
            self.problem(name, format!("{seconds} is more than {MOST}, a year"));
        }
        Duration::from_secs(seconds.min(MOST))
    }

    /// A number of credits with at most six decimals.
    pub fn amount(&mut self, name: &str, default: Amount, least: Amount) -> Amount {
        let Some(text) = self.text(name) else { return default };
        match Amount::parse(text) {
            Some(amount) if amount >= least => amount,
            Some(amount) => {
                let problem = format!("{amount} is less than {least}");
                self.problem(name, problem);
                default
            }
            None => {
                let problem = format!("{text:?} is not a number of credits with at most six decimals");
                self.problem(name, problem);
                default
            }
        }
    }

    /// A number of tokens, if one is set.
    pub fn window(&mut self, name: &str) -> Option<u32> {
        self.text(name).map(|_| self.at_least(name, 1, 1))
    }

    pub fn url(&mut self, name: &str, default: &str) -> Url {
        let url = self.try_url(name, default);
        if url.is_none() {
            // A URL may carry a password: name the variable, never the value.
            self.problem(name, "is not an http or https URL");
        }
        url.unwrap_or_else(some_url)
    }

    /// The same, where somebody else says what is wrong with it.
    pub fn quiet_url(&self, name: &str, default: &str) -> Url {
        self.try_url(name, default).unwrap_or_else(some_url)
    }

    fn try_url(&self, name: &str, default: &str) -> Option<Url> {
        let url = Url::parse(self.text(name).unwrap_or(default)).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
    }
}

/// In the place of one that is wrong: it is never used, as the configuration is refused.
fn some_url() -> Url {
    Url::parse("http://localhost:3000").unwrap_or_else(|_| unreachable!("a constant URL"))
}
