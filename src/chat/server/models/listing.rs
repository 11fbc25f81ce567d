//! What servers tell of their models: asked in the background, within time and size, and remembered where they cannot be reached.

use std::time::Duration;

use serde_json::Value;

use super::file::is_model_name;
use crate::chat::server::providers::{ModelSpec, ProviderSpec};
use crate::generation::{BodyError, innermost_cause, read_body};

/// So long a server has for its list.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a list, at most.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Models of a provider that are offered because its server tells of them, at most.
const MOST_MODELS: usize = 200;
/// Most characters of a label.
const MOST_CHARS: usize = 60;

/// The models that a server tells of, and that are wanted of it.
///
/// # Errors
/// Why there is no list, without its address, which may carry a password.
pub(super) async fn list(http: &reqwest::Client, spec: &ProviderSpec) -> Result<Vec<ModelSpec>, String> {
    let Some(place) = spec.kind.list else { return Ok(Vec::new()) };
    let (url, headers) = place(spec);
    let asked = async {
        let response = http.get(url).headers(headers).send().await.map_err(|error| innermost_cause(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it answered {status}"));
        }
        let body = read_body(response, MOST_BYTES).await.map_err(|error| match error {
            BodyError::TooLarge { most } => format!("its answer is larger than {most} bytes"),
            BodyError::Broken(error) => innermost_cause(&error),
        })?;
        let told: Value = serde_json::from_slice(&body).map_err(|_| "its answer is no JSON".to_owned())?;
        read(&told).ok_or_else(|| "its answer is no list of models".to_owned())
    };
    let told = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| "it did not answer in time".to_owned())??;
    Ok(wanted(told, spec))
}

/// Those of the list that the file asks for, each once.
fn wanted(told: Vec<ModelSpec>, spec: &ProviderSpec) -> Vec<ModelSpec> {
    let mut wanted: Vec<ModelSpec> = Vec::new();
    for model in told {
        let is_wanted = spec.list.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => model.name.starts_with(start),
            None => model.name == *pattern,
        });
        if is_wanted && wanted.len() < MOST_MODELS && wanted.iter().all(|known| known.name != model.name) {
            wanted.push(model);
        }
    }
    wanted
}

/// As OpenAI, Anthropic and Gemini tell them, with what routers and local servers add.
fn read(told: &Value) -> Option<Vec<ModelSpec>> {
    let list = [&told["data"], &told["models"], told].into_iter().find_map(Value::as_array)?;
    Some(list.iter().filter_map(read_model).collect())
}

fn read_model(told: &Value) -> Option<ModelSpec> {
    // Gemini's names have their kind before them, and an `id` is what the others call a name.
    let name = told["id"].as_str().or_else(|| told["name"].as_str())?;
    let name = name.strip_prefix("models/").unwrap_or(name);
    let methods = told["supportedGenerationMethods"].as_array();
    if !is_model_name(name) || methods.is_some_and(|all| all.iter().all(|method| method != "generateContent")) {
        return None;
    }
    let label = ["display_name", "displayName", "name"].iter().find_map(|key| told[*key].as_str());
    let number = |keys: &[&str]| {
        let found = keys.iter().find_map(|key| told.pointer(key)).and_then(Value::as_u64);
        found.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
    };
    let has = |key: &str, wanted: &[&str]| {
        let all = told.pointer(key)?.as_array()?;
        Some(all.iter().any(|one| one.as_str().is_some_and(|one| wanted.contains(&one))))
    };
    Some(ModelSpec {
        name: name.to_owned(),
        label: label
            .map(|label| label.chars().filter(|c| !c.is_control()).take(MOST_CHARS).collect::<String>())
            .filter(|label| label != name && !label.starts_with("models/") && !label.trim().is_empty()),
        context_tokens: number(&[
            "/context_length",
            "/context_window",
            "/max_model_len",
            "/max_context_length",
            "/inputTokenLimit",
            "/max_input_tokens",
        ]),
        max_output_tokens: number(&["/top_provider/max_completion_tokens", "/outputTokenLimit"]),
        sees_images: has("/architecture/input_modalities", &["image"]),
        thinks: has("/supported_parameters", &["reasoning"]).or_else(|| told["thinking"].as_bool()),
        calls_tools: has("/supported_parameters", &["tools"]),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_every_kind_are_read() {
        let openai = read(&json!({ "object": "list", "data": [{ "id": "gpt-x", "object": "model" }, { "id": "" }] }));
        assert_eq!(openai.unwrap(), [ModelSpec { name: "gpt-x".to_owned(), ..ModelSpec::default() }]);
        let router = read(&json!({ "data": [{
            "id": "meta/llama", "name": "Llama", "context_length": 131_072,
            "architecture": { "input_modalities": ["text", "image"] },
            "supported_parameters": ["tools", "seed"],
            "top_provider": { "max_completion_tokens": null },
        }] }));
        let expected = ModelSpec {
            name: "meta/llama".to_owned(),
            label: Some("Llama".to_owned()),
            context_tokens: Some(131_072),
            max_output_tokens: None,
            sees_images: Some(true),
            thinks: Some(false),
            calls_tools: Some(true),
        };
        assert_eq!(router.unwrap(), [expected]);
        let gemini = read(&json!({ "models": [
            { "name": "models/g", "displayName": "G", "inputTokenLimit": 9, "thinking": true,
              "supportedGenerationMethods": ["generateContent"] },
            { "name": "models/embedding", "supportedGenerationMethods": ["embedContent"] },
        ] }));
        let gemini = gemini.unwrap();
        assert_eq!((gemini.len(), &*gemini[0].name, gemini[0].context_tokens), (1, "g", Some(9)));
        assert_eq!((gemini[0].label.as_deref(), gemini[0].thinks), (Some("G"), Some(true)));
        for other in [json!({}), json!("x"), json!({ "data": 1 })] {
            assert_eq!(read(&other), None, "{other}");
        }
    }
}
