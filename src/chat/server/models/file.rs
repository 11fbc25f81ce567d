//! `providers.toml`: what an operator writes, as providers and aliases, or all that is wrong with it.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::secrets::{read_headers, read_key};
use crate::chat::ANY_MODEL;
use crate::chat::server::providers::{KINDS, ModelSpec, ProviderKind, ProviderSpec};
use crate::platform::config::Environment;
use crate::platform::data_file::{Field, Reading, Section, read_file};
use crate::platform::names::keep_name;

/// Providers of a file, models of one, and aliases, at most.
const MOST: usize = 200;
const LABEL_CHARS: usize = 60;
/// A number of tokens, at most.
const MOST_TOKENS: u64 = 100_000_000;
/// The weight of a provider, at most.
const MOST_WEIGHT: u64 = 1000;

const MODEL_KEYS: [&str; 7] =
    ["name", "label", "context_tokens", "max_output_tokens", "sees_images", "thinks", "calls_tools"];

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProviderFile {
    /// In the order of the file.
    pub providers: Vec<ProviderSpec>,
    pub aliases: Vec<AliasSpec>,
    /// Those of the variables are left out.
    pub is_alone: bool,
}

/// A name that stands for models, which are tried one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasSpec {
    pub name: String,
    pub label: Option<String>,
    /// `provider/model`, or a provider for the first of its models.
    pub models: Vec<String>,
}

/// What a file is read with.
pub(super) struct Known<'a> {
    pub environment: &'a Environment,
    /// The providers of the variables.
    pub own: &'a [&'static str],
}

impl ProviderFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Every problem on a line that begins with `file` and its line there.
    pub(super) fn parse(text: &str, file: &str, known: &Known<'_>) -> Result<Self, Vec<String>> {
        read_file(text, file, |reading, document| read_all(reading, document, known))
    }
}

fn read_all<'a>(reading: &mut Reading<'a>, document: &'a Spanned<DeTable<'a>>, known: &Known<'_>) -> ProviderFile {
    let file = Section { name: String::new(), table: document.get_ref(), at: 0..0 };
    reading.only(&file, &["only", "provider", "alias"]);
    let is_alone = read_bool(reading, &file, "only") == Some(true);
    let mut providers: Vec<ProviderSpec> = Vec::new();
    let mut named: Vec<&'static str> = Vec::new();
    for section in sections(reading, &file, "provider") {
        let name = read_name(reading, &section, &named);
        named.extend(name);
        providers.extend(read_provider(reading, &section, name.unwrap_or_default(), known.environment));
    }
    let own = if is_alone { &[] } else { known.own };
    let aliases = read_aliases(reading, &file, &providers, &named, own);
    if is_alone && providers.iter().all(|provider| provider.models.is_empty()) {
        reading.problem(&file, "only", "no provider of this file names a model, so nobody could answer");
    }
    ProviderFile { providers, aliases, is_alone }
}

/// The tables of a list, each called by its name where it has one.
fn sections<'a>(reading: &mut Reading<'a>, section: &Section<'a>, key: &str) -> Vec<Section<'a>> {
    let before = if section.name.is_empty() { String::new() } else { format!("{}: ", section.name) };
    let mut found = reading.sections(section, key, |n, table| {
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        name.map_or_else(|| format!("{before}{key} {}", n + 1), |name| format!("{before}{key} {name:?}"))
    });
    if found.len() > MOST {
        reading.problem(section, key, format!("there are more than {MOST}"));
        found.truncate(MOST);
    }
    found
}

/// A text that has to be there.
fn needed<'a>(reading: &mut Reading<'a>, section: &Section<'a>, key: &str, expected: &str) -> Option<&'a str> {
    match reading.text(section, key, expected) {
        Field::Is(text) => Some(text),
        Field::Wrong => None,
        Field::Absent => {
            reading.problem(section, "", format!("{key} is missing: {expected}"));
            None
        }
    }
}

/// What a provider or an alias is called, which nobody else is.
fn read_name<'a>(reading: &mut Reading<'a>, section: &Section<'a>, taken: &[&str]) -> Option<&'static str> {
    let expected = "a name of letters, digits, dots, hyphens and underscores, at most 40 of them";
    let name = needed(reading, section, "name", expected)?;
    let is_name = name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if !is_name || name == ANY_MODEL {
        let why = if is_name { "stands for all models already".to_owned() } else { format!("is not {expected}") };
        reading.problem(section, "name", format!("{name:?} {why}"));
        return None;
    }
    if taken.contains(&name) {
        reading.problem(section, "name", format!("{name:?} is there already"));
        return None;
    }
    Some(keep_name(name))
}

