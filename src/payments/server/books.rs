//! What is known of a payment's money, and what the ledger has to be told of it: pure, and the same in whatever order it was heard.
//!
//! Facts only grow: a refund has its id, a dispute only gets later, and what went back in all only gets more. From them follows
//! how many credits should be out of the ledger ([`Books::plan`]). One step at a time leads there: it is written down before it
//! is done, under a number that is its key in the ledger, so whoever finds it may do it again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::provider::DisputeState;
use crate::platform::amount::{Amount, micros};
use crate::platform::money::share;

/// Everything that decides what is booked of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Books {
    /// Whether the money has come.
    pub paid: bool,
    /// Whether the credits are in the ledger.
    pub credited: bool,
    /// Credits that are out of the ledger because their money went back.
    #[serde(with = "micros")]
    pub returned: Amount,
    /// Credits that ended with their time, and that nobody used: nobody owes them.
    #[serde(with = "micros")]
    pub lapsed: Amount,
    /// Credits that are out of the ledger while somebody disputes the payment.
    #[serde(with = "micros")]
    pub frozen: Amount,
    /// Steps so far.
    pub steps: u32,
    /// The one that is to be done, or was and is not known to be.
    pub step: Option<Step>,
    /// What went back, by the provider's ids.
    pub refunds: BTreeMap<String, RefundFact>,
    /// The most that the provider has said went back in all, in the smallest unit.
    pub told: i64,
    /// The most of that which nobody had asked for here by then.
    pub told_elsewhere: i64,
    pub disputes: BTreeMap<String, DisputeFact>,
    /// What the buyer asked to give back.
    pub requests: Vec<Request>,
    /// Of what comes with a payment: the request for which what is left was frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_for: Option<u32>,
}

/// What a request takes while it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// Nothing, or not yet.
    Nothing,
    /// So much at most of what was bought.
    Withdraw(Amount),
    /// So much at most of what came with it stays where it is not spent until what was bought is taken.
    Keep { request: u32, most: Amount },
}

/// Money that went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundFact {
    /// In the smallest unit.
    pub minor: i64,
    /// Neither the seller nor a refund requested here caused it: a chargeback.
    pub reversed: bool,
    /// When it was heard of, in milliseconds since 1970.
    pub at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeFact {
    pub state: DisputeState,
    /// Whether what there was left has been frozen for it.
    pub frozen: bool,
}

/// Credits that their buyer gives back for money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// How many came before it.
    pub number: u32,
    /// Most that is given back: what the buyer saw.
    #[serde(with = "micros")]
    pub most: Amount,
    /// What was taken from the ledger for it.
    #[serde(with = "micros")]
    pub credits: Amount,
    /// What is paid for them, in the smallest unit.
    pub minor: i64,
    pub state: RequestState,
    /// The provider's.
    pub refund_id: Option<String>,
    /// Refunds that were known before it: none of them is its own.
    #[serde(default)]
    pub known: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestState {
    /// Its credits are to be taken.
    Wanted,
    /// They are taken, and the provider is asked until it says what became of it.
    Asking,
    Done,
    /// The provider refused for good, or nothing was left: the credits are given back.
    Refused,
}

