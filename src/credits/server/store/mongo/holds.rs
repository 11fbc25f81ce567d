//! Making holds, extending them, and ending them: one update each, that looks at nothing before it and decides by itself.

use mongodb::bson::{self, Bson, Document, doc};

use super::batch::Change;
use super::documents::{Account, Entry, Once, OpenHold};
use super::guards::{guard_of, hold_key, is_hopeless, put_aside, spending_field};
use super::lots::{StoredShare, with_lots, with_same_lots};
use super::{MongoCreditStore, TRIES, busy};
use crate::credits::server::store::{
    ExtendOutcome, Hold, HoldEnd, HoldOutcome, Idempotency, NewHold, SpendLimit, extension_key,
};
use crate::credits::{Balance, EntryKind, ReleaseReason};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{from_bson, to_bson};
use crate::platform::ids::ApiKeyId;

/// What a hold may try next, or why it need not: the amount with what the account must be like.
type Next = Result<(Amount, Document), HoldOutcome>;

impl MongoCreditStore {
    pub(super) async fn make_hold(&self, hold: NewHold) -> StoreResult<HoldOutcome> {
        let limits = hold.all_limits();
        // The balance and the limits are looked at by the update itself.
        let mut next = if hold.idempotency.is_none() && !is_hopeless(hold.amount, &limits) {
            Ok((hold.amount, guard_of(hold.amount, Amount::ZERO, &limits, self.mongo.now())))
        } else {
            self.look_before_hold(&hold, &limits).await?
        };
        for _ in 0..TRIES {
            let (amount, guard) = match next {
                Ok(next) => next,
                Err(outcome) => return Ok(outcome),
            };
            let change = self.new_hold(&hold, &limits, amount, guard)?;
            if let Some(after) = self.update(hold.owner, change).await? {
                return Ok(HoldOutcome::Held { amount, balance: after.balance() });
            }
            next = self.look_before_hold(&hold, &limits).await?;
        }
        Err(busy(hold.owner))
    }