fn read_provider<'a>(
    reading: &mut Reading<'a>,
    section: &Section<'a>,
    name: &'static str,
    environment: &Environment,
) -> Option<ProviderSpec> {
    let kinds: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    let expected = format!("one of {}", kinds.join(", "));
    let kind = needed(reading, section, "kind", &expected)?;
    let Some(kind) = KINDS.iter().find(|known| known.name == kind) else {
        reading.problem(section, "kind", format!("{kind:?} is not {expected}"));
        return None;
    };
    let fields: Vec<_> = ["name", "kind"].into_iter().chain(kind.fields.iter().copied()).chain(["weight"]).collect();
    reading.only(section, &fields);
    let mut spec = ProviderSpec {
        name,
        kind,
        base_url: read_base_url(reading, section, kind),
        key: read_key(reading, section, kind.needs_key, environment),
        weight: read_weight(reading, section),
        headers: read_headers(reading, section, environment),
        embeds: read_embeds(reading, section),
        leave_out: read_texts(reading, section, "leave_out", "a list of fields of requests"),
        file: None,
        list: read_list(reading, section),
        models: read_models(reading, section),
    };
    if kind.fields.contains(&"file") {
        let file = needed(reading, section, "file", "the path of a GGUF file")?;
        let stem = std::path::Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        spec.file = Some(file.into());
        spec.models = vec![ModelSpec { name: stem, ..ModelSpec::default() }];
    } else if spec.models.is_empty() && spec.list.is_empty() && !section.has("model") && !section.has("list") {
        reading.problem(section, "", "has no models: write [[provider.model]] or list = true");
    }
    Some(spec)
}

fn read_base_url<'a>(reading: &mut Reading<'a>, section: &Section<'a>, kind: &ProviderKind) -> Option<Url> {
    let default = kind.base_url?;
    let text = match reading.text(section, "base_url", "an http or https URL") {
        Field::Is(text) => text,
        Field::Absent => default,
        Field::Wrong => return None,
    };
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if url.is_none() {
        // It may carry a password.
        reading.problem(section, "base_url", "is not an http or https URL");
    }
    url
}

/// `list = true`, or some of what the server tells: `list = ["gpt-*"]`.
fn read_list<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Vec<String> {
    match section.get("list").map(Spanned::get_ref) {
        None | Some(DeValue::Boolean(false)) => Vec::new(),
        Some(DeValue::Boolean(true)) => vec!["*".to_owned()],
        Some(_) => read_texts(reading, section, "list", "true, or a list of names of models"),
    }
}

fn read_models<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Vec<ModelSpec> {
    let mut models: Vec<ModelSpec> = Vec::new();
    for section in sections(reading, section, "model") {
        reading.only(&section, &MODEL_KEYS);
        let name = read_model_name(reading, &section);
        let model = ModelSpec {
            name: name.unwrap_or_default().to_owned(),
            label: read_label(reading, &section),
            context_tokens: read_tokens(reading, &section, "context_tokens"),
            max_output_tokens: read_tokens(reading, &section, "max_output_tokens"),
            sees_images: read_bool(reading, &section, "sees_images"),
            thinks: read_bool(reading, &section, "thinks"),
            calls_tools: read_bool(reading, &section, "calls_tools"),
        };
        if models.iter().any(|other| other.name == model.name) {
            reading.problem(&section, "name", format!("{:?} is there already", model.name));
        } else if name.is_some() {
            models.push(model);
        }
    }
    models
}

fn read_embeds<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<String> {
    let expected = "the name of a model that embeds";
    let name = reading.text(section, "embeds", expected).value()?;
    if !is_model_name(name) {
        reading.problem(section, "embeds", format!("is not {expected}"));
    }
    Some(name.to_owned())
}

fn read_model_name<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<&'a str> {
    let expected = "the name that the provider knows: letters, digits and ._:/@+~-, at most 128 of them";
    let name = needed(reading, section, "name", expected)?;
    if !is_model_name(name) {
        reading.problem(section, "name", format!("is not {expected}"));
    }
    is_model_name(name).then_some(name)
}

