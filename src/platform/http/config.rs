//! How much of the server one client may take.

use crate::platform::config::Reader;

/// How much of the server one client may take.
#[derive(Debug, Clone, Copy)]
pub struct HttpConfig {
    /// `MAX_CONNECTIONS_PER_ADDRESS` (512): connections that one address may have at once. `TRUSTED_PROXIES` may have any
    /// number.
    pub connections_per_address: usize,
    /// `MAX_STREAMS_PER_USER` (32): event streams that one user may follow at once, on this server.
    pub streams_per_user: usize,
}

impl HttpConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            connections_per_address: reader.at_least("MAX_CONNECTIONS_PER_ADDRESS", 512, 1),
            streams_per_user: reader.at_least("MAX_STREAMS_PER_USER", 32, 1),
        }
    }
}