    fn new_hold(&self, hold: &NewHold, limits: &[SpendLimit], amount: Amount, guard: Document) -> StoreResult<Change> {
        let at = self.mongo.now();
        let open = OpenHold {
            id: to_bson(hold.id),
            user: to_bson(hold.user),
            kind: hold.kind.as_str().to_owned(),
            amount,
            ceiling: hold.ceiling,
            price_version: hold.price_version.clone(),
            request_id: hold.request_id.clone(),
            key: hold.key.map(|key| to_bson(key.id)),
            counters: hold.limits.iter().map(|limit| limit.counter.clone()).collect(),
            at: bson::DateTime::from_millis(at),
            lease_until: hold.lease_until,
        };
        let mut entry = Entry::new(EntryKind::Hold, Amount::ZERO, amount, hold_key(hold.id), &hold.request_id, at);
        entry.work = Some(hold.kind.as_str().to_owned());
        entry.ceiling = (hold.ceiling != amount).then(|| hold.ceiling.micros());
        entry.once = hold.idempotency.as_ref().map(|Idempotency { key, fingerprint }| Once {
            key: key.clone(),
            fingerprint: bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: fingerprint.to_vec() },
            hold: open.id,
            user: open.user,
        });
        let mut set = doc! { "busy": true };
        for limit in limits {
            set.extend(limit.until.map(|until| (format!("spendingUntil.{}", limit.counter), Bson::from(until))));
        }
        let mut update = doc! {
            "$inc": put_aside(amount, limits.iter().map(|limit| limit.counter.clone())),
            "$set": set,
            "$push": { "open": bson::serialize_to_bson(&open)?, "recent": bson::serialize_to_bson(&entry)? },
        };
        if let Some(first) = limits.iter().filter_map(|limit| limit.until).min() {
            update.insert("$min", doc! { "forgetAt": first });
        }
        Ok(Change { guard, update, entry: entry.id, alone: false })
    }

    /// The cause of a hold that was refused, or what it may try and expects to find next time.
    async fn look_before_hold(&self, hold: &NewHold, limits: &[SpendLimit]) -> StoreResult<Next> {
        let account = self.open_or_find(hold.owner, &hold.request_id).await?;
        if let Some(open) = account.find_open(hold.id) {
            return Ok(Err(HoldOutcome::Held { amount: open.amount, balance: account.balance() }));
        }
        let mut seen = Document::new();
        if let Some(idempotency) = &hold.idempotency {
            match self.find_once(&account, hold.user, idempotency).await? {
                None => {
                    let same = doc! { "once.key": &idempotency.key, "once.user": to_bson(hold.user) };
                    seen.insert("recent", doc! { "$not": { "$elemMatch": same } });
                }
                // The key stays where it is, and what comes later wins: nothing may come in between. `posted` counts whatever
                // happens to an account.
                Some(HoldOutcome::Failed(_)) => _ = seen.insert("posted", account.posted),
                Some(outcome) => return Ok(Err(outcome)),
            }
            seen.insert("cutAt.seq", account.cut_at.seq);
        }
        Ok(match account.afford(hold.amount, hold.least.min(hold.amount), limits) {
            Ok(amount) => {
                let mut guard = guard_of(amount, account.balance().debt, limits, self.mongo.now());
                guard.extend(seen);
                Ok((amount, guard))
            }
            Err(refusal) => Err(refusal.into()),
        })
    }

    pub(super) async fn extend(&self, hold: &Hold, to: Amount) -> StoreResult<ExtendOutcome> {
        let (mut open, mut debt) = (Known::of(hold), Amount::ZERO);
        let (limits, to) = (hold.all_limits(), to.min(hold.ceiling));
        for _ in 0..TRIES {
            let more = to - open.amount;
            if more.is_positive() && !is_hopeless(more, &limits) {
                let change = self.extension(hold, &open, (more, debt), &limits)?;
                if let Some(after) = self.update(hold.owner, change).await? {
                    return Ok(ExtendOutcome::Extended(after.balance()));
                }
            }
            let Some(account) = self.find_live(hold.owner).await? else { return Ok(ExtendOutcome::Ended) };
            let Some(found) = account.find_open(hold.id) else { return Ok(ExtendOutcome::Ended) };
            (open, debt) = (Known::from(found), account.balance().debt);
            if open.amount >= to {
                return Ok(ExtendOutcome::Extended(account.balance()));
            }
            let more = to - open.amount;
            if let Err(refusal) = account.afford(more, more, &limits) {
                return Ok(refusal.into());
            }
        }
        Err(busy(hold.owner))
    }

    /// More for a hold of an account that owes so much.
    fn extension(
        &self,
        hold: &Hold,
        open: &Known,
        (more, debt): (Amount, Amount),
        limits: &[SpendLimit],
    ) -> StoreResult<Change> {
        let (at, key) = (self.mongo.now(), extension_key(hold.id, open.amount + more));
        let mut entry = Entry::new(EntryKind::Extend, Amount::ZERO, more, key, &hold.request_id, at);
        entry.work = Some(hold.kind.as_str().to_owned());
        let mut guard = guard_of(more, debt, limits, at);
        guard.insert("open", open.guard(hold));
        let mut sums = put_aside(more, open.all_counters());
        sums.insert("open.$.amount", more.micros());
        let update = doc! { "$inc": sums, "$push": { "recent": bson::serialize_to_bson(&entry)? } };
        Ok(Change { guard, update, entry: entry.id, alone: false })
    }

    pub(super) async fn end(
        &self,
        hold: &Hold,
        end: HoldEnd,
        reason: Option<ReleaseReason>,
    ) -> StoreResult<Option<(HoldEnd, Balance)>> {
        let open = Known::of(hold);
        let ending = Ending { hold, end, reason, at: self.mongo.now() };
        let used = end.charged(open.amount);
        let first = if used.is_zero() { None } else { self.first_lots.find(hold.owner).await };
        let part = first.as_ref().and_then(|first| first.part(used));
        if used.is_zero() || part.is_some() {
            let change = ending.by_sums(&open, part)?;
            if let Some(after) = self.update(hold.owner, change).await? {
                return Ok(Some((end.with(used), after.balance())));
            }
        }
        self.end_as_found(hold, end, reason).await
    }

    /// Settles a hold in the usual case, where all is as it was known, without waiting for the journal; `None`: it is another case.
    pub(super) async fn settle_by_sums(&self, hold: &Hold, used: Amount) -> StoreResult<Option<(HoldEnd, Balance)>> {
        let (open, end) = (Known::of(hold), HoldEnd::Settle(used));
        let used = end.charged(open.amount);
        let first = self.first_lots.find(hold.owner).await;
        let Some(part) = first.and_then(|first| first.part(used)).filter(|_| used.is_positive()) else {
            return Ok(None);
        };
        let change = Ending { hold, end, reason: None, at: self.mongo.now() }.by_sums(&open, Some(part))?;
        let after = self.update_relaxed(hold.owner, change).await?;
        Ok(after.map(|after| (end.with(used), after.balance())))
    }

    /// Ends a hold by what is read of its account.
    async fn end_as_found(
        &self,
        hold: &Hold,
        end: HoldEnd,
        reason: Option<ReleaseReason>,
    ) -> StoreResult<Option<(HoldEnd, Balance)>> {
        for _ in 0..TRIES {
            let Some(account) = self.find_live(hold.owner).await? else { return Ok(None) };
            let Some(found) = account.find_open(hold.id) else {
                return Ok(self.find_end(&account, hold.id).await?.map(|(end, _)| (end, account.balance())));
            };
            let open = Known::from(found);
            let used = end.charged(open.amount);
            let ending = Ending { hold, end, reason, at: self.mongo.now() };
            let part = account.lots.first().filter(|_| used.is_positive()).and_then(|first| first.part(used));
            let change = if used.is_zero() || part.is_some() {
                ending.by_sums(&open, part)?
            } else {
                ending.by_all_lots(&open, &account)?
            };
            if let Some(after) = self.update(hold.owner, change).await? {
                return Ok(Some((end.with(used), after.balance())));
            }
        }
        Err(busy(hold.owner))
    }
}

