//! What is read from the rows of images.

use rusqlite::{Connection, Row};

use crate::images::server::store::{Found, RunningImage};
use crate::images::{AspectRatio, Image, ImageStatus};
use crate::platform::db::{StoreError, StoreResult, rfc3339};
use crate::platform::ids::{ConversationId, ImageId};

pub(super) const IMAGE: &str =
    "id, state, prompt, aspect_ratio, seed, width, height, provider, model, is_ai, fallback_from, credits,
    error_code, favorite, placeholder, conversation_id, created_at";

pub(super) fn read_image(row: &Row<'_>) -> StoreResult<Image> {
    let (id, state): (ImageId, String) = (row.get(0)?, row.get(1)?);
    Ok(Image {
        status: ImageStatus::parse(&state).ok_or_else(|| StoreError::Corrupt(format!("image state {state:?}")))?,
        prompt: row.get(2)?,
        aspect_ratio: parse_ratio(&row.get::<_, String>(3)?)?,
        seed: row.get(4)?,
        width: row.get(5)?,
        height: row.get(6)?,
        provider: row.get(7)?,
        model: row.get(8)?,
        is_ai: row.get(9)?,
        fallback_from: row.get(10)?,
        credits: row.get(11)?,
        error_code: row.get(12)?,
        favorite: row.get(13)?,
        placeholder: row.get(14)?,
        conversation_id: row.get::<_, Option<ConversationId>>(15)?.map(|id| id.to_string()),
        created_at: rfc3339(row.get(16)?)?,
        image_url: Image::file_path(id),
        thumbnail_url: Image::thumbnail_path(id),
        id: id.to_string(),
    })
}

fn parse_ratio(name: &str) -> StoreResult<AspectRatio> {
    AspectRatio::parse(name).ok_or_else(|| StoreError::Corrupt(format!("aspect ratio {name:?}")))
}

pub(super) fn look_up(connection: &Connection, id: ImageId) -> StoreResult<Found> {
    let mut found = connection.prepare_cached(
        "SELECT state, user_id, conversation_id, reply_id, prompt, aspect_ratio, seed, provider, remote_id, run, credits
         FROM images WHERE id = ?1 AND state <> 'deleted'",
    )?;
    let mut rows = found.query([id])?;
    let Some(row) = rows.next()? else { return Ok(Found::Nothing) };
    let shown_in = row.get::<_, Option<ConversationId>>(2)?.zip(row.get(3)?);
    if row.get::<_, String>(0)? != ImageStatus::Running.as_str() {
        return Ok(Found::Ended { credits: row.get(10)?, shown_in });
    }
    Ok(Found::Running(RunningImage {
        id,
        user: row.get(1)?,
        shown_in,
        prompt: row.get(4)?,
        aspect_ratio: parse_ratio(&row.get::<_, String>(5)?)?,
        seed: row.get(6)?,
        provider: row.get(7)?,
        remote_id: row.get(8)?,
        run: row.get(9)?,
    }))
}
