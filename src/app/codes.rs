//! `tessera codes`: codes that people redeem for credits.

use std::fmt::Write;

use super::config::Config;
use super::stores::Stores;
use crate::credits::server::codes::making::{CodesRequest, read_credits};
use crate::credits::server::codes::new_code;
use crate::i18n::{Text, t};
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use clap::{Args, Subcommand};

/// Most codes that are made at once.
const MOST_CODES: u32 = 100_000;

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
    #[arg(long)]
    credits: Option<String>,
    /// Give so many days of the plan, with its role and its requests a minute. The credits end with them.
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
    /// Which plan, by its id in packs.toml; by default the first.
    #[arg(long)]
    plan: Option<String>,
    /// How many codes [default: 1].
    #[arg(long)]
    count: Option<u32>,
    /// This code instead of a random one, such as WELCOME: 4 to 64 letters and digits.
    #[arg(long)]
    code: Option<String>,
    /// How often each may be used in all; 0: without end [default: 1].
    #[arg(long)]
    uses: Option<u32>,
    /// How often each may be used by one user [default: 1].
    #[arg(long)]
    per_user: Option<u32>,
    /// The last day on which the codes may be used (2026-12-31, UTC).
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
    /// How many days the credits last from when they are redeemed. Without it they do not expire.
    #[arg(long, value_name = "DAYS")]
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
            let plans = config.shop.catalog().plan_offers();
            let made =
                wanted.request().and_then(|request| request.make(&plans, now_millis(), MOST_CODES, |_| new_code()));
            let batch = made.map_err(told)?;
            if !batch.add(store().await?.as_ref()).await.map_err(told)? {
                return Err(format!("--code: {}", t(Text::CodeTaken)));
            }
            Ok(batch.texts.into_iter().fold(String::new(), |list, code| list + &code + "\n"))
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
    /// What is asked for.
    fn request(self) -> AppResult<CodesRequest> {
        let Self { campaign, credits, days, plan, count, code, uses, per_user, expires, credits_last } = self;
        let credits = credits.as_deref().map(read_credits).transpose()?;
        Ok(CodesRequest { campaign, credits, days, plan, count, code, uses, per_user, expires, credits_last })
    }
}

/// What is wrong, with the name of the option.
fn told(error: AppError) -> String {
    let AppError::InvalidInput { field, message } = error else { return error.to_string() };
    let dashed = |c: char| if c.is_ascii_uppercase() { format!("-{}", c.to_ascii_lowercase()) } else { c.to_string() };
    format!("--{}: {message}", field.chars().map(dashed).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_by_the_name_of_the_option() {
        assert_eq!(told(AppError::invalid("creditsLast", "No.")), "--credits-last: No.");
        assert_eq!(told(AppError::invalid("campaign", "No.")), "--campaign: No.");
        assert_eq!(told(AppError::NotFound), AppError::NotFound.to_string());
    }
}
