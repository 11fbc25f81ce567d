//! Which model a name means, where its predictions are created, and what it is told.

use serde_json::{Value, json};

use crate::images::server::providers::ImageOrder;

/// The only model whose every field is known here.
const FLUX_SCHNELL: &str = "black-forest-labs/flux-schnell";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Model {
    /// `owner`, `name`; not known for a bare version.
    name: Option<(String, String)>,
    /// 64 hexadecimal digits; official models have none.
    version: Option<String>,
}

impl Model {
    /// Reads `owner/name`, `owner/name:version` or `version`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if is_version(text) {
            return Some(Self { name: None, version: Some(text.to_owned()) });
        }
        let (path, version) = text.split_once(':').map_or((text, None), |(path, version)| (path, Some(version)));
        let (owner, name) = path.split_once('/')?;
        let is_right = is_name(owner) && is_name(name) && version.is_none_or(is_version);
        is_right.then(|| Self { name: Some((owner.to_owned(), name.to_owned())), version: version.map(str::to_owned) })
    }

    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The path to where predictions are created. One with a version is never asked for by its name.
    pub(super) fn steps(&self) -> Vec<&str> {
        match (&self.name, &self.version) {
            (Some((owner, name)), None) => vec!["models", owner, name, "predictions"],
            _ => vec!["predictions"],
        }
    }

    /// Its input. Models refuse fields that they do not know, so all but flux-schnell get only the three that nearly
    /// all image models have.
    pub(super) fn input(&self, order: &ImageOrder) -> Value {
        let mut input =
            json!({ "prompt": order.prompt, "aspect_ratio": order.aspect_ratio.as_str(), "seed": order.seed });
        if self.name.as_ref().is_some_and(|(owner, name)| format!("{owner}/{name}") == FLUX_SCHNELL) {
            input["num_outputs"] = 1.into();
            // Without loss: it is encoded once more here.
            input["output_format"] = "png".into();
            // Its faster arithmetic gives another picture each time for the same seed, and the seed is shown to users
            // so that they can have a picture again.
            input["go_fast"] = false.into();
        }
        input
    }
}

fn is_version(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Part of a path, so no dots alone and no slashes.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().all(allowed) && text.chars().any(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::images::AspectRatio;

    #[test]
    fn official_models_have_an_address_of_their_own_and_versions_share_one() {
        let version = "0123456789abcdef".repeat(4);
        let flux = Model::parse(FLUX_SCHNELL).unwrap();
        assert_eq!(flux.steps(), ["models", "black-forest-labs", "flux-schnell", "predictions"]);
        assert_eq!(flux.version(), None);
        for text in [version.clone(), format!("some.one/a_model-2:{version}")] {
            let model = Model::parse(&text).unwrap();
            assert_eq!((model.steps(), model.version()), (vec!["predictions"], Some(&*version)));
        }
    }

    #[test]
    fn what_is_no_model_is_refused() {
        let upper = "A".repeat(64);
        for text in ["", "flux", "a/b/c", "/b", "a/", "../b", "a/..", "a/b:latest", "a/b:", "a/b?x", "a b/c", &upper] {
            assert_eq!(Model::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_flux_schnell_is_told_more_than_every_model_knows() {
        let order = ImageOrder {
            id: uuid::Uuid::nil().into(),
            prompt: "a cat".into(),
            aspect_ratio: AspectRatio::Square,
            seed: u32::MAX,
            time_left: Duration::from_mins(1),
        };
        let plain = json!({ "prompt": "a cat", "aspect_ratio": "1:1", "seed": 4_294_967_295_u32 });
        assert_eq!(Model::parse("someone/sdxl").unwrap().input(&order), plain);
        let full = json!({
            "prompt": "a cat", "aspect_ratio": "1:1", "seed": 4_294_967_295_u32,
            "num_outputs": 1, "output_format": "png", "go_fast": false
        });
        assert_eq!(Model::parse(FLUX_SCHNELL).unwrap().input(&order), full);
    }
}
