//! Making codes: what may be asked for, be it by the command line, the API or a form, and adding it once.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{ALPHABET, CodeStore, GROUP, GROUPS, NewCode, PlanDays, hash_code};
use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::time::DAY;

/// Days that bring as many credits as a payment for the plan.
const DAYS_OF_MONTH: i64 = 30;
/// Most characters of a campaign's name.
const MOST_NAME: usize = 60;
/// Most days of a plan, and that credits last.
const MOST_DAYS: u32 = 3660;

/// Codes to make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CodesRequest {
    /// 1 to 60 characters: what people see in their ledger.
    #[schema(required)]
    pub campaign: String,
    /// What each code gives. With `days`: by default as many as these days of the plan bring.
    pub credits: Option<Amount>,
    /// Give so many days of the plan, 1 to 3660. The credits end with them.
    pub days: Option<u32>,
    /// Which plan, by its ID; by default the first.
    pub plan: Option<String>,
    /// How many codes; by default 1.
    pub count: Option<u32>,
    /// This code instead of random ones: 4 to 64 letters and digits.
    pub code: Option<String>,
    /// How often each may be used in all, by default once; 0: without end.
    pub uses: Option<u32>,
    /// How often each may be used by one user; by default once.
    pub per_user: Option<u32>,
    /// The last day on which they may be used (`2026-12-31`, UTC); by default without end.
    pub expires: Option<String>,
    /// How many days the credits last from when they are redeemed, 1 to 3660; by default without end.
    pub credits_last: Option<u32>,
}

/// A plan of which codes can give days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOffer {
    pub id: String,
    pub name: String,
    /// That come with a month of it.
    pub credits: Amount,
    /// Requests a minute.
    pub per_minute: u32,
}

/// Codes as people type them, and what is kept of each.
#[derive(Debug, Clone)]
pub struct Batch {
    pub texts: Vec<String>,
    pub codes: Vec<NewCode>,
}

/// Credits as they are typed.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `credits`.
pub fn read_credits(text: &str) -> AppResult<Amount> {
    Amount::parse(text.trim()).ok_or_else(|| wrong("credits", Text::CodeCreditsWrong))
}

/// The code of this number among so many, of a seed that nobody knows. The same again for the same; the first is the same for any
/// number of codes, which tells that a seed was used before.
#[must_use]
pub fn code_of(seed: &[u8; 32], number: u32, count: u32) -> String {
    let mut digest = Sha256::new().chain_update(seed).chain_update(number.to_be_bytes());
    if number > 0 {
        digest.update(count.to_be_bytes());
    }
    let digest = digest.finalize();
    // 256 is a multiple of 32: no character is likelier than another.
    let mut chars = digest.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    let groups: Vec<String> = (0..GROUPS).map(|_| chars.by_ref().take(GROUP).collect()).collect();
    groups.join("-")
}

impl CodesRequest {
    /// How many are asked for.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count.unwrap_or(1)
    }

    /// What is to be added, at most so many, `code` being the text of each number.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub fn make(&self, plans: &[PlanOffer], now: i64, most: u32, code: impl Fn(u32) -> String) -> AppResult<Batch> {
        let campaign = self.campaign.trim().to_owned();
        if campaign.is_empty() || campaign.chars().count() > MOST_NAME || campaign.contains(char::is_control) {
            return Err(beyond("campaign", Text::CampaignWrong, &MOST_NAME));
        }
        let plan = self.plan_days(plans)?;
        let usual = plan.as_ref().map(|(usual, _)| *usual);
        let credits = self.credits.or(usual).filter(|credits| (Amount::LEAST..=Amount::MAX).contains(credits));
        let credits = credits.ok_or_else(|| wrong("credits", Text::CodeCreditsWrong))?;
        let plan = plan.map(|(_, plan)| plan);
        if !(1..=most).contains(&self.count()) {
            return Err(beyond("count", Text::CodeCountWrong, &most));
        }
        if self.code.is_some() && self.count() > 1 {
            return Err(wrong("count", Text::CodeCountWithOwn));
        }
        let per_user = self.per_user.unwrap_or(1);
        if per_user == 0 {
            return Err(wrong("perUser", Text::CodePerUserWrong));
        }
        if self.credits_last.is_some() && plan.is_some() {
            return Err(wrong("creditsLast", Text::CodeCreditsEndWithPlan));
        }
        if self.credits_last.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
            return Err(beyond("creditsLast", Text::CodeDaysWrong, &MOST_DAYS));
        }
        let expires_at = self.expires.as_deref().map(|day| end_of(day, now)).transpose()?;
        let texts = match &self.code {
            Some(own) => vec![own.trim().to_owned()],
            None => (0..self.count()).map(code).collect(),
        };
        let kept = |text: &String| {
            Ok(NewCode {
                hash: hash_code(text).ok_or_else(|| wrong("code", Text::CodeOwnWrong))?,
                campaign: campaign.clone(),
                credits,
                most_uses: Some(self.uses.unwrap_or(1)).filter(|uses| *uses > 0),
                per_user,
                expires_at,
                plan: plan.clone(),
                credits_last: self.credits_last.map(|days| i64::from(days) * DAY),
                created_at: now,
            })
        };
        let codes = texts.iter().map(kept).collect::<AppResult<_>>()?;
        Ok(Batch { texts, codes })
    }

    /// The days of a plan, and the credits that they bring; `None` where none are asked for.
    fn plan_days(&self, plans: &[PlanOffer]) -> AppResult<Option<(Amount, PlanDays)>> {
        let days = match (self.days, &self.plan) {
            (None, None) => return Ok(None),
            (Some(days), _) if (1..=MOST_DAYS).contains(&days) => days,
            _ => return Err(beyond("days", Text::CodeDaysWrong, &MOST_DAYS)),
        };
        let plan = plans.iter().find(|known| self.plan.as_ref().is_none_or(|id| *id == known.id));
        let plan = plan.ok_or_else(|| wrong("plan", Text::CodePlanUnknown))?;
        let usual = plan.credits.micros().saturating_mul(i64::from(days)) / DAYS_OF_MONTH;
        let given = PlanDays { name: plan.name.clone(), per_minute: plan.per_minute, days };
        Ok(Some((Amount::from_micros(usual), given)))
    }
}

