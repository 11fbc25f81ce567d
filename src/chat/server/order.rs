//! Which providers to ask, one after the other.

use std::sync::Arc;

use super::providers::{GuardedProvider, Turn};
use crate::platform::error::{AppError, AppResult};

/// Those that see, for what cannot be asked of the others.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `field` where nobody does.
pub(super) fn only_seeing(mut order: Vec<Arc<GuardedProvider>>, field: &str) -> AppResult<Vec<Arc<GuardedProvider>>> {
    order.retain(|provider| provider.sees_images());
    if order.is_empty() { Err(AppError::invalid(field, "No configured model can see images.")) } else { Ok(order) }
}

/// Where something was shown before, only those who see are asked. If none of them can be, the text goes alone.
pub(super) fn choose_seeing(order: Vec<Arc<GuardedProvider>>, turns: &mut [Turn]) -> Vec<Arc<GuardedProvider>> {
    if turns.iter().all(|turn| turn.images.is_empty()) {
        return order;
    }
    let seeing: Vec<_> = order.iter().filter(|provider| provider.sees_images()).cloned().collect();
    if !seeing.is_empty() {
        return seeing;
    }
    for turn in turns {
        turn.images.clear();
    }
    order
}
