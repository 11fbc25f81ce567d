//! Tools that a model may call, and the form that its answer is to have.

use serde_json::value::RawValue;

use super::caching::CacheControl;

/// A tool that the client runs.
#[derive(Debug, Clone, Default)]
pub struct Tool {
    pub name: String,
    pub description: Option<String>,
    /// The JSON schema of the arguments, as it came: models go by its order. `None`: it takes none.
    pub schema: Option<Box<RawValue>>,
    /// The arguments are to fit the schema exactly.
    pub strict: Option<bool>,
    /// All tools up to this one are to be cached.
    pub cache: Option<CacheControl>,
}

/// Which of them the model is to call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// Where it sees fit.
    #[default]
    Auto,
    /// None, though it may be told of some.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// The tools of a request.
#[derive(Debug, Clone, Default)]
pub struct Toolbox {
    pub tools: Vec<Tool>,
    pub choice: ToolChoice,
    /// Whether several may be called at once; `None`: as the provider likes.
    pub parallel: Option<bool>,
}

impl Toolbox {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// What a model reads of them.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().flat_map(|tool| {
            let schema = tool.schema.as_ref().map_or("", |schema| schema.get());
            [tool.name.as_str(), tool.description.as_deref().unwrap_or_default(), schema]
        })
    }
}

/// The form that an answer is to have. Where it is nothing else, text.
#[derive(Debug, Clone)]
pub enum AnswerFormat {
    /// Some JSON.
    JsonObject,
    /// JSON by a schema.
    JsonSchema { name: String, description: Option<String>, schema: Option<Box<RawValue>>, strict: Option<bool> },
}

impl AnswerFormat {
    /// The schema, where it has one.
    #[must_use]
    pub fn schema(&self) -> Option<&RawValue> {
        match self {
            Self::JsonObject => None,
            Self::JsonSchema { schema, .. } => schema.as_deref(),
        }
    }
}
