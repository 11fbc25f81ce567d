//! What Claude's models take, by their names: how they think, and whether their words can be drawn in another way.

use super::super::Effort;
use super::config::ApiVersion;

/// Tokens on top of the answer's for models that think before it: both count as output.
const ROOM_TO_THINK: u32 = 8192;

/// How a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Not at all.
    No,
    /// So many tokens, where it is asked to.
    Budget,
    /// As much as it sees fit, where it is asked to.
    Adaptive,
    /// As much as it sees fit, whether it is asked to or not.
    Always,
}

impl Thinking {
    /// By the model's name: what is not known is new.
    pub(super) fn of(model: &str) -> Self {
        match version_of(model) {
            Some(version) if version < (3, 7) => Self::No,
            Some(version) if version < (4, 6) => Self::Budget,
            Some(version) if version >= (5, 5) || version >= (5, 1) && is_of(model, &["fable", "mythos"]) => {
                Self::Always
            }
            Some(_) | None => Self::Adaptive,
        }
    }

    /// How much it thinks, asked for this: `None` for not at all.
    pub(super) fn asked(self, effort: Option<Effort>) -> Option<u32> {
        let tokens = match effort {
            None | Some(Effort::None) if self != Self::Always => return None,
            Some(Effort::None | Effort::Minimal | Effort::Low) => 2048,
            None | Some(Effort::Medium) => ROOM_TO_THINK,
            Some(Effort::High | Effort::XHigh | Effort::Max) => 2 * ROOM_TO_THINK,
        };
        (self != Self::No).then_some(tokens)
    }
}

/// Whether it takes `temperature` and `top_p`: since 4.7 none does, and whatever is not known is new.
pub(super) fn takes_sampling(model: &str, version: ApiVersion) -> bool {
    version == ApiVersion::Old && version_of(model).is_some_and(|version| version < (4, 7))
}

fn is_of(model: &str, families: &[&str]) -> bool {
    families.iter().any(|family| model.contains(family))
}

/// `claude-haiku-4-5-20251001` is 4.5, `claude-3-7-sonnet-latest` 3.7, `claude-opus-5` 5.0.
fn version_of(model: &str) -> Option<(u32, u32)> {
    let (_, name) = model.split_once("claude-")?;
    // A date is no part of it.
    let mut numbers = name.split(['-', '.', '@', ':']).filter_map(|part| part.parse().ok()).filter(|part| *part < 100);
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_their_names() {
        for (model, thinking, samples) in [
            ("claude-3-5-sonnet-20241022", Thinking::No, true),
            ("claude-3-7-sonnet-latest", Thinking::Budget, true),
            ("claude-sonnet-4-20250514", Thinking::Budget, true),
            ("anthropic/claude-opus-4.5", Thinking::Budget, true),
            ("claude-sonnet-4-6", Thinking::Adaptive, true),
            ("claude-opus-4-8", Thinking::Adaptive, false),
            ("claude-opus-5", Thinking::Adaptive, false),
            ("claude-fable-5-1", Thinking::Always, false),
            ("claude-haiku-5-5", Thinking::Always, false),
            ("my-own", Thinking::Adaptive, false),
        ] {
            assert_eq!(Thinking::of(model), thinking, "{model}");
            assert_eq!(takes_sampling(model, ApiVersion::Old), samples, "{model}");
            assert!(!takes_sampling(model, ApiVersion::New), "{model}");
        }
    }

    #[test]
    fn nobody_thinks_unasked_but_who_always_does() {
        assert_eq!(Thinking::Adaptive.asked(None), None);
        assert_eq!(Thinking::Budget.asked(Some(Effort::None)), None);
        assert_eq!(Thinking::No.asked(Some(Effort::High)), None);
        assert_eq!(Thinking::Always.asked(None), Some(8192));
        assert_eq!(Thinking::Always.asked(Some(Effort::None)), Some(2048));
        assert_eq!(Thinking::Budget.asked(Some(Effort::Max)), Some(16_384));
    }
}
