//! Who is meant by what a request names.

use std::sync::Arc;

use super::Picked;
use crate::chat::ANY_MODEL;
use crate::chat::server::Chat;
use crate::chat::server::providers::GuardedProvider;
use crate::platform::error::{AppError, AppResult};

/// Nobody has this name.
#[must_use]
pub fn unknown_model(name: &str) -> AppError {
    AppError::invalid("model", format!("The model `{name}` does not exist. GET /v1/models lists those that do."))
}

impl Chat {
    /// Who was asked for: `provider` is a name of [`super::Catalogue::pick`], and so is a `model` without one; with one, it is a model of
    /// that provider.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub(in crate::chat::server) fn pick(
        &self,
        provider: Option<&str>,
        model: Option<&str>,
    ) -> AppResult<Option<Picked>> {
        let now = self.models.now();
        let is_somebody = |name: &&str| *name != ANY_MODEL;
        let Some(name) = provider.filter(is_somebody) else {
            let Some(model) = model.filter(is_somebody) else { return Ok(None) };
            let unknown = || {
                let problem = format!("There is no model {model:?} here. GET /api/providers lists what there is.");
                AppError::invalid("model", problem)
            };
            return now.pick(model).map(Some).ok_or_else(unknown);
        };
        let picked = now.pick(name);
        let picked =
            picked.ok_or_else(|| AppError::invalid("provider", format!("There is no provider {name:?} here.")))?;
        let Some(model) = model.filter(|model| picked.first().is_none_or(|first| first.model() != *model)) else {
            return Ok(Some(picked));
        };
        let unknown = || {
            let problem = format!("{name} has no model {model:?} here. GET /api/providers lists what there is.");
            AppError::invalid("model", problem)
        };
        now.pick(&format!("{name}/{model}")).map(Some).ok_or_else(unknown)
    }

    /// The order in which providers are asked.
    pub(in crate::chat::server) fn order_of(&self, picked: Option<&Picked>) -> Vec<Arc<GuardedProvider>> {
        picked.map_or_else(|| self.providers(), |picked| picked.order.clone())
    }
}