/// Names stand in addresses, cookies and pages as they are.
pub(super) fn is_model_name(name: &str) -> bool {
    let is_char = |c: char| c.is_ascii_alphanumeric() || "._:/@+~-".contains(c);
    !name.is_empty() && name.len() <= 128 && name.chars().all(is_char)
}

fn read_label<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<String> {
    let expected = format!("a text of at most {LABEL_CHARS} characters");
    let label = reading.text(section, "label", &expected).value()?;
    if label.chars().count() > LABEL_CHARS || label.contains(char::is_control) {
        reading.problem(section, "label", format!("is not {expected}"));
    }
    Some(label.to_owned())
}

fn read_tokens<'a>(reading: &mut Reading<'a>, section: &Section<'a>, key: &str) -> Option<u32> {
    let tokens = reading.whole(section, key, "a number of tokens above 0").value()?;
    if tokens > MOST_TOKENS {
        reading.problem(section, key, format!("is more than {MOST_TOKENS}"));
    }
    u32::try_from(tokens).ok()
}

fn read_weight<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Option<u32> {
    let expected = format!("a whole number from 1 to {MOST_WEIGHT}");
    let weight = reading.whole(section, "weight", &expected).value()?;
    if weight == 0 || weight > MOST_WEIGHT {
        reading.problem(section, "weight", format!("is not {expected}"));
    }
    u32::try_from(weight).ok()
}

fn read_bool<'a>(reading: &mut Reading<'a>, section: &Section<'a>, key: &str) -> Option<bool> {
    if let DeValue::Boolean(is_so) = section.get(key)?.get_ref() {
        return Some(*is_so);
    }
    reading.problem(section, key, "is not true or false");
    None
}

fn read_texts<'a>(reading: &mut Reading<'a>, section: &Section<'a>, key: &str, expected: &str) -> Vec<String> {
    let texts = reading.texts(section, key, expected).value().unwrap_or_default();
    texts.into_iter().map(str::to_owned).collect()
}

fn read_aliases<'a>(
    reading: &mut Reading<'a>,
    file: &Section<'a>,
    providers: &[ProviderSpec],
    named: &[&'static str],
    own: &[&'static str],
) -> Vec<AliasSpec> {
    let mut aliases = BTreeMap::new();
    let mut taken: Vec<&'static str> = named.iter().chain(own).copied().collect();
    for (n, section) in sections(reading, file, "alias").into_iter().enumerate() {
        reading.only(&section, &["name", "label", "models"]);
        let name = read_name(reading, &section, &taken);
        taken.extend(name);
        let label = read_label(reading, &section);
        let expected = "a list such as [\"openai/gpt-5.4\", \"local\"]";
        let models = match reading.texts(&section, "models", expected) {
            Field::Is(models) if !models.is_empty() => models,
            Field::Wrong => continue,
            _ => {
                reading.problem(&section, "", format!("models is missing: {expected}"));
                continue;
            }
        };
        for (at, model) in models.iter().enumerate() {
            let why = if models[..at].contains(model) {
                Some("is there twice".to_owned())
            } else {
                why_unknown(model, providers, named, own)
            };
            if let Some(why) = why {
                reading.problem(&section, "models", format!("{model:?} {why}"));
            }
        }
        if let Some(name) = name {
            let models = models.into_iter().map(str::to_owned).collect();
            aliases.insert(n, AliasSpec { name: name.to_owned(), label, models });
        }
    }
    aliases.into_values().collect()
}

/// Why an alias cannot stand for this; what a server tells of its models is known later.
fn why_unknown(model: &str, providers: &[ProviderSpec], named: &[&str], own: &[&str]) -> Option<String> {
    let (provider, model) = model.split_once('/').map_or((model, None), |(provider, model)| (provider, Some(model)));
    if let Some(spec) = providers.iter().find(|spec| spec.name == provider) {
        let is_there = model.is_none_or(|name| spec.models.iter().any(|model| model.name == name));
        return (!is_there && spec.list.is_empty()).then(|| format!("is no model of provider {provider:?}"));
    }
    let is_known = named.contains(&provider) || own.contains(&provider);
    (!is_known).then(|| format!("names no provider that there is: {provider:?}"))
}
