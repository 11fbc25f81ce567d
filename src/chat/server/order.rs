//! Which providers to ask, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Chat;
use super::models::{Picked, unknown_model};
use super::providers::{GuardedProvider, Sampling, Turn};
use super::send::Terms;
use crate::platform::error::{AppError, AppResult};

impl Chat {
    /// The providers that can answer this, in their order.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming what none of them can, or the picked one cannot.
    pub(super) fn able_to(&self, turns: &[Turn], terms: &Terms) -> AppResult<Vec<Arc<GuardedProvider>>> {
        let Terms { picked, sampling, .. } = terms;
        if let Some(gone) = picked.as_ref().filter(|picked| picked.is_gone()) {
            return Err(unknown_model(&gone.choice));
        }
        let (mut order, is_picked) = (self.order_of(picked.as_ref()), picked.is_some());
        if turns.iter().any(|turn| !turn.images.is_empty()) {
            order = only_seeing(order, "messages")?;
        }
        if !sampling.toolbox.is_empty() || turns.iter().any(Turn::is_of_tools) {
            let problem = if is_picked { "This model calls no tools." } else { "No configured model calls tools." };
            order = only_able(order, is_picked, |provider| provider.calls_tools())
                .ok_or_else(|| AppError::invalid("tools", format!("{problem} Leave them out.")))?;
        }
        if sampling.format.is_some() {
            let problem = if is_picked { "This model knows no formats." } else { "No configured model knows formats." };
            order = only_able(order, is_picked, |provider| provider.takes_formats())
                .ok_or_else(|| AppError::invalid("response_format", format!("{problem} Leave it out.")))?;
        }
        only_taking(order, sampling, is_picked)
    }

    /// The same order, but for the first of those that share a model: which of them it is goes by their weights. They are next to one
    /// another, have a weight each, and cost the same, as nobody is to pay more than was shown.
    pub(super) fn share(&self, mut order: Vec<Arc<GuardedProvider>>) -> Vec<Arc<GuardedProvider>> {
        let now = self.models.now();
        let Some((model, offer)) = order.first().map(|first| (first.model(), self.usual_offer(first))) else {
            return order;
        };
        let same = order.iter().take_while(|one| one.model() == model && self.usual_offer(one).costs_like(&offer));
        let weights: Vec<u32> = same.map_while(|one| now.weight_of(one.name())).collect();
        if weights.len() > 1 {
            let turn = TURNS.fetch_add(1, Ordering::Relaxed);
            let at = choose(&weights, turn);
            order[..=at].rotate_right(1);
        }
        order
    }
}

/// How much the model that was picked is to think, where the name says so and the request does not.
pub(super) fn ask_effort(picked: Option<&Picked>, sampling: &mut Sampling) {
    if let Some(effort) = picked.and_then(|picked| picked.effort) {
        effort.ask(sampling);
    }
}

/// How often somebody was chosen by weight.
static TURNS: AtomicU64 = AtomicU64::new(0);

/// Whose turn it is: over any row of turns, each has about its share of them.
fn choose(weights: &[u32], turn: u64) -> usize {
    /// 2^64 divided by the golden ratio: its multiples are spread evenly, however many there are.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let total: u64 = weights.iter().copied().map(u64::from).sum();
    let mut place = ((turn.wrapping_mul(STEP) >> 32) * total) >> 32;
    for (at, weight) in weights.iter().enumerate() {
        match place.checked_sub(u64::from(*weight)) {
            Some(rest) => place = rest,
            None => return at,
        }
    }
    0
}

/// The providers that are able to. `None` where there is none, or where the picked one, which comes first, is not able.
fn only_able(
    mut order: Vec<Arc<GuardedProvider>>,
    is_picked: bool,
    is_able: impl Fn(&GuardedProvider) -> bool,
) -> Option<Vec<Arc<GuardedProvider>>> {
    let first_is_able = order.first().is_some_and(|first| is_able(first));
    order.retain(|provider| is_able(provider));
    (!order.is_empty() && (first_is_able || !is_picked)).then_some(order)
}

/// The providers that see images.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `field` where there is none.
pub(super) fn only_seeing(order: Vec<Arc<GuardedProvider>>, field: &str) -> AppResult<Vec<Arc<GuardedProvider>>> {
    only_able(order, false, |provider| provider.sees_images())
        .ok_or_else(|| AppError::invalid(field, "No configured model can see images."))
}

/// The providers that know all sampling options of the request: each of them shapes the answer.
///
/// # Errors
/// [`AppError::InvalidInput`] naming the field where there is none, or where the picked one, which comes first, leaves it out.
fn only_taking(
    mut order: Vec<Arc<GuardedProvider>>,
    sampling: &Sampling,
    is_picked: bool,
) -> AppResult<Vec<Arc<GuardedProvider>>> {
    let left_out = order.first().and_then(|first| first.leaves_out(sampling));
    order.retain(|provider| provider.leaves_out(sampling).is_none());
    match left_out {
        Some(field) if is_picked || order.is_empty() => {
            let who = if is_picked { "This model does" } else { "The configured models do" };
            Err(AppError::invalid(field, format!("{who} not know {field}. Leave it out.")))
        }
        _ => Ok(order),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share_of_any_row_of_turns() {
        for (weights, turns) in [(&[3, 1][..], 400_u64), (&[1, 1, 2][..], 100), (&[1000, 1][..], 3003), (&[7][..], 9)] {
            let total: u32 = weights.iter().sum();
            for begin in [0, 1, 12_345] {
                let mut counts = vec![0_u64; weights.len()];
                for turn in begin..begin + turns {
                    counts[choose(weights, turn)] += 1;
                }
                for (count, weight) in counts.iter().zip(weights) {
                    let share = turns * u64::from(*weight) / u64::from(total);
                    assert!(count.abs_diff(share) <= 3, "{weights:?}: {counts:?}");
                }
            }
        }
    }
}
