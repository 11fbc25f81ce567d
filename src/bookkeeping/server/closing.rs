//! Making the close of a day, once, by whichever server.
//!
//! Nothing that is read is locked, and nothing that is written counts before the close does. Entries of an account are taken in
//! their order, up to the first that is of a later day; what comes for a closed day after that is in the next close, by name.
//! Accounts are kept under the id of the try, and only those of the try whose close was stored are ever believed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::civil::Date;
use tokio::time::sleep;
use uuid::Uuid;

use super::Bookkeeping;
use super::close::{Close, MoneySum, PaperEnd, StoredClose, Sums, day_of, start_of};
use super::store::ClosedAccount;
use super::totals::Totals;
use crate::credits::server::store::reading::AccountEnd;
use crate::payments::server::papers::PaperKind;
use crate::platform::db::{StoreError, StoreResult, millis, rfc3339};
use crate::platform::ids::{LotId, OwnerId, PaymentId};
use crate::platform::money::Money;
use crate::platform::time::{DAY, HOUR};

/// How long a day that is over waits for entries that are late.
pub const GRACE: Duration = Duration::from_hours(1);
/// Accounts, entries of one account and papers that are read at a time.
const ACCOUNTS: usize = 200;
const ENTRIES: usize = 1000;
const PAPERS: usize = 500;
/// Years whose papers are looked through, besides the next: where a seller is, a year may begin earlier.
const YEARS: i16 = 10;
/// Days that are closed in one go.
const MOST_DAYS: usize = 400;

/// A day that is being closed.
struct Closing {
    number: i64,
    attempt: Uuid,
    day: Date,
    /// When it begins and ends, in milliseconds since 1970. The first close begins with time.
    begin: i64,
    end: i64,
    /// Which try made which close.
    attempts: HashMap<i64, Option<Uuid>>,
    sums: Sums,
    totals: Totals,
}

impl Bookkeeping {
    /// Closes the days that are over. Returns those that this server has closed.
    ///
    /// # Errors
    /// When the database cannot be reached; whoever is next begins anew.
    pub async fn close_days(&self) -> StoreResult<Vec<Date>> {
        self.close_days_at(self.database.now()).await
    }

    /// The same at another time, in milliseconds since 1970.
    ///
    /// # Errors
    /// As [`Self::close_days`].
    pub async fn close_days_at(&self, now: i64) -> StoreResult<Vec<Date>> {
        let mut closed = Vec::new();
        for _ in 0..MOST_DAYS {
            let last = self.store.list_closes(i64::MAX, 1).await?.pop();
            let Some(day) = next_day(last.as_ref(), now)? else { break };
            if !self.keep_lease("close").await? {
                break;
            }
            if self.close_day(day, last).await? {
                tracing::info!(%day, "the books of a day are closed");
                closed.push(day);
            }
        }
        self.end_lease("close").await?;
        if !closed.is_empty() {
            self.tell_metrics().await?;
        }
        Ok(closed)
    }

    /// Closes a day behind the last close. Whether it was this server.
    async fn close_day(&self, day: Date, last: Option<StoredClose>) -> StoreResult<bool> {
        let before = last.as_ref().map(StoredClose::read).transpose()?;
        let opening = before.as_ref().map(|close| close.closing.clone()).unwrap_or_default();
        let next = day.tomorrow().map_err(|_| StoreError::Corrupt(format!("day {day}")))?;
        let mut closing = Closing {
            number: before.as_ref().map_or(0, |close| close.number) + 1,
            attempt: Uuid::now_v7(),
            day,
            begin: if last.is_some() { start_of(day)? } else { i64::MIN },
            end: start_of(next)?,
            attempts: HashMap::new(),
            sums: Sums::default(),
            totals: opening.clone(),
        };
        let mut after = OwnerId::min();
        loop {
            let accounts = self.ledger.accounts(after, ACCOUNTS).await?;
            let Some(last) = accounts.last() else { break };
            self.close_accounts(&mut closing, after, &accounts).await?;
            after = last.owner;
            if !self.keep_lease("close").await? {
                return Ok(false);
            }
            sleep(self.pace.pause).await;
        }
        let known = before.map(|close| close.papers).unwrap_or_default();
        let (money, papers, late_papers) = self.sum_papers(known, &closing).await?;
        let provider_cost_micro_usd = self.sum_costs(&closing).await?;
        let (entries, accounts) = (closing.sums.entries, closing.sums.accounts);
        let (kinds, mut late) = closing.sums.into_kinds();
        late.papers = late_papers;
        let close = StoredClose::seal(&Close {
            number: closing.number,
            day,
            closed_at: rfc3339(self.database.now())?,
            opening,
            closing: closing.totals,
            kinds,
            entries,
            accounts,
            late,
            money,
            provider_cost_micro_usd,
            papers,
            attempt: closing.attempt,
            previous: last.as_ref().map(|close| close.hash.clone()).unwrap_or_default(),
        })?;
        let wrong = close.problems(last.as_ref())?;
        if !wrong.is_empty() {
            tracing::error!(?wrong, %day, "the books of a day do not agree, and are closed as they are");
        }
        self.store.add_close(close).await
    }

