//! Asking flags, and changing them.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use serde_json::json;

use super::announcement::{ANNOUNCEMENT, Announced, Announcement};
use super::counts::{Span, Sum, Tally};
use super::flag::{Flag, ProviderFlag};
use super::rule::{Rule, Setting, Who};
use super::snapshot::{FlagStatus, Snapshot};
use super::store::{FlagStore, StoredSetting};
use super::watch::Told;
use crate::audit::{Action, Actor, AuditEntry, AuditLog};
use crate::i18n::{Text, t};
use crate::platform::db::Database;
use crate::platform::error::{AppError, AppResult};
use crate::platform::work_kind::WorkKind;
use crate::usage::{Attempt, Outcome};

/// What is on, for whom. Cheap to clone; a question is answered from memory.
#[derive(Clone)]
pub struct Flags(Arc<Inner>);

/// What [`Flags`] is made of.
pub struct FlagsParts {
    /// Whose clock is everybody's.
    pub database: Database,
    pub store: Arc<dyn FlagStore>,
    /// Told of every change.
    pub audit: AuditLog,
    pub alerts: FlagAlerts,
    /// The configured providers: each is a flag.
    pub providers: Vec<(WorkKind, &'static str)>,
}

/// What operators are told by numbers.
#[derive(Debug, Clone, Default)]
pub struct FlagAlerts {
    /// Safeguards that tripped.
    pub tripped: Counter,
    /// Providers that are close to their cap of the day.
    pub near: Counter,
    /// Providers that have reached it.
    pub reached: Counter,
}

pub(super) struct Inner {
    pub parts: FlagsParts,
    /// All that there are, in the order in which they are shown.
    known: RwLock<Arc<[Flag]>>,
    snapshot: RwLock<Arc<Snapshot>>,
    pub tally: Tally,
    /// Which alerts were given.
    pub told: Mutex<Told>,
}

/// Why a provider is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Its flag is off.
    Off,
    /// Its cap of the day is reached.
    Spent,
}

impl Flags {
    /// All are on until [`Flags::load`].
    #[must_use]
    pub fn new(parts: FlagsParts) -> Self {
        let providers = parts.providers.iter().map(|(kind, name)| Flag::Provider(ProviderFlag::new(*kind, name)));
        let known: Vec<_> = Flag::FEATURES.into_iter().chain(providers).collect();
        let snapshot = RwLock::new(Arc::new(Snapshot::read(&known, &[], &Snapshot::default())));
        let known = RwLock::new(known.into());
        Self(Arc::new(Inner { parts, known, snapshot, tally: Tally::default(), told: Mutex::default() }))
    }

