//! Which providers are open: switched on for who asks, and not at their cap of the day. The others are left out as if they were not
//! configured, and none of them failed.

use std::sync::Arc;

use super::{Generation, Guarded, Provider};
use crate::credits::server::store::WorkKind;
use crate::flags::{Closed, Flag, Who};
use crate::i18n::{Text, t};
use crate::platform::error::{AppError, AppResult};

impl Generation {
    /// Those of these providers that are open to somebody, in their order.
    #[must_use]
    pub fn open<P: Provider + ?Sized>(
        &self,
        kind: WorkKind,
        all: &[Arc<Guarded<P>>],
        who: impl Into<Who>,
    ) -> Vec<Arc<Guarded<P>>> {
        let who = who.into();
        let is_open = |provider: &&Arc<Guarded<P>>| self.flags.closed(kind, provider.name(), Some(&who)).is_none();
        all.iter().filter(is_open).cloned().collect()
    }

    /// That work of a kind may be done for somebody, by one of these providers: those that are open. Who was picked comes first, and is
    /// named by this field.
    ///
    /// # Errors
    /// [`AppError::SwitchedOff`], also where no provider is on; [`AppError::Paused`] where all are at their cap;
    /// [`AppError::InvalidInput`] where the one that was picked is off.
    pub fn keep_open<P: Provider + ?Sized>(
        &self,
        kind: WorkKind,
        order: &[Arc<Guarded<P>>],
        picked: Option<&str>,
        field: &'static str,
        who: impl Into<Who>,
    ) -> AppResult<Vec<Arc<Guarded<P>>>> {
        let who = who.into();
        self.flags.check(flag_of(kind), who)?;
        if let Some(picked) = picked
            && self.flags.closed(kind, picked, Some(&who)) == Some(Closed::Off)
        {
            return Err(AppError::invalid(field, format!("There is no {field} {picked:?} here.")));
        }
        let open = self.open(kind, order, who);
        if !open.is_empty() || order.is_empty() {
            return Ok(open);
        }
        let is_spent =
            |provider: &Arc<Guarded<P>>| self.flags.closed(kind, provider.name(), Some(&who)) == Some(Closed::Spent);
        Err(if order.iter().any(is_spent) {
            AppError::Paused(t(Text::PausedForToday).to_owned())
        } else {
            AppError::SwitchedOff(t(Text::NoProviderIsOn).to_owned())
        })
    }

    /// Why nothing of a kind can be done for somebody now by these providers, for people.
    #[must_use]
    pub fn why_closed<P: Provider + ?Sized>(
        &self,
        kind: WorkKind,
        all: &[Arc<Guarded<P>>],
        who: impl Into<Who>,
    ) -> Option<String> {
        self.keep_open(kind, all, None, "provider", who).err().map(|error| error.to_string())
    }
}

/// The flag of all work of a kind.
const fn flag_of(kind: WorkKind) -> Flag {
    match kind {
        WorkKind::Chat => Flag::Chat,
        WorkKind::Image => Flag::Images,
    }
}