    /// Takes the entries of a page of accounts, and keeps each as they leave it.
    async fn close_accounts(&self, closing: &mut Closing, after: OwnerId, page: &[AccountEnd]) -> StoreResult<()> {
        let Some(until) = page.last().map(|last| last.owner) else { return Ok(()) };
        let (mut current, mut stale) = (HashMap::<OwnerId, ClosedAccount>::new(), Vec::new());
        for kept in self.store.closed_accounts(after, until).await? {
            // Those of another try at this day may yet count, or not.
            if kept.close >= closing.number {
                continue;
            }
            let counts = self.made_by(closing, kept.close).await? == Some(kept.attempt);
            let known = current.get(&kept.owner).map_or(0, |known| known.close);
            if !counts || known > kept.close {
                stale.push((kept.owner, kept.attempt));
            } else if let Some(older) = current.insert(kept.owner, kept) {
                stale.push((older.owner, older.attempt));
            }
        }
        if !stale.is_empty() {
            self.store.forget_accounts(stale).await?;
        }
        let mut moved = Vec::new();
        for AccountEnd { owner, last } in page {
            let before = current.remove(owner);
            if before.as_ref().map_or(0, |before| before.number) < *last {
                moved.extend(self.close_account(closing, *owner, before).await?);
            }
        }
        self.store.keep_accounts(moved).await
    }

    /// Which try made a close.
    async fn made_by(&self, closing: &mut Closing, number: i64) -> StoreResult<Option<Uuid>> {
        if let Some(known) = closing.attempts.get(&number) {
            return Ok(*known);
        }
        let attempt = self.store.find_close(number).await?.map(|close| close.attempt);
        closing.attempts.insert(number, attempt);
        Ok(attempt)
    }