    /// These providers are there now too. What is set for them counts from [`Flags::load`] on.
    pub fn know(&self, kind: WorkKind, names: &[&'static str]) {
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = known.to_vec();
        for name in names {
            let flag = Flag::Provider(ProviderFlag::new(kind, name));
            if !all.contains(&flag) {
                all.push(flag);
            }
        }
        *known = all.into();
    }

    fn known(&self) -> Arc<[Flag]> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_snapshot(&self, snapshot: Snapshot) {
        *self.0.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    pub(super) fn now(&self) -> i64 {
        self.0.parts.database.now()
    }

    /// Whether a flag is on for somebody; `None`: for who is not signed in.
    #[must_use]
    pub fn allows(&self, flag: Flag, who: Option<&Who>) -> bool {
        let snapshot = self.snapshot();
        snapshot.flags.get(&flag).is_none_or(|status| match &status.setting.rule {
            // Most are: then no name is made.
            Rule::On => true,
            Rule::Off => false,
            rule => rule.allows(&flag.name(), who),
        })
    }

    /// That somebody may do this.
    ///
    /// # Errors
    /// [`AppError::SwitchedOff`].
    pub fn check(&self, flag: Flag, who: impl Into<Who>) -> AppResult<()> {
        if self.allows(flag, Some(&who.into())) { Ok(()) } else { Err(off(flag)) }
    }

    /// That who is not signed in may do this.
    ///
    /// # Errors
    /// [`AppError::SwitchedOff`].
    pub fn check_visitor(&self, flag: Flag) -> AppResult<()> {
        if self.allows(flag, None) { Ok(()) } else { Err(off(flag)) }
    }

    /// That it is on for somebody: what they made is there for all.
    ///
    /// # Errors
    /// [`AppError::SwitchedOff`].
    pub fn check_anybody(&self, flag: Flag) -> AppResult<()> {
        let is_off = self.snapshot().flags.get(&flag).is_some_and(|status| status.setting.rule.is_for_nobody());
        if is_off { Err(off(flag)) } else { Ok(()) }
    }

    /// The flag of a configured provider.
    fn provider(&self, kind: WorkKind, name: &str) -> Option<ProviderFlag> {
        self.known().iter().find_map(|flag| match flag {
            Flag::Provider(one) if one.kind() == kind && one.name() == name => Some(*one),
            _ => None,
        })
    }

    /// Why a provider is left out for somebody; `None`: it is not.
    #[must_use]
    pub fn closed(&self, kind: WorkKind, name: &str, who: Option<&Who>) -> Option<Closed> {
        let provider = self.provider(kind, name)?;
        if !self.allows(Flag::Provider(provider), who) {
            return Some(Closed::Off);
        }
        let cap = self.snapshot().flags.get(&Flag::Provider(provider))?.setting.daily_cap_micros?;
        (self.cost_today(provider) >= cap).then_some(Closed::Spent)
    }

    /// What a provider costs today, in millionths of a US dollar: as all servers told last, and this one now.
    #[must_use]
    pub fn cost_today(&self, provider: ProviderFlag) -> i64 {
        let day = Span::Day.start(self.now());
        // First what is known of all: what is written in between is in the second number alone.
        let snapshot = self.snapshot();
        snapshot.cost(day, provider, self.0.tally.cost(day, provider))
    }

    /// Counts an attempt at a provider. What a caller chose is no failure of who was asked.
    pub fn count(&self, kind: WorkKind, attempt: &Attempt) {
        let Some(provider) = self.provider(kind, &attempt.provider) else { return };
        let is_failure = match attempt.outcome {
            Outcome::Timeout | Outcome::RateLimited | Outcome::Malformed | Outcome::Unavailable | Outcome::Cut => true,
            Outcome::Ok | Outcome::Stopped | Outcome::Blocked | Outcome::Rejected => false,
        };
        let sum = Sum {
            asked: 1,
            failed: i64::from(is_failure),
            cost_micros: attempt.cost_micros.unwrap_or_default().max(0),
        };
        self.0.tally.add(self.now(), provider, sum);
    }

    /// All flags, as this server knows them.
    #[must_use]
    pub fn list(&self) -> Vec<FlagStatus> {
        let snapshot = self.snapshot();
        self.known().iter().filter_map(|flag| snapshot.flags.get(flag).cloned()).collect()
    }

    /// The flag of a stored name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<FlagStatus> {
        let flag = *self.known().iter().find(|flag| flag.name() == name)?;
        self.snapshot().flags.get(&flag).cloned()
    }

    /// What is announced, or was, as this server knows it.
    #[must_use]
    pub fn announced(&self) -> Option<Announced> {
        self.snapshot().announced.clone()
    }

    /// Writes what was counted here, and reads what holds. Where the database is gone, what held still does.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn load(&self) -> AppResult<()> {
        let (Inner { parts, tally, .. }, known) = (self.inner(), self.known());
        let now = self.now();
        let taken = tally.take(now);
        if !taken.unwritten.is_empty() {
            parts.store.keep_counts(tally.server, taken.unwritten.clone()).await?;
            tally.written(&taken.unwritten);
        }
        let day = Span::Day.start(now);
        let (rows, counts) = tokio::try_join!(parts.store.list(), parts.store.counts(day, super::watch::since(now)))?;
        let before = self.snapshot();
        let snapshot = Snapshot::read(&known, &rows, &before).with_counts(&known, counts, day, taken.today);
        self.set_snapshot(snapshot);
        Ok(())
    }

    /// Changes what is set for a flag, over the version that was seen. Said again, it is done already.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for no such flag, [`AppError::InvalidInput`] for what it cannot have, [`AppError::Conflict`] where somebody
    /// else was faster.
    pub async fn change(&self, by: Actor, name: &str, version: i64, setting: Setting) -> AppResult<FlagStatus> {
        // What others changed at this moment counts.
        self.load().await?;
        let before = self.find(name).ok_or(AppError::NotFound)?;
        check_setting(before.flag, &setting)?;
        let is_repeated = before.version == version + 1 && before.changed_by == Some(by);
        if before.setting == setting && (before.version == version || is_repeated) {
            return Ok(before);
        }
        if before.version != version {
            return Err(AppError::Conflict(t(Text::FlagChangedMeanwhile).to_owned()));
        }
        match self.put(by, &before, setting, None).await? {
            Some(status) => Ok(status),
            None => Err(AppError::Conflict(t(Text::FlagChangedMeanwhile).to_owned())),
        }
    }

