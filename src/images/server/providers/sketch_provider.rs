//! The painter inside the server: no model, no network, no key. What it draws says that it is no AI.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{ImageOrder, ImageProvider, ImageProviderRow, Source, Step};
use crate::generation::{Provider, ProviderConfig, ProviderError};

/// The painter inside the server, which needs nothing.
pub const SKETCH: ImageProviderRow =
    ImageProviderRow { name: "sketch", needs: "", read: |_, _| Some(Arc::new(SketchProvider)) };

/// Pictures that are painted at the same time: each takes a core for a tenth of a second.
static EASELS: Semaphore = Semaphore::const_new(2);

/// Draws a scene from the words of the prompt that it knows.
#[derive(Debug, Clone, Copy)]
pub struct SketchProvider;

impl ProviderConfig<dyn ImageProvider> for SketchProvider {
    fn build(&self) -> Result<Arc<dyn ImageProvider>, String> {
        Ok(Arc::new(*self))
    }
}

impl Provider for SketchProvider {
    fn is_free(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        SKETCH.name
    }

    fn model(&self) -> String {
        "sketch".to_owned()
    }
}

#[async_trait]
impl ImageProvider for SketchProvider {
    fn is_ai(&self) -> bool {
        false
    }

    async fn start(&self, order: &ImageOrder) -> Result<Step, ProviderError> {
        let order = order.clone();
        let _permit = EASELS.acquire().await.map_err(|_| ProviderError::Unavailable("no easel".to_owned()))?;
        let painted = tokio::task::spawn_blocking(move || paint(&order)).await;
        let bytes = painted.map_err(|_| ProviderError::Malformed("the painter panicked".to_owned()))??;
        Ok(Step::Made { remote_id: None, source: Source::Bytes(bytes) })
    }

    async fn fetch(&self, source: Source) -> Result<Bytes, ProviderError> {
        match source {
            Source::Bytes(bytes) => Ok(bytes),
            Source::Url(_) => Err(ProviderError::Malformed("a sketch has no address".to_owned())),
        }
    }
}

/// As a PNG that is not compressed: it is written anew before it is kept, like what others make.
fn paint(order: &ImageOrder) -> Result<Bytes, ProviderError> {
    let (width, height) = order.aspect_ratio.size();
    let pixels = sketch::paint(&order.prompt, width, height, order.seed);
    let mut png = Vec::with_capacity(pixels.len() + pixels.len() / 64);
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::NoCompression);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.map_err(|error| ProviderError::Malformed(error.to_string()))?;
    Ok(png.into())
}