    /// Takes the entries of an account up to the end of the day; `None`: there is none.
    async fn close_account(
        &self,
        closing: &mut Closing,
        owner: OwnerId,
        before: Option<ClosedAccount>,
    ) -> StoreResult<Option<ClosedAccount>> {
        let (start, mut books) = before.map(|before| (before.number, before.books)).unwrap_or_default();
        let (was, mut number) = (books.totals(), start);
        'day: loop {
            let entries = self.ledger.entries(owner, number, ENTRIES).await?;
            let is_last = entries.len() < ENTRIES;
            for entry in entries {
                if entry.at >= closing.end {
                    break 'day;
                }
                let paid = match books.new_lot(&entry) {
                    Some(lot) => self.paid_for(lot).await?,
                    None => None,
                };
                books.apply(owner, &entry, paid);
                closing.sums.add(owner, &entry, closing.begin);
                number = entry.number;
            }
            if is_last {
                break;
            }
        }
        if number == start {
            return Ok(None);
        }
        closing.totals.replace(&was, &books.totals());
        closing.sums.accounts += 1;
        Ok(Some(ClosedAccount { owner, close: closing.number, attempt: closing.attempt, number, books }))
    }

    /// What was paid for a lot, which has the id of its payment.
    async fn paid_for(&self, lot: LotId) -> StoreResult<Option<Money>> {
        let payment = self.payments.find(PaymentId::from(Uuid::from(lot))).await?;
        Ok(payment.map(|payment| payment.price))
    }

    /// Receipts and credit notes behind those that are known, up to the end of the day: their sums, where they end, and which are
    /// late.
    async fn sum_papers(
        &self,
        known: Vec<PaperEnd>,
        closing: &Closing,
    ) -> StoreResult<(Vec<MoneySum>, Vec<PaperEnd>, Vec<String>)> {
        let (mut sums, mut ends, mut late) = (BTreeMap::<String, MoneySum>::new(), known, Vec::new());
        for kind in PaperKind::ALL {
            for year in closing.day.year() - YEARS..=closing.day.year() + 1 {
                let place = ends.iter().position(|end| (end.kind, end.year) == (kind, year));
                let mut number = place.map_or(0, |place| ends[place].number);
                'day: loop {
                    let papers = self.papers.of_year(kind, year, number, PAPERS).await?;
                    let is_last = papers.len() < PAPERS;
                    for paper in papers {
                        if paper.issued_at >= closing.end {
                            break 'day;
                        }
                        let total = paper.content.total;
                        let sum =
                            sums.entry(total.currency.code().to_owned()).or_insert_with_key(|currency| MoneySum {
                                currency: currency.clone(),
                                receipts: 0,
                                received: 0,
                                credit_notes: 0,
                                refunded: 0,
                            });
                        match kind {
                            PaperKind::Receipt => {
                                sum.receipts += 1;
                                sum.received += total.minor;
                            }
                            PaperKind::CreditNote => {
                                sum.credit_notes += 1;
                                sum.refunded += total.minor;
                            }
                        }
                        if paper.issued_at < closing.begin {
                            late.push(paper.number.to_string());
                        }
                        number = paper.number.number;
                    }
                    if is_last {
                        break;
                    }
                }
                match place {
                    Some(place) => ends[place].number = number,
                    None if number > 0 => ends.push(PaperEnd { kind, year, number }),
                    None => {}
                }
            }
        }
        Ok((sums.into_values().collect(), ends, late))
    }

    /// What providers took. Of the first close: as far back as that is known.
    async fn sum_costs(&self, closing: &Closing) -> StoreResult<i64> {
        let kept = millis(crate::usage::server::store::KEPT);
        let (mut from, step) = match closing.begin {
            i64::MIN => (closing.end - kept, DAY),
            begin => (begin, HOUR),
        };
        let mut sum = 0;
        while from < closing.end {
            sum += self.attempts.cost_between(from, (from + step).min(closing.end)).await?;
            from += step;
        }
        Ok(sum)
    }

    /// What is wrong with the closes: the chain, each by itself, and the last beside the accounts that it is of.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn verify_closes(&self) -> StoreResult<Vec<String>> {
        let (mut problems, mut number, mut previous) = (Vec::new(), 0, None::<StoredClose>);
        let mut attempts = HashMap::new();
        while let Some(close) = self.store.find_close(number + 1).await? {
            number = close.number;
            let found = match close.problems(previous.as_ref()) {
                Ok(found) => found,
                Err(_) => vec!["it cannot be read"],
            };
            problems.extend(found.into_iter().map(|problem| format!("close {number} ({}): {problem}", close.day)));
            attempts.insert(number, close.attempt);
            previous = Some(close);
        }
        let newest = self.store.list_closes(i64::MAX, 1).await?.pop();
        if newest.as_ref().map_or(0, |newest| newest.number) > number && !attempts.contains_key(&(number + 1)) {
            // One that came while this was read is no gap.
            if self.store.find_close(number + 1).await?.is_none() {
                problems.push(format!("close {} is missing", number + 1));
            }
        }
        let Some(Ok(last)) = previous.map(|last| last.read()) else { return Ok(problems) };
        let totals = self.sum_closed(last.number, &attempts).await?;
        // With the next close, what the last one had of its accounts is forgotten.
        let is_last = self.store.find_close(last.number + 1).await?.is_none();
        if is_last && totals != last.closing {
            problems.push(format!("close {} ({}) is not what its accounts come to", last.number, last.day));
        }
        Ok(problems)
    }

    /// What all accounts come to, as closes up to this one left them.
    async fn sum_closed(&self, number: i64, attempts: &HashMap<i64, Uuid>) -> StoreResult<Totals> {
        let (mut totals, mut after) = (Totals::default(), OwnerId::min());
        loop {
            let page = self.ledger.accounts(after, ACCOUNTS).await?;
            let Some(last) = page.last() else { return Ok(totals) };
            let mut newest = HashMap::<OwnerId, ClosedAccount>::new();
            for kept in self.store.closed_accounts(after, last.owner).await? {
                let counts = kept.close <= number && attempts.get(&kept.close) == Some(&kept.attempt);
                if counts && newest.get(&kept.owner).is_none_or(|known| known.close < kept.close) {
                    newest.insert(kept.owner, kept);
                }
            }
            for kept in newest.into_values() {
                totals.replace(&Totals::default(), &kept.books.totals());
            }
            after = last.owner;
            sleep(self.pace.pause).await;
        }
    }
}

/// The day to close next; `None`: it is not over yet. The first is yesterday.
fn next_day(last: Option<&StoredClose>, now: i64) -> StoreResult<Option<Date>> {
    let corrupt = |_| StoreError::Corrupt("a day without a neighbour".to_owned());
    let over = day_of(now - millis(GRACE))?.yesterday().map_err(corrupt)?;
    let Some(last) = last else { return Ok(Some(over)) };
    let next = last.read()?.day.tomorrow().map_err(corrupt)?;
    Ok((next <= over).then_some(next))
}
