//! Excerpts in the shapes of both catalogues, with what surprises in them.

use super::super::file::ListTier;
use super::*;

const MODELS_DEV: &str = r#"{
  "openai": {"id": "openai", "env": ["K"], "npm": "x", "name": "OpenAI", "doc": "d", "models": {
    "gpt-5.4-mini": {"id": "gpt-5.4-mini", "cost": {"input": 0.75, "output": 4.5, "cache_read": 0.075}},
    "gpt-5.4": {"id": "gpt-5.4", "cost": {"input": 2.5, "output": 15, "cache_read": 0.25,
      "tiers": [{"tier": {"type": "context", "size": 272000}, "input": 5, "output": 22.5, "cache_read": 0.5}],
      "context_over_200k": {"input": 5, "output": 22.5, "cache_read": 0.5}}},
    "gpt-image": {"id": "gpt-image"}}},
  "anthropic": {"id": "anthropic", "models": {
    "claude-sonnet-4": {"cost": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75,
      "context_over_200k": {"input": 6, "output": 22.5, "cache_read": 0.6, "cache_write": 7.5}}}}},
  "google": {"id": "google", "models": {
    "gemini-old": {"cost": {"input": 1.25, "output": 10, "reasoning": null,
      "context_over_200k": {"input": 2.5, "output": 15}}}}},
  "copilot": {"id": "copilot", "models": {
    "gpt-5.4-mini": {"cost": {"input": 0, "output": 0}},
    "only-free": {"cost": {"input": 0, "output": 0}}}},
  "alibaba": {"id": "alibaba", "models": {"qwen-plus": {"cost": {"input": 0.4, "output": 1.2, "reasoning": 4}}}},
  "one": {"id": "one", "models": {"meta/llama-9": {"cost": {"input": 0.1, "output": 0.2}},
    "spot/x": {"cost": {"input": 1, "output": 2}}, "odd": {"cost": {"input": "much", "output": 1}},
    "auto": {"cost": {"input": -1, "output": -1}},
    "hours": {"cost": {"input": 1, "output": 1, "tiers": [{"tier": {"type": "time", "size": 1}, "input": 1, "output": 1}]}}}},
  "two": {"id": "two", "models": {"llama-9": {"cost": {"input": 0.1, "output": 0.2000}}, "x": {"cost": {"input": 3, "output": 2}},
    "fine": {"cost": {"input": 0.00000012, "output": 1}}}}
}"#;

