//! How much a model is to think before it answers. Each kind of provider has its own way to say it.

use serde_json::Value;

use super::Sampling;

/// So much, as `OpenAI` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Not at all, where it can be told so.
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    /// The field of `OpenAI`'s for it.
    pub const FIELD: &str = "reasoning_effort";
    pub const ALL: [Self; 7] = [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];

    /// As requests name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == name)
    }

    /// What was asked for.
    #[must_use]
    pub fn of(sampling: &Sampling) -> Option<Self> {
        if sampling.no_thoughts {
            return Some(Self::None);
        }
        Self::parse(sampling.passed_on.get(Self::FIELD).and_then(Value::as_str)?)
    }

    /// Asks for it, where nothing else was asked for.
    pub fn ask(self, sampling: &mut Sampling) {
        if !sampling.no_thoughts {
            sampling.passed_on.entry(Self::FIELD).or_insert_with(|| self.as_str().into());
        }
    }

    /// What a budget of so many tokens comes to, as Anthropic's clients set it.
    #[must_use]
    pub const fn of_budget(tokens: u32) -> Self {
        match tokens {
            0 => Self::None,
            1..=2048 => Self::Low,
            2049..=8192 => Self::Medium,
            _ => Self::High,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_known_by_its_name() {
        for effort in Effort::ALL {
            let mut sampling = Sampling::default();
            assert_eq!(Effort::of(&sampling), None);
            sampling.passed_on.insert(Effort::FIELD.to_owned(), effort.as_str().into());
            assert_eq!(Effort::of(&sampling), Some(effort));
            let mut silent = Sampling { no_thoughts: true, ..Sampling::default() };
            effort.ask(&mut silent);
            assert!(silent.passed_on.is_empty());
            assert_eq!(Effort::of(&Sampling { no_thoughts: true, ..sampling }), Some(Effort::None));
        }
        assert_eq!([0, 1024, 8192, 8193].map(Effort::of_budget).map(Effort::as_str), ["none", "low", "medium", "high"]);
    }
}