impl Batch {
    /// Adds the codes: `true`. Where they are there already, with all that is asked for, nothing is made twice: `false`.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `code` where there is such a code with other terms, or one that was ended.
    pub async fn add(&self, store: &dyn CodeStore) -> AppResult<bool> {
        let Some((first, others)) = self.codes.split_first() else { return Err(AppError::Internal) };
        let is_there = async |code: &NewCode| -> AppResult<bool> {
            Ok(store.find_code(code.hash).await?.is_some_and(|found| found.is_as(code)))
        };
        let taken = || wrong("code", Text::CodeTaken);
        // The first is added last: where it is, so are the others, and another number of codes would be others.
        if store.find_code(first.hash).await?.is_some() {
            let are_there = is_there(first).await? && is_there(others.last().unwrap_or(first)).await?;
            return if are_there { Ok(false) } else { Err(taken()) };
        }
        if store.add_codes(others.to_vec()).await? < others.len() {
            // A server died in between, or they are being made at this moment.
            for code in others {
                if !is_there(code).await? {
                    return Err(taken());
                }
            }
        }
        if store.add_codes(vec![first.clone()]).await? == 1 {
            return Ok(true);
        }
        if is_there(first).await? { Ok(false) } else { Err(taken()) }
    }
}

impl NewCode {
    /// Whether it gives the same on the same terms, whenever it was made.
    fn is_as(&self, other: &Self) -> bool {
        Self { created_at: other.created_at, ..self.clone() } == *other
    }
}

/// The first moment after a day, which is not over.
fn end_of(day: &str, now: i64) -> AppResult<i64> {
    let day: Date = day.trim().parse().map_err(|_| wrong("expires", Text::CodeExpiresWrong))?;
    let end = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC));
    let end = end.map_err(|_| wrong("expires", Text::CodeExpiresWrong))?.timestamp().as_millisecond();
    if end > now { Ok(end) } else { Err(wrong("expires", Text::CodeExpiresOver)) }
}

fn wrong(field: &str, text: Text) -> AppError {
    AppError::invalid(field, t(text))
}

