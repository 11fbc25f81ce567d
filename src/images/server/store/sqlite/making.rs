//! The beginning and the end of making an image.

use rusqlite::{Connection, params};

use crate::images::MOST_RUNNING;
use crate::images::server::store::{FinishedImage, MadeImage, NewImage};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreResult, now_millis};

pub(super) fn begin(connection: &Connection, image: &NewImage) -> StoreResult<bool> {
    let running: usize = connection
        .prepare_cached("SELECT count(*) FROM images WHERE user_id = ?1 AND state = 'running'")?
        .query_row([image.user], |row| row.get(0))?;
    if running >= MOST_RUNNING {
        return Ok(false);
    }
    let (width, height) = image.aspect_ratio.size();
    connection
        .prepare_cached(
            "INSERT INTO images (id, user_id, conversation_id, reply_id, prompt, aspect_ratio, seed, provider, model,
                 is_ai, state, run, width, height, created_at, place)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'running', ?11, ?12, ?13, ?14,
                 1 + coalesce((SELECT max(place) FROM images WHERE user_id = ?2 AND state <> 'deleted'), 0)",
        )?
        .execute(params![
            image.id,
            image.user,
            image.shown_in.map(|(conversation, _)| conversation),
            image.shown_in.map(|(_, reply)| reply),
            image.prompt,
            image.aspect_ratio.as_str(),
            image.seed,
            image.provider,
            image.model,
            image.is_ai,
            image.run,
            width,
            height,
            now_millis(),
        ])?;
    Ok(true)
}

pub(super) fn finish(connection: &Connection, image: &FinishedImage) -> StoreResult<bool> {
    let cleanup_at = image.has_stray_files.then(now_millis);
    let changed = match &image.made {
        Some(MadeImage { provider, model, is_ai, fallback_from, width, height, placeholder, credits, bytes }) => connection
            .prepare_cached(
                "UPDATE images SET state = ?2, provider = ?4, model = ?5, is_ai = ?6, fallback_from = ?7, width = ?8,
                     height = ?9, placeholder = ?10, credits = ?11, bytes = ?12
                 WHERE id = ?1 AND state = 'running' AND run = coalesce(?3, run)",
            )?
            .execute(params![
                image.id,
                image.status.as_str(),
                image.run,
                provider,
                model,
                is_ai,
                fallback_from,
                width,
                height,
                placeholder,
                credits,
                i64::try_from(*bytes).unwrap_or(i64::MAX),
            ])?,
        None => connection
            .prepare_cached(
                "UPDATE images SET state = ?2, error_code = ?4, cleanup_at = ?5
                 WHERE id = ?1 AND state = 'running' AND run = coalesce(?3, run)",
            )?
            .execute(params![image.id, image.status.as_str(), image.run, image.error_code, cleanup_at])?,
    };
    if changed == 1 {
        return Ok(true);
    }
    let credits = image.made.as_ref().map_or(Amount::ZERO, |made| made.credits);
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM images WHERE id = ?1 AND state = ?2 AND credits = ?3 AND run = coalesce(?4, run)",
        )?
        .exists(params![image.id, image.status.as_str(), credits, image.run])?)
}