/// An open hold, as its holder knows it or as it was found in its account.
struct Known {
    amount: Amount,
    price_version: String,
    key: Option<bson::Uuid>,
    /// Besides the key's own.
    counters: Vec<String>,
}

impl Known {
    fn of(hold: &Hold) -> Self {
        Self {
            amount: hold.amount,
            price_version: hold.price_version.clone(),
            key: hold.key.map(|key| to_bson(key.id)),
            counters: hold.limits.iter().map(|limit| limit.counter.clone()).collect(),
        }
    }

    fn all_counters(&self) -> impl Iterator<Item = String> {
        let key = self.key.map(|key| from_bson::<ApiKeyId>(key).to_string());
        key.into_iter().chain(self.counters.iter().cloned())
    }

    /// What `open` must have.
    fn guard(&self, hold: &Hold) -> Document {
        doc! { "$elemMatch": {
            "id": to_bson(hold.id),
            "amount": self.amount.micros(),
            "key": self.key,
            "counters": &self.counters,
        } }
    }
}

impl From<&OpenHold> for Known {
    fn from(open: &OpenHold) -> Self {
        Self {
            amount: open.amount,
            price_version: open.price_version.clone(),
            key: open.key,
            counters: open.counters.clone(),
        }
    }
}

/// How a hold is to end.
struct Ending<'a> {
    hold: &'a Hold,
    end: HoldEnd,
    reason: Option<ReleaseReason>,
    at: i64,
}

impl Ending<'_> {
    /// Where nothing was used, or what was is a part of the first lot.
    fn by_sums(&self, open: &Known, part: Option<StoredShare>) -> StoreResult<Change> {
        let (mut guard, mut sums) = (doc! { "nextExpiry": { "$gt": self.at } }, self.sums(open));
        if let Some(StoredShare { id, amount, .. }) = &part {
            guard.insert("lots.0.id", *id);
            guard.insert("lots.0.left", doc! { "$gte": amount.micros() });
            sums.insert("lots.0.left", -amount.micros());
        }
        self.change(open, guard, doc! { "$inc": sums }, part.into_iter().collect())
    }

    /// Where several lots are used, or the first is used up: only if they are as they were read.
    fn by_all_lots(&self, open: &Known, account: &Account) -> StoreResult<Change> {
        let mut lots = account.state().lots;
        let shares = lots.spend(self.end.charged(open.amount)).into_iter().map(StoredShare::from).collect();
        let update = doc! { "$inc": self.sums(open), "$set": with_lots(&lots)? };
        self.change(open, with_same_lots(account), update, shares)
    }

    /// Gives back what was not used, to the counts too.
    fn sums(&self, open: &Known) -> Document {
        let back = open.amount - self.end.charged(open.amount);
        let mut sums = doc! {
            "balance.available": back.micros(),
            "balance.held": -open.amount.micros(),
            "posted": 1_i64,
        };
        for counter in open.all_counters().filter(|_| !back.is_zero()) {
            sums.insert(spending_field(&counter), -back.micros());
        }
        sums
    }

    fn change(
        &self,
        open: &Known,
        mut guard: Document,
        mut update: Document,
        shares: Vec<StoredShare>,
    ) -> StoreResult<Change> {
        let (Self { hold, end, .. }, kind) = (self, self.end.entry_kind());
        let used = end.charged(open.amount);
        let mut entry = Entry::new(kind, -used, -open.amount, end.entry_key(hold.id), &hold.request_id, self.at);
        entry.work = Some(hold.kind.as_str().to_owned());
        entry.reason = self.reason.map(|reason| reason.as_str().to_owned());
        let version = Some(&open.price_version).filter(|version| !version.is_empty());
        entry.price_version = version.filter(|_| kind == EntryKind::Settle).cloned();
        entry.lots = shares;
        guard.insert("open", open.guard(hold));
        update.insert("$pull", doc! { "open": { "id": to_bson(hold.id) } });
        update.insert("$push", doc! { "recent": bson::serialize_to_bson(&entry)? });
        Ok(Change { guard, update, entry: entry.id, alone: false })
    }
}

impl HoldEnd {
    /// The same, with what was charged.
    const fn with(self, used: Amount) -> Self {
        match self {
            Self::Settle(_) => Self::Settle(used),
            Self::Release => Self::Release,
        }
    }
}