const LITELLM: &str = r#"{
  "sample_spec": {"input_cost_per_token": 0.0, "litellm_provider": "one of the list", "max_tokens": "LEGACY"},
  "gpt-5.4-mini": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 7.5e-07,
    "output_cost_per_token": 4.5e-06, "cache_read_input_token_cost": 7.5e-08, "input_cost_per_token_priority": 1.5e-06},
  "azure/gpt-5.4-mini": {"litellm_provider": "azure", "input_cost_per_token": 8e-07, "output_cost_per_token": 5e-06},
  "gpt-5.4": {"litellm_provider": "openai", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1.5e-05,
    "cache_read_input_token_cost": 2.5e-07, "input_cost_per_token_above_272k_tokens": 5e-06,
    "output_cost_per_token_above_272k_tokens": 2.25e-05, "cache_read_input_token_cost_above_272k_tokens": 5e-07,
    "input_cost_per_token_above_272k_tokens_priority": 1e-05, "cache_creation_input_token_cost_above_1hr": 1e-05},
  "claude-sonnet-4": {"litellm_provider": "anthropic", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
    "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06,
    "cache_creation_input_token_cost_above_1hr": 6e-06, "input_cost_per_token_above_200k_tokens": 6e-06,
    "output_cost_per_token_above_200k_tokens": 2.25e-05, "cache_read_input_token_cost_above_200k_tokens": 6e-07,
    "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06,
    "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05},
  "gemini-2.5-pro": {"litellm_provider": "vertex_ai-language-models", "input_cost_per_token": 9e-06,
    "output_cost_per_token": 9e-06},
  "gemini/gemini-2.5-pro": {"litellm_provider": "gemini", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05,
    "input_cost_per_token_above_200k_tokens": 2.5e-06},
  "dashscope/qwen-flash": {"litellm_provider": "dashscope", "tiered_pricing": [
    {"range": [0, 256000.0], "input_cost_per_token": "5e-08", "output_cost_per_token": 4e-07},
    {"range": [256000.0, 1e6], "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06}]},
  "deepseek/deepseek-chat": {"litellm_provider": "deepseek", "input_cost_per_token": 2.8e-07,
    "output_cost_per_token": 4.2e-07, "input_cost_per_token_cache_hit": 2.8e-08, "cache_read_input_token_cost": null},
  "tts-1": {"litellm_provider": "openai", "mode": "audio_speech", "input_cost_per_character": 1.5e-05},
  "image-1": {"litellm_provider": "openai", "mode": "image_generation", "output_cost_per_image": 0.04},
  "odd": {"litellm_provider": "openai", "input_cost_per_token_above_0_tokens": 1, "input_cost_per_token": 1e-6,
    "output_cost_per_token": 1e-6}
}"#;

fn rates(input: u64, cached_input: Option<u64>, output: u64, reasoning: Option<u64>) -> ListRates {
    ListRates { cached_input, reasoning, ..ListRates::of(input, output) }
}

fn price(rates: ListRates, tiers: &[(u64, ListRates)]) -> Result<ListPrice, &'static str> {
    let tier = |(above_input_tokens, rates): &(u64, ListRates)| ListTier {
        above_input_tokens: *above_input_tokens,
        rates: *rates,
    };
    Ok(ListPrice { rates, tiers: tiers.iter().map(tier).collect() })
}

#[track_caller]
fn one<'a>(catalogue: &'a Catalogue, model: &str, asked: Option<&str>) -> &'a Entry {
    match catalogue.find(model, None, asked) {
        Found::One(entry) => entry,
        other => panic!("{model}: {other:?}"),
    }
}

/// Both say the same of the same models.
#[test]
fn both_catalogues_are_recognised_and_read_exactly() {
    let tiered = price(
        rates(2_500_000, Some(250_000), 15_000_000, None),
        &[(272_000, rates(5_000_000, Some(500_000), 22_500_000, None))],
    );
    for (text, name) in [(MODELS_DEV, "models.dev"), (LITELLM, "LiteLLM")] {
        let catalogue = Catalogue::parse(text).unwrap();
        assert_eq!(catalogue.name, name);
        let mini = one(&catalogue, "gpt-5.4-mini", None);
        assert_eq!(mini.price, price(rates(750_000, Some(75_000), 4_500_000, None), &[]), "{name}");
        assert_eq!((mini.provider.as_str(), mini.is_rounded), ("openai", false));
        assert_eq!(one(&catalogue, "gpt-5.4", Some("openai")).price, tiered, "{name}");
        // A version costs what the model costs.
        assert_eq!(one(&catalogue, "gpt-5.4-2026-03-05", None).price, tiered, "{name}");
        assert_eq!(catalogue.find("gpt-6", None, None), Found::Nothing);
    }
}

/// Only one of them knows what an hour costs.
#[test]
fn what_is_written_to_a_cache_is_read_of_both_catalogues() {
    for (text, hours) in [(MODELS_DEV, [None, None]), (LITELLM, [Some(6_000_000), Some(12_000_000)])] {
        let catalogue = Catalogue::parse(text).unwrap();
        let of = |input, cached, write, cache_write_1h, output| ListRates {
            cache_write: Some(write),
            cache_write_1h,
            ..rates(input, Some(cached), output, None)
        };
        let [short, long] = hours;
        let tier = (200_000, of(6_000_000, 600_000, 7_500_000, long, 22_500_000));
        let expected = price(of(3_000_000, 300_000, 3_750_000, short, 15_000_000), &[tier]);
        assert_eq!(one(&catalogue, "claude-sonnet-4", Some("anthropic")).price, expected);
    }
}

