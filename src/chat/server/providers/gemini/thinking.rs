//! How much Gemini is to think, in its own words.

use serde::Serialize;

use super::super::Effort;

/// What is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<u32>,
    /// A summary of it is told.
    include_thoughts: bool,
}

/// For models that think by level: little, where nothing is asked for.
pub(super) const fn by_level(effort: Option<Effort>) -> ThinkingConfig {
    let thinking_level = Some(match effort {
        None | Some(Effort::None | Effort::Minimal | Effort::Low) => "LOW",
        Some(Effort::Medium) => "MEDIUM",
        Some(Effort::High | Effort::XHigh | Effort::Max) => "HIGH",
    });
    ThinkingConfig { thinking_level, thinking_budget: None, include_thoughts: true }
}

/// The least of who cannot but think: it refuses 0.
const LEAST_BUDGET: u32 = 128;

/// For those that think by a budget: as they like, where nothing is asked for.
pub(super) const fn by_budget(effort: Option<Effort>, always: bool) -> ThinkingConfig {
    let thinking_budget = match effort {
        None => None,
        Some(Effort::None) if always => Some(LEAST_BUDGET),
        Some(Effort::None) => Some(0),
        Some(Effort::Minimal | Effort::Low) => Some(1024),
        Some(Effort::Medium) => Some(4096),
        Some(Effort::High | Effort::XHigh | Effort::Max) => Some(8192),
    };
    // There are none to tell where it is not to think, and to want some is refused then.
    ThinkingConfig { thinking_level: None, thinking_budget, include_thoughts: !matches!(thinking_budget, Some(0)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_effort_becomes_a_level_or_a_budget() {
        let told = |config: &ThinkingConfig| serde_json::to_value(config).unwrap();
        assert_eq!(told(&by_level(None)), json!({ "thinkingLevel": "LOW", "includeThoughts": true }));
        assert_eq!(told(&by_level(Some(Effort::Max)))["thinkingLevel"], "HIGH");
        assert_eq!(told(&by_budget(None, false)), json!({ "includeThoughts": true }));
        assert_eq!(
            told(&by_budget(Some(Effort::None), false)),
            json!({ "thinkingBudget": 0, "includeThoughts": false })
        );
        assert_eq!(told(&by_budget(Some(Effort::None), true))["thinkingBudget"], 128);
    }
}
