//! What the operator pays for.

use super::prices::PriceTable;
use crate::platform::config::Reader;

/// What the operator pays for.
#[derive(Debug, Clone)]
pub struct UsageConfig {
    /// `MODEL_PRICES` (the list prices): `model=input/output`, perhaps with what is cached, comma-separated, in US dollars for a
    /// million tokens.
    pub prices: PriceTable,
}

impl UsageConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let own = PriceTable::parse(reader.text("MODEL_PRICES").unwrap_or_default());
        Self {
            prices: own.unwrap_or_else(|problem| {
                reader.problem("MODEL_PRICES", problem);
                PriceTable::default()
            }),
        }
    }
}
