//! What is set for the model inside the server.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::{ChatProvider, ChatProviderRow, ProviderKind};
use super::LocalProvider;
use crate::generation::ProviderConfig;

/// The model inside the server. It needs nothing: without its file, it says so.
pub const LOCAL: ChatProviderRow = ChatProviderRow {
    name: "local",
    needs: "",
    read: |reader, _| {
        Some(Arc::new(LocalConfig { path: reader.text("LOCAL_MODEL").unwrap_or(DEFAULT_LOCAL_MODEL).into() }))
    },
};

/// The same in `providers.toml`.
pub const KIND: ProviderKind = ProviderKind {
    name: "local",
    fields: &["file"],
    base_url: None,
    needs_key: false,
    build: |provider, _, _| {
        let path = provider.file.clone().ok_or("file is missing")?;
        Ok(Arc::new(LocalProvider::new(path, count_threads()).named(provider.name)))
    },
    list: None,
};

/// What the model is called that comes with Tessera.
pub const SMALL_MODEL: &str = "SmolLM2-135M-Instruct.Q4_1";

/// Where the set-up script leaves it, and a package has it.
pub const DEFAULT_LOCAL_MODEL: &str = "models/SmolLM2-135M-Instruct.Q4_1.gguf";

/// The model inside the server.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// `LOCAL_MODEL` (models/SmolLM2-135M-Instruct.Q4_1.gguf): a GGUF file.
    pub path: PathBuf,
}

impl ProviderConfig<dyn ChatProvider> for LocalConfig {
    fn build(&self) -> Result<Arc<dyn ChatProvider>, String> {
        Ok(Arc::new(LocalProvider::new(self.path.clone(), count_threads())))
    }
}

/// One core stays free: llama.cpp's threads wait for each other busily, and starve where others need them.
fn count_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.saturating_sub(1).max(1)
}
