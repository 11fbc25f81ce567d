//! Who takes the money.

use std::sync::Arc;

use super::paypal::{PayPal, PayPalConfig};
use super::provider::PaymentProvider;
use crate::platform::config::Reader;

/// Who takes the money.
#[derive(Debug, Clone)]
pub struct PaymentsConfig {
    /// `None`: nothing can be bought here.
    pub paypal: Option<PayPalConfig>,
}

impl PaymentsConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self { paypal: PayPalConfig::read(reader) }
    }

    /// The provider, if there is one.
    ///
    /// # Errors
    /// One line that names the variable.
    pub fn provider(&self) -> Result<Option<Arc<dyn PaymentProvider>>, String> {
        let Some(paypal) = &self.paypal else { return Ok(None) };
        Ok(Some(Arc::new(PayPal::new(paypal.clone())?)))
    }
}
