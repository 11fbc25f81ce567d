//! What the file only names: keys, which are in variables. Nothing that may be a secret is repeated.

use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use secrecy::SecretString;
use toml::Spanned;
use toml::de::DeValue;

use crate::chat::server::providers::Key;
use crate::platform::config::Environment;
use crate::platform::data_file::{Field, Reading, Section};
use crate::platform::redact::names_a_secret;

/// What is said instead of a value that is no name.
const NAME_IT: &str = "name the variable that has it, as in \"MY_API_KEY\": this file has no secrets";
/// The same for a header.
const NAME_IT_HERE: &str = "name the variable that has it, as in \"$MY_TOKEN\": this file has no secrets";
/// Headers that depend on what is sent and where it goes.
const OWN_HEADERS: [HeaderName; 5] = [HOST, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, CONNECTION];
/// Headers that are known to have secrets.
const SECRET_HEADERS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key"];

/// The key that a variable has.
pub(super) fn read_key<'a>(
    reading: &mut Reading<'a>,
    section: &Section<'a>,
    is_needed: bool,
    environment: &Environment,
) -> Option<Key> {
    let Some(value) = section.get("key").map(Spanned::get_ref) else {
        if is_needed {
            reading.problem(section, "", "key is missing: the name of the variable that has it");
        }
        return None;
    };
    let name = value.as_str().unwrap_or_default();
    let key = read_variable(name, environment);
    match key {
        Ok(key) => Some(Key(SecretString::from(key.to_owned()))),
        Err(problem) => {
            reading.problem(section, "key", problem);
            None
        }
    }
}

/// Headers as they are; a value that begins with `$` names a variable.
pub(super) fn read_headers<'a>(
    reading: &mut Reading<'a>,
    section: &Section<'a>,
    environment: &Environment,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Field::Is(section) = reading.section(section, "headers") else { return headers };
    for (key, value) in section.table {
        let key = key.get_ref().as_ref();
        match read_header(key, value.get_ref(), environment) {
            Ok((name, value)) => _ = headers.insert(name, value),
            Err(problem) => reading.problem(&section, key, problem),
        }
    }
    headers
}

fn read_header(key: &str, value: &DeValue<'_>, environment: &Environment) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::try_from(key).map_err(|_| "is not the name of a header".to_owned())?;
    if OWN_HEADERS.contains(&name) {
        return Err("is set for each request by itself".to_owned());
    }
    let text = value.as_str().ok_or("is not a text")?;
    let variable = text.strip_prefix('$');
    if variable.is_none() && SECRET_HEADERS.contains(&name.as_str()) {
        return Err(NAME_IT_HERE.to_owned());
    }
    let text = match variable {
        Some(variable) => read_variable(variable, environment)?,
        None => text,
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| "has what no header can have".to_owned())?;
    value.set_sensitive(variable.is_some());
    Ok((name, value))
}

fn read_variable<'e>(name: &str, environment: &'e Environment) -> Result<&'e str, String> {
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    // Only those are kept out of the log.
    if !is_name || !names_a_secret(name) {
        return Err(if is_name {
            format!("{name}: the name of a variable with a secret ends in _KEY, _TOKEN, _SECRET or _PASSWORD")
        } else {
            NAME_IT.to_owned()
        });
    }
    environment.get(name).ok_or_else(|| format!("the variable {name} is not set"))
}