fn beyond(field: &str, text: Text, most: &impl ToString) -> AppError {
    AppError::invalid(field, fill(text, &[("most", &most.to_string())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn plans() -> Vec<PlanOffer> {
        let plan = |id: &str, credits| PlanOffer {
            id: id.to_owned(),
            name: id.to_uppercase(),
            credits: Amount::credits(credits),
            per_minute: 60,
        };
        vec![plan("plus", 300), plan("pro", 3000)]
    }

    fn spring() -> CodesRequest {
        CodesRequest { campaign: " spring ".into(), credits: Some(Amount::credits(5)), ..CodesRequest::default() }
    }

    #[test]
    fn what_is_not_said_is_once() {
        let batch = spring().make(&plans(), NOW, 1000, |number| format!("CODE{number}")).unwrap();
        assert_eq!(batch.texts, ["CODE0"]);
        let code = &batch.codes[0];
        assert_eq!((&*code.campaign, code.credits, code.most_uses), ("spring", Amount::credits(5), Some(1)));
        assert_eq!((code.per_user, code.expires_at, code.credits_last, &code.plan), (1, None, None, &None));
        assert_eq!(Some(code.hash), hash_code("code-0"));
    }

    #[test]
    fn all_that_is_said_is_kept() {
        let request = CodesRequest {
            count: Some(3),
            uses: Some(0),
            per_user: Some(2),
            expires: Some("2026-12-31".into()),
            credits_last: Some(90),
            ..spring()
        };
        let batch = request.make(&plans(), NOW, 1000, |number| format!("CODE{number}")).unwrap();
        assert_eq!(batch.texts.len(), 3);
        let end = "2027-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
        for code in &batch.codes {
            assert_eq!((code.most_uses, code.per_user, code.expires_at), (None, 2, Some(end)));
            assert_eq!(code.credits_last, Some(90 * DAY));
        }
        // Days of a plan bring what a part of a month does, unless it is said otherwise.
        let days = CodesRequest { days: Some(10), credits: None, ..spring() };
        let first = &days.make(&plans(), NOW, 1000, |_| "CODE".into()).unwrap().codes[0];
        assert_eq!((first.credits, first.plan.as_ref().unwrap().name.as_str()), (Amount::credits(100), "PLUS"));
        let other = CodesRequest { plan: Some("pro".into()), credits: Some(Amount::credits(1)), ..days };
        let other = &other.make(&plans(), NOW, 1000, |_| "CODE".into()).unwrap().codes[0];
        assert_eq!((other.credits, other.plan.as_ref().unwrap().name.as_str()), (Amount::credits(1), "PRO"));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let some = |text: &str| Some(text.to_owned());
        for (field, request) in [
            ("campaign", CodesRequest { campaign: "  ".into(), ..spring() }),
            ("campaign", CodesRequest { campaign: "x".repeat(61), ..spring() }),
            ("campaign", CodesRequest { campaign: "a\u{7}b".into(), ..spring() }),
            ("credits", CodesRequest { credits: None, ..spring() }),
            ("credits", CodesRequest { credits: Some(Amount::ZERO), ..spring() }),
            ("credits", CodesRequest { credits: Some(-Amount::credits(1)), ..spring() }),
            ("days", CodesRequest { days: Some(0), ..spring() }),
            ("days", CodesRequest { days: Some(3661), ..spring() }),
            ("days", CodesRequest { plan: some("plus"), ..spring() }),
            ("plan", CodesRequest { days: Some(1), plan: some("none"), ..spring() }),
            ("count", CodesRequest { count: Some(0), ..spring() }),
            ("count", CodesRequest { count: Some(1001), ..spring() }),
            ("count", CodesRequest { count: Some(2), code: some("WELCOME"), ..spring() }),
            ("code", CodesRequest { code: some("a-b"), ..spring() }),
            ("code", CodesRequest { code: some("SAVE%50"), ..spring() }),
            ("perUser", CodesRequest { per_user: Some(0), ..spring() }),
            ("expires", CodesRequest { expires: some("soon"), ..spring() }),
            ("expires", CodesRequest { expires: some("2020-01-01"), ..spring() }),
            ("expires", CodesRequest { expires: some("9999-12-31"), ..spring() }),
            ("creditsLast", CodesRequest { credits_last: Some(0), ..spring() }),
            ("creditsLast", CodesRequest { credits_last: Some(3661), ..spring() }),
            ("creditsLast", CodesRequest { credits_last: Some(1), days: Some(1), ..spring() }),
        ] {
            let refused = request.make(&plans(), NOW, 1000, |_| "CODE".into()).unwrap_err();
            let AppError::InvalidInput { field: named, .. } = refused else { panic!("{refused:?}") };
            assert_eq!(named, field, "{request:?}");
        }
    }

    #[test]
    fn codes_of_a_seed_are_the_same_again_and_all_different() {
        let (one, two) = ([1; 32], [2; 32]);
        let codes: std::collections::HashSet<_> = (0..1000).map(|number| code_of(&one, number, 1000)).collect();
        assert_eq!(codes.len(), 1000);
        assert_eq!(code_of(&one, 7, 9), code_of(&one, 7, 9));
        assert_ne!(code_of(&one, 7, 9), code_of(&two, 7, 9));
        assert_ne!(code_of(&one, 7, 9), code_of(&one, 7, 8));
        assert_eq!(code_of(&one, 0, 9), code_of(&one, 0, 8));
        assert!(codes.iter().all(|code| code.len() == super::super::new_code().len() && hash_code(code).is_some()));
    }
}
