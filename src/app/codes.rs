//! `tessera codes`: codes that people redeem for credits.

use std::fmt::Write;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::config::Config;
use super::stores::Stores;
use crate::credits::server::codes::{NewCode, PlanDays, hash_code, new_code};
use crate::payments::server::shop::Catalog;
use crate::platform::amount::Amount;
use crate::platform::db::now_millis;
use crate::platform::time::DAY;

/// Days that bring as many credits as a payment for the plan.
const DAYS_OF_MONTH: i64 = 30;
/// Most codes that are made at once.
const MOST_CODES: u32 = 100_000;
/// Most characters of a campaign's name.
const MOST_NAME: usize = 60;

/// What to do with codes.
#[derive(Debug, Subcommand)]
pub enum CodesCommand {
    /// Make codes and print them, one a line. They are not kept: only their hashes are.
    Create(NewCodes),
    /// Show what became of each campaign.
    List,
    /// End all codes of a campaign. What was given stays.
    End { campaign: String },
}

/// Codes to make.
#[derive(Debug, Args)]
pub struct NewCodes {
    /// What people see in their ledger.
    #[arg(long)]
    campaign: String,
    /// What each code gives; up to six decimals. With --days: by default as many as these days of the plan bring.
    #[arg(long, required_unless_present = "days")]
    credits: Option<String>,
    /// Give so many days of the plan, with its role and its requests a minute. The credits end with them.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3660), conflicts_with = "credits_last")]
    days: Option<u32>,
    /// Which plan, by its id in packs.toml; by default the first.
    #[arg(long, requires = "days")]
    plan: Option<String>,
    /// How many codes.
    #[arg(long, default_value_t = 1)]
    count: u32,
    /// This code instead of a random one, such as WELCOME: 4 to 64 letters and digits.
    #[arg(long, conflicts_with = "count")]
    code: Option<String>,
    /// How often each may be used in all; 0: without end.
    #[arg(long, default_value_t = 1)]
    uses: u32,
    /// How often each may be used by one user.
    #[arg(long, default_value_t = 1)]
    per_user: u32,
    /// The last day on which the codes may be used (2026-12-31, UTC).
    #[arg(long, value_name = "DAY")]
    expires: Option<Date>,
    /// How many days the credits last from when they are redeemed. Without it they do not expire.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    credits_last: Option<u32>,
}

/// Does it: what is to be printed.
///
/// # Errors
/// One line that names the option, or says why the database does not answer.
pub async fn run(config: &Config, command: CodesCommand) -> Result<String, String> {
    let store = || async { Ok::<_, String>(Stores::open(config).await.map_err(|error| error.to_string())?.codes) };
    let failed = |error: crate::platform::db::StoreError| error.to_string();
    match command {
        CodesCommand::Create(wanted) => {
            let (texts, codes) = wanted.make(config.shop.catalog(), now_millis())?;
            let added = store().await?.add_codes(codes).await.map_err(failed)?;
            if added < texts.len() {
                return Err("--code: there is such a code already".to_owned());
            }
            Ok(texts.into_iter().fold(String::new(), |list, code| list + &code + "\n"))
        }
        CodesCommand::List => {
            let campaigns = store().await?.campaigns(now_millis()).await.map_err(failed)?;
            let mut table =
                format!("{:<32} {:>8} {:>8} {:>8} {:>14}\n", "campaign", "codes", "open", "uses", "credits");
            for one in campaigns {
                // Writing to a string does not fail.
                _ = writeln!(
                    table,
                    "{:<32} {:>8} {:>8} {:>8} {:>14}",
                    one.name, one.codes, one.open, one.uses, one.credits
                );
            }
            Ok(table)
        }
        CodesCommand::End { campaign } => match store().await?.end_campaign(&campaign).await.map_err(failed)? {
            0 => Err(format!("{campaign}: there are no codes of this campaign")),
            ended => Ok(format!("{ended} codes of {campaign} have ended.\n")),
        },
    }
}

impl NewCodes {
    /// The codes, and what is kept of them.
    fn make(self, catalog: &Catalog, now: i64) -> Result<(Vec<String>, Vec<NewCode>), String> {
        let Self { campaign, credits, days, plan, count, code, uses, per_user, expires, credits_last } = self;
        let campaign = campaign.trim().to_owned();
        if campaign.is_empty() || campaign.chars().count() > MOST_NAME || campaign.contains(char::is_control) {
            return Err(format!("--campaign: a name of at most {MOST_NAME} characters"));
        }
        let plan = match days {
            None => None,
            Some(days) => {
                let mut plans = catalog.plans.iter();
                let plan = plans.find(|known| plan.as_ref().is_none_or(|id| *id == known.id));
                Some((plan.ok_or("--plan: there is no such plan in packs.toml")?, days))
            }
        };
        let usual = plan.map(|(plan, days)| plan.credits.micros().saturating_mul(i64::from(days)) / DAYS_OF_MONTH);
        let credits = credits
            .map_or(usual.map(Amount::from_micros), |credits| Amount::parse(&credits))
            .filter(|credits| (Amount::LEAST..=Amount::MAX).contains(credits))
            .ok_or("--credits: a number above 0, with at most six decimals")?;
        let plan = plan.map(|(plan, days)| PlanDays { name: plan.name.clone(), per_minute: plan.per_minute, days });
        if !(1..=MOST_CODES).contains(&count) {
            return Err(format!("--count: from 1 to {MOST_CODES}"));
        }
        if per_user == 0 {
            return Err("--per-user: at least 1".to_owned());
        }
        let expires_at = match expires {
            None => None,
            Some(day) => {
                let end = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC));
                let end = end.map_err(|error| format!("--expires: {error}"))?.timestamp().as_millisecond();
                Some(end).filter(|end| *end > now).ok_or("--expires: that day is over")?.into()
            }
        };
        let texts = code.map_or_else(|| (0..count).map(|_| new_code()).collect(), |code| vec![code]);
        let stored = |text: &String| {
            Ok(NewCode {
                hash: hash_code(text).ok_or("--code: 4 to 64 letters and digits")?,
                campaign: campaign.clone(),
                credits,
                most_uses: Some(uses).filter(|uses| *uses > 0),
                per_user,
                expires_at,
                plan: plan.clone(),
                credits_last: credits_last.map(|days| i64::from(days) * DAY),
                created_at: now,
            })
        };
        let codes = texts.iter().map(stored).collect::<Result<_, String>>()?;
        Ok((texts, codes))
    }
}
