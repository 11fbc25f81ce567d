//! What the user asks for: on the screen at once, sent, and taken back if the server does not accept it.

use leptos::prelude::*;

use super::client;
use super::collection::{Collection, Tile};
use super::stream::follow;
use crate::i18n::{Text, count};
use crate::images::{AspectRatio, Image, ImageRequest, ImageStatus};
use crate::platform::amount::Amount;
use crate::platform::browser::api::{Failure, Tries, new_idempotency_key};

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub prompt: String,
    pub ratio: AspectRatio,
    /// Empty: the first that can.
    pub provider: String,
    /// Of the first image, and one more for each after it; by chance where there is none.
    pub seed: Option<u32>,
    /// How many.
    pub number: usize,
}

/// Makes images.
pub(super) async fn make(collection: Collection, wish: Wish) {
    if collection.is_gone() {
        return;
    }
    let first = wish.seed.unwrap_or_else(random_seed);
    let seeds = (0..wish.number).filter_map(|index| u32::try_from(index).ok()).map(|index| first.wrapping_add(index));
    let tiles: Vec<_> = seeds.map(|seed| collection.tile(image_of(&wish, seed))).collect();
    collection.tiles.update(|all| drop(all.splice(0..0, tiles.iter().rev().cloned())));
    collection.announce(count(Text::ImagesMaking, tiles.len() as u64));
    for (index, tile) in tiles.iter().enumerate() {
        if let Err(failure) = send(collection, &wish, tile).await {
            take_back(collection, &tiles[index..]);
            collection.fail(failure);
            break;
        }
    }
    collection.sending.try_set(false);
}

/// Every try has the same key, so that it is charged once at most.
async fn send(collection: Collection, wish: &Wish, tile: &Tile) -> Result<(), Failure> {
    let request = ImageRequest {
        prompt: wish.prompt.clone(),
        aspect_ratio: Some(wish.ratio.as_str().to_owned()),
        provider: Some(wish.provider.clone()).filter(|name| !name.is_empty()),
        seed: Some(tile.image.read_untracked().seed),
    };
    let key = new_idempotency_key();
    let mut tries = Tries::default();
    let ticket = loop {
        match client::make_image(&request, &key).await {
            Ok(ticket) => break ticket,
            // Tessera itself has said no.
            Err(failure) if !failure.code.is_empty() => return Err(failure),
            Err(failure) => {
                if !tries.again().await {
                    return Err(failure);
                }
            }
        }
    };
    tile.image.write().id = ticket.id;
    collection.add_credits(-ticket.credits);
    if !collection.is_gone() {
        follow(collection, tile.clone());
    }
    Ok(())
}

fn take_back(collection: Collection, refused: &[Tile]) {
    if let Some(mut tiles) = collection.tiles.try_write() {
        tiles.retain(|tile| !refused.iter().any(|other| other.key == tile.key));
    }
}

/// An image that the server has not seen yet.
fn image_of(wish: &Wish, seed: u32) -> Image {
    let (width, height) = wish.ratio.size();
    Image {
        id: String::new(),
        status: ImageStatus::Running,
        prompt: wish.prompt.clone(),
        aspect_ratio: wish.ratio,
        seed,
        width,
        height,
        provider: wish.provider.clone(),
        model: String::new(),
        is_ai: true,
        fallback_from: None,
        credits: Amount::ZERO,
        error_code: None,
        favorite: false,
        placeholder: None,
        conversation_id: None,
        created_at: js_sys::Date::new_0().to_iso_string().into(),
        image_url: String::new(),
        thumbnail_url: String::new(),
    }
}

fn random_seed() -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to below 2^32")]
    let seed = (js_sys::Math::random() * f64::from(u32::MAX)) as u32;
    seed
}
