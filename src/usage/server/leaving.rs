//! What is a user's of usage, to take along. It stays when they are gone: it says what the operator was charged, for an id.

use super::store::UsageStore;
use crate::platform::archive::{Archive, Packing};
use crate::platform::csv::csv_text;
use crate::platform::db::rfc3339;
use crate::platform::error::AppResult;
use crate::platform::ids::{AttemptId, UserId};
use crate::usage::Attempt;

/// Attempts that are read at a time.
const AT_A_TIME: usize = 500;
const HEADER: &str =
    "id,at,requestId,workId,provider,model,inputTokens,outputTokens,estimated,outcome,latencyMs,keyId\r\n";

/// Writes each time that a provider was asked for a user.
///
/// # Errors
/// [`crate::platform::error::AppError::Unavailable`], and those of the archive.
pub async fn export(store: &dyn UsageStore, user: UserId, archive: &mut Archive) -> AppResult<()> {
    archive.add("usage.csv", Packing::Text, HEADER).await?;
    let mut after = AttemptId::min();
    loop {
        let attempts = store.find_of_user(user, after, AT_A_TIME).await?;
        let Some(last) = attempts.last() else { return Ok(()) };
        after = last.id;
        archive.write(attempts.iter().map(line).collect::<AppResult<String>>()?).await?;
    }
}

fn line(attempt: &Attempt) -> AppResult<String> {
    let Attempt { id, reply, input_tokens, output_tokens, is_estimated, latency_ms, .. } = attempt;
    let (at, outcome) = (rfc3339(attempt.at)?, attempt.outcome.as_str());
    let [request, provider, model] =
        [&attempt.request_id, &attempt.provider, &attempt.model].map(|text| csv_text(text));
    let key = attempt.key.map(|key| key.to_string()).unwrap_or_default();
    Ok(format!(
        "{id},{at},{request},{reply},{provider},{model},{input_tokens},{output_tokens},{is_estimated},{outcome},{latency_ms},{key}\r\n"
    ))
}