/// One move of credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub number: u32,
    pub what: StepKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepKind {
    /// What was bought comes.
    Credit,
    /// So much is taken back; what is spent is owed.
    Take(#[serde(with = "micros")] Amount),
    /// What is left is taken, at most so much.
    Freeze(#[serde(with = "micros")] Amount),
    /// What was frozen comes back.
    Thaw(#[serde(with = "micros")] Amount),
    /// What was taken for a refund that did not come about comes back.
    GiveBack(#[serde(with = "micros")] Amount),
    /// What is left is taken for a request, at most so much.
    Withdraw {
        request: u32,
        #[serde(with = "micros")]
        most: Amount,
    },
    /// What is left of what came with it is frozen for a request, at most so much.
    Keep {
        request: u32,
        #[serde(with = "micros")]
        most: Amount,
    },
}

impl StepKind {
    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Take(_) => "take",
            Self::Freeze(_) => "freeze",
            Self::Thaw(_) => "thaw",
            Self::GiveBack(_) => "give_back",
            Self::Withdraw { .. } => "withdraw",
            Self::Keep { .. } => "keep",
        }
    }

    /// Whether it takes only what is there, which is known when it is done.
    #[must_use]
    pub const fn is_unspent_only(&self) -> bool {
        matches!(self, Self::Freeze(_) | Self::Withdraw { .. } | Self::Keep { .. })
    }
}

impl Books {
    /// Notes that money went back; whether that was news.
    pub fn refund(&mut self, id: &str, fact: RefundFact) -> bool {
        if self.refunds.contains_key(id) || fact.minor <= 0 {
            return false;
        }
        self.refunds.insert(id.to_owned(), fact);
        true
    }

    /// Notes how much went back in all, by the provider's word, in the smallest unit.
    pub fn tell(&mut self, minor: i64) {
        let asked: i64 = self.granted().map(|request| request.minor).sum();
        self.told = self.told.max(minor);
        self.told_elsewhere = self.told_elsewhere.max(minor - asked);
    }

    /// Notes how far a dispute is; whether that was news.
    pub fn dispute(&mut self, id: &str, state: DisputeState) -> bool {
        let known = self.disputes.get_mut(id);
        match known {
            Some(known) if known.state >= state => false,
            Some(known) => {
                known.state = state;
                true
            }
            None => {
                self.disputes.insert(id.to_owned(), DisputeFact { state, frozen: false });
                true
            }
        }
    }

    /// Whether somebody disputes it now.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.disputes.values().any(|dispute| dispute.state == DisputeState::Opened)
    }

    /// Has what is left frozen once more, for as long as somebody disputes it; whether anything changed.
    pub fn freeze_again(&mut self) -> bool {
        let open = self.disputes.values_mut().find(|dispute| dispute.state == DisputeState::Opened);
        open.is_some_and(|dispute| std::mem::replace(&mut dispute.frozen, false))
    }

    /// The request whose end is not known yet.
    #[must_use]
    pub fn open_request(&self) -> Option<&Request> {
        self.requests.iter().find(|request| matches!(request.state, RequestState::Wanted | RequestState::Asking))
    }

    /// The request whose credits are to be taken.
    #[must_use]
    pub fn wanted(&self) -> Option<&Request> {
        self.requests.iter().find(|request| request.state == RequestState::Wanted)
    }

    /// Those for which credits are out of the ledger.
    fn granted(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(|request| matches!(request.state, RequestState::Asking | RequestState::Done))
    }

    /// What went back for other reasons than a request here, in the smallest unit.
    fn elsewhere(&self, price: i64) -> i64 {
        let mut unknown: Vec<_> = self.granted().filter(|request| request.refund_id.is_none()).collect();
        let mut sum = 0_i64;
        for (id, fact) in &self.refunds {
            if self.granted().any(|request| request.refund_id.as_ref() == Some(id)) {
                continue;
            }
            // The provider's own report may be faster than its answer: one of the same amount is taken for it until then.
            match unknown.iter().position(|request| request.minor == fact.minor && !request.known.contains(id)) {
                Some(at) => drop(unknown.swap_remove(at)),
                None => sum = sum.saturating_add(fact.minor),
            }
        }
        let asked: i64 = self.granted().map(|request| request.minor).sum();
        let lost = self.disputes.values().any(|dispute| dispute.state == DisputeState::Lost);
        let told = self.told.max(if lost { price } else { 0 });
        sum.max(told - asked).max(self.told_elsewhere).clamp(0, price)
    }

    /// What went back in all, or is about to, in the smallest unit.
    #[must_use]
    pub fn money_back(&self, price: i64) -> i64 {
        let asked: i64 = self.granted().map(|request| request.minor).sum();
        asked.saturating_add(self.elsewhere(price)).min(price)
    }

    /// What is paid back for so many credits more, in the smallest unit. Money goes back in multiples of `step`.
    #[must_use]
    pub fn money_for(&self, back: Amount, credits: Amount, price: i64, step: i64) -> i64 {
        let left = price - self.money_back(price);
        // All that there still is brings all that is left of the price, whatever was rounded before.
        if self.returned + self.frozen + back >= credits {
            return left;
        }
        let part = share(price, back.micros(), credits.micros()).min(left);
        part - part % step.max(1)
    }

    /// How many credits should be out of the ledger for it.
    #[must_use]
    pub fn due(&self, credits: Amount, price: i64) -> Amount {
        let most = (credits - self.lapsed).max(Amount::ZERO);
        if self.money_back(price) >= price {
            return most;
        }
        let given: Amount = self.granted().map(|request| request.credits).sum();
        let rest = Amount::from_micros(share(credits.micros(), self.elsewhere(price), price));
        (given + rest).min(most)
    }

    /// Plans the next step, if one is needed; whether anything changed.
    pub fn plan(&mut self, credits: Amount, price: i64, taking: Taking) -> bool {
        if !self.paid || self.step.is_some() {
            return false;
        }
        let due = self.due(credits, price);
        let turned = self.frozen.min(due - self.returned).max(Amount::ZERO);
        self.frozen -= turned;
        self.returned += turned;
        // What would come back while somebody disputes it is frozen where it is.
        let kept = if self.is_disputed() { (self.returned - due).max(Amount::ZERO) } else { Amount::ZERO };
        self.returned -= kept;
        self.frozen += kept;
        let has_turned = turned.is_positive() || kept.is_positive();
        let Some(what) = self.next(credits, due, taking) else { return has_turned };
        self.steps += 1;
        self.step = Some(Step { number: self.steps, what });
        true
    }

    fn next(&self, credits: Amount, due: Amount, taking: Taking) -> Option<StepKind> {
        let out = self.returned + self.frozen;
        let is_new = |dispute: &DisputeFact| dispute.state == DisputeState::Opened && !dispute.frozen;
        if !self.credited {
            return Some(StepKind::Credit);
        }
        if self.returned < due {
            return Some(StepKind::Take(due - self.returned));
        }
        if self.returned > due {
            return Some(StepKind::GiveBack(self.returned - due));
        }
        if out < credits && self.disputes.values().any(is_new) {
            return Some(StepKind::Freeze(credits - out));
        }
        match taking {
            Taking::Keep { request, most } if self.kept_for != Some(request) => {
                return Some(StepKind::Keep { request, most: most.min(credits - out) });
            }
            Taking::Nothing | Taking::Withdraw(_) if self.frozen.is_positive() && !self.is_disputed() => {
                return Some(StepKind::Thaw(self.frozen));
            }
            _ => {}
        }
        let (Taking::Withdraw(most), Some(wanted)) = (taking, self.wanted()) else { return None };
        let most = if self.is_disputed() { Amount::ZERO } else { most.min(credits - out) };
        Some(StepKind::Withdraw { request: wanted.number, most })
    }

    /// The step that was planned is done, and has moved so much. Money goes back in multiples of `step`.
    pub fn done(&mut self, moved: Amount, credits: Amount, price: i64, step: i64) {
        let Some(done) = self.step.take() else { return };
        match done.what {
            StepKind::Credit => self.credited = true,
            StepKind::Take(_) => self.returned += moved,
            StepKind::GiveBack(_) => self.returned -= moved,
            StepKind::Thaw(_) => self.frozen -= moved,
            StepKind::Freeze(_) => {
                self.frozen += moved;
                for dispute in self.disputes.values_mut() {
                    dispute.frozen = true;
                }
            }
            StepKind::Keep { request, .. } => {
                self.frozen += moved;
                self.kept_for = Some(request);
            }
            StepKind::Withdraw { request, .. } => {
                let minor = self.money_for(moved, credits, price, step);
                self.returned += moved;
                let known = self.refunds.keys().cloned().collect();
                let Some(request) = self.requests.iter_mut().find(|known| known.number == request) else { return };
                request.known = known;
                request.credits = moved;
                request.minor = minor;
                request.state =
                    if moved.is_positive() && minor > 0 { RequestState::Asking } else { RequestState::Refused };
            }
        }
    }

    /// Whether more of so many credits may be there to freeze later.
    #[must_use]
    pub fn is_frozen_in_part(&self, credits: Amount) -> bool {
        self.is_disputed() && self.returned + self.frozen < credits
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.step.is_none() && self.open_request().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: i64 = 2000;

    fn credits() -> Amount {
        Amount::credits(500)
    }

    fn paid() -> Books {
        Books { paid: true, credited: true, ..Books::default() }
    }

    /// Does steps until there are none; all that is asked for is there.
    fn book(books: &mut Books) {
        for _ in 0..9 {
            let taking = books.wanted().map_or(Taking::Nothing, |request| Taking::Withdraw(request.most));
            if !books.plan(credits(), PRICE, taking) {
                return;
            }
            let Some(step) = books.step.clone() else { continue };
            let moved = match step.what {
                StepKind::Credit => credits(),
                StepKind::Take(amount)
                | StepKind::Freeze(amount)
                | StepKind::Thaw(amount)
                | StepKind::GiveBack(amount)
                | StepKind::Keep { most: amount, .. }
                | StepKind::Withdraw { most: amount, .. } => amount,
            };
            books.done(moved, credits(), PRICE, 1);
        }
        panic!("it does not come to an end");
    }

    fn ask(books: &mut Books, most: Amount) {
        let number = u32::try_from(books.requests.len()).unwrap();
        let (credits, state) = (Amount::ZERO, RequestState::Wanted);
        books.requests.push(Request { number, most, credits, minor: 0, state, refund_id: None, known: Vec::new() });
        book(books);
    }

    #[test]
    fn a_request_is_not_taken_for_a_refund_from_before_it() {
        let mut books = paid();
        books.refund("earlier", RefundFact { minor: PRICE / 2, reversed: false, at: 1 });
        book(&mut books);
        assert_eq!(books.returned, Amount::credits(250));
        // The rest is worth the same. Nothing of it comes back before the provider has said anything.
        ask(&mut books, Amount::credits(250));
        assert_eq!((books.returned, books.requests[0].minor), (credits(), PRICE / 2));
        // Its own report, by an id that is not known yet, changes nothing.
        books.refund("its own", RefundFact { minor: PRICE / 2, reversed: false, at: 2 });
        book(&mut books);
        assert_eq!((books.returned, books.money_back(PRICE)), (credits(), PRICE));
    }

    #[test]
    fn money_goes_back_in_steps_of_the_provider() {
        let mut books = paid();
        books.requests.push(Request {
            number: 0,
            most: Amount::credits(123),
            credits: Amount::ZERO,
            minor: 0,
            state: RequestState::Wanted,
            refund_id: None,
            known: Vec::new(),
        });
        assert!(books.plan(credits(), PRICE, Taking::Withdraw(Amount::credits(123))));
        books.done(Amount::credits(123), credits(), PRICE, 100);
        assert_eq!(books.requests[0].minor, 400);
    }

    #[test]
    fn what_was_told_in_all_before_a_request_stays_besides_it() {
        let mut books = paid();
        books.tell(PRICE / 10);
        book(&mut books);
        assert_eq!(books.returned, Amount::credits(50));
        ask(&mut books, Amount::credits(75));
        assert_eq!((books.returned, books.requests[0].minor), (Amount::credits(125), 300));
        books.tell(500);
        book(&mut books);
        assert_eq!((books.returned, books.money_back(PRICE)), (Amount::credits(125), 500));
    }

    #[test]
    fn what_comes_back_while_somebody_disputes_it_stays_frozen() {
        let mut books = paid();
        ask(&mut books, Amount::credits(320));
        books.dispute("d", DisputeState::Opened);
        book(&mut books);
        books.requests[0].state = RequestState::Refused;
        let before = books.frozen;
        book(&mut books);
        assert_eq!((books.returned, books.frozen), (Amount::ZERO, before + Amount::credits(320)));
        books.dispute("d", DisputeState::Won);
        book(&mut books);
        assert_eq!((books.returned, books.frozen), (Amount::ZERO, Amount::ZERO));
    }
}
