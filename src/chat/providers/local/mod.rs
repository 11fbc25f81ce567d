//! stand-in
use std::path::PathBuf;
use async_trait::async_trait;
use super::*;
pub struct LocalProvider { path: PathBuf }
impl LocalProvider { pub fn new(path: PathBuf, _threads: usize) -> Self { Self { path } } }
#[async_trait]
impl ChatProvider for LocalProvider {
    fn name(&self) -> &'static str { "local" }
    fn model(&self) -> String { self.path.display().to_string() }
    async fn start(&self, _r: ProviderRequest) -> Result<TokenStream, ProviderError> { Err(ProviderError::Unavailable("stub".into())) }
}