#[test]
fn what_surprises_in_models_dev() {
    let catalogue = Catalogue::parse(MODELS_DEV).unwrap();
    let old = price(rates(1_250_000, None, 10_000_000, None), &[(200_000, rates(2_500_000, None, 15_000_000, None))]);
    assert_eq!(one(&catalogue, "gemini-old", None).price, old);
    let thinks = price(rates(400_000, None, 1_200_000, Some(4_000_000)), &[]);
    assert_eq!(one(&catalogue, "qwen-plus", None).price, thinks);
    assert_eq!(one(&catalogue, "only-free", None).price, Err(FREE));
    assert_eq!(one(&catalogue, "gpt-image", None).price, Err(NO_TOKENS));
    assert_eq!(one(&catalogue, "odd", None).price, Err(UNREADABLE));
    assert_eq!(one(&catalogue, "auto", None).price, Err(NEGATIVE));
    assert!(one(&catalogue, "hours", None).price.is_err());
    let fine = one(&catalogue, "fine", None);
    assert_eq!((fine.price.clone(), fine.is_rounded), (price(rates(1, None, 1_000_000, None), &[]), true));
}

#[test]
fn who_only_sells_a_model_counts_where_all_of_them_agree() {
    let catalogue = Catalogue::parse(MODELS_DEV).unwrap();
    // Whose own name says less is as good as one that says all of it.
    assert_eq!(one(&catalogue, "llama-9", None).price, price(rates(100_000, None, 200_000, None), &[]));
    assert_eq!(catalogue.find("x", None, None), Found::Several(vec!["one", "two"]));
    assert!(matches!(catalogue.find("x", Some("two"), None), Found::One(entry) if entry.provider == "two"));
    assert_eq!(catalogue.find("gpt-5.4-mini", Some("two"), None), Found::Nothing);
}

#[test]
fn what_surprises_in_litellm() {
    let catalogue = Catalogue::parse(LITELLM).unwrap();
    // A tier may say only what it changes, and a model may be there twice under names that mean the same.
    let pro = price(rates(1_250_000, None, 10_000_000, None), &[(200_000, rates(2_500_000, None, 10_000_000, None))]);
    assert_eq!(one(&catalogue, "gemini-2.5-pro", Some("gemini")).price, pro);
    let flash = price(rates(50_000, None, 400_000, None), &[(256_000, rates(250_000, None, 2_000_000, None))]);
    assert_eq!(one(&catalogue, "qwen-flash", None).price, flash);
    let deepseek = price(rates(280_000, Some(28_000), 420_000, None), &[]);
    assert_eq!(one(&catalogue, "deepseek-chat", None).price, deepseek);
    assert_eq!(one(&catalogue, "tts-1", None).price, Err(NO_TOKENS));
    assert_eq!(one(&catalogue, "image-1", None).price, Err(NO_TOKENS));
    assert_eq!(one(&catalogue, "odd", None).price, Err(UNREADABLE));
    assert_eq!(catalogue.find("sample_spec", None, None), Found::Nothing);
}

#[test]
fn another_file_is_refused() {
    for (text, part) in [
        ("", "is not JSON"),
        ("<html>", "is not JSON"),
        ("{\"a\": {", "is not JSON"),
        ("[]", "is neither"),
        ("{}", "is neither"),
        ("{\"a\": 1}", "is neither"),
        ("{\"a\": {\"b\": 1}}", "is neither"),
        ("{\"a\": {\"models\": {}}, \"b\": {}}", "b has no models"),
        ("{\"a\": {\"input_cost_per_token\": 1}, \"b\": 3}", "b is not an object"),
    ] {
        let problem = Catalogue::parse(text).unwrap_err();
        assert!(problem.contains(part), "{text}: {problem}");
    }
}