    /// Writes a setting over the version before, with one line of the audit log; `None` where somebody else was faster.
    pub(super) async fn put(
        &self,
        by: Actor,
        before: &FlagStatus,
        setting: Setting,
        reason: Option<&'static str>,
    ) -> AppResult<Option<FlagStatus>> {
        let (name, version) = (before.flag.name(), before.version + 1);
        let changed_at = self.now();
        let value = serde_json::to_string(&setting).map_err(|_| AppError::Internal)?;
        let row = StoredSetting { name: name.to_string(), version, value, changed_at, changed_by: by };
        if !self.inner().parts.store.put(row).await? {
            return Ok(None);
        }
        let status =
            FlagStatus { flag: before.flag, setting, version, changed_at: Some(changed_at), changed_by: Some(by) };
        self.set_snapshot(self.snapshot().changed(Some(status.clone()), None));
        let told = |setting: &Setting| json!({ "flag": name, "setting": setting });
        let mut after = told(&status.setting);
        if let (Some(reason), Some(after)) = (reason, after.as_object_mut()) {
            after.insert("reason".to_owned(), json!(reason));
        }
        let entry = AuditEntry::new(by, Action::FlagChanged, None).before(told(&before.setting)).after(after);
        self.inner().parts.audit.record(entry.once(format!("flag:{name}:{version}"))).await;
        tracing::info!(flag = %name, version, by = %by, "a flag was changed");
        Ok(Some(status))
    }

    /// Announces something in the place of what was, over the version that was seen.
    ///
    /// # Errors
    /// [`AppError::Conflict`] where somebody else was faster.
    pub async fn announce(&self, by: Actor, version: i64, announcement: Announcement) -> AppResult<Announced> {
        self.load().await?;
        let before = self.announced();
        let now_there = before.as_ref().map_or(0, |announced| announced.version);
        if let Some(known) = before.as_ref().filter(|known| known.announcement == announcement)
            && (now_there == version || (now_there == version + 1 && known.changed_by == by))
        {
            return Ok(known.clone());
        }
        let conflict = || AppError::Conflict(t(Text::FlagChangedMeanwhile).to_owned());
        if now_there != version {
            return Err(conflict());
        }
        let value = serde_json::to_string(&announcement).map_err(|_| AppError::Internal)?;
        let row = StoredSetting {
            name: ANNOUNCEMENT.to_owned(),
            version: version + 1,
            value,
            changed_at: self.now(),
            changed_by: by,
        };
        if !self.inner().parts.store.put(row.clone()).await? {
            return Err(conflict());
        }
        let announced = Announced { announcement, version: row.version, changed_at: row.changed_at, changed_by: by };
        self.set_snapshot(self.snapshot().changed(None, Some(announced.clone())));
        let mut entry = AuditEntry::new(by, Action::AnnouncementChanged, None).after(json!(announced.announcement));
        if let Some(before) = before {
            entry = entry.before(json!(before.announcement));
        }
        self.inner().parts.audit.record(entry.once(format!("announcement:{}", announced.version))).await;
        Ok(announced)
    }
}

/// That it is off.
fn off(flag: Flag) -> AppError {
    AppError::SwitchedOff(t(flag.off_text()).to_owned())
}

/// What a flag cannot have.
fn check_setting(flag: Flag, setting: &Setting) -> AppResult<()> {
    let is_part = matches!(setting.rule, Rule::Roles { .. } | Rule::Percent { .. });
    if !flag.is_possible() && setting.rule != Rule::Off {
        return Err(AppError::invalid("state", t(flag.off_text())));
    }
    if flag.is_for_visitors() && is_part {
        return Err(AppError::invalid("state", t(Text::FlagIsForVisitors)));
    }
    if matches!(&setting.rule, Rule::Roles { roles } if roles.is_empty()) {
        return Err(AppError::invalid("roles", t(Text::FlagNeedsRoles)));
    }
    if !flag.is_measured() && !setting.safeguard.is_empty() {
        return Err(AppError::invalid("safeguard", t(Text::FlagIsNotMeasured)));
    }
    if !matches!(flag, Flag::Provider(_)) && setting.daily_cap_micros.is_some() {
        return Err(AppError::invalid("dailyCapMicros", t(Text::OnlyProvidersHaveCaps)));
    }
    Ok(())
}
