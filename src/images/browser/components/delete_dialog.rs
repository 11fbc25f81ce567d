//! The end of images.

use std::time::Duration;

use leptos::{ev, prelude::*, task::spawn_local};

use super::tile_keys::{find_tile, move_to};
use crate::i18n::{Text, count, t};
use crate::images::browser::collection::{Collection, Tile};
use crate::images::filter::{GALLERY_PATH, image_address};
use crate::platform::browser::navigation::{History, path_of};
use crate::ui::{Button, ButtonVariant, Dialog};

/// Asks whether to delete those that [`Collection::doomed`] names.
#[component]
pub fn DeleteImagesDialog(
    /// Whose images they are.
    collection: Collection,
) -> impl IntoView {
    let (open, navigation) = (collection.asking, collection.navigation);
    let busy = RwSignal::new(false);
    let delete = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let ids = collection.doomed.get_untracked();
        let next = tile_after(collection, &ids);
        spawn_local(async move {
            let done = collection.delete(ids.clone(), true).await;
            if busy.try_set(false).is_some() {
                return;
            }
            open.set(false);
            if !done {
                return;
            }
            collection.selecting.set(false);
            let viewed = collection.viewed.get_untracked();
            let viewed = viewed.filter(|viewed| ids.contains(&viewed.tile.image.read_untracked().id));
            match viewed.filter(|_| path_of(&navigation.address.read_untracked()) != GALLERY_PATH) {
                Some(viewed) => {
                    let beside = viewed.older.or(viewed.newer).map(|id| image_address(&id));
                    navigation.open(&beside.unwrap_or_else(|| GALLERY_PATH.to_owned()), History::Replace);
                }
                // Once the dialog is closed, which gives the focus back to what may be gone.
                None => set_timeout(move || move_to(next.and_then(find_tile)), Duration::ZERO),
            }
        });
    };
    view! {
        <Dialog id="delete-images" open title=t(Text::Delete)>
            <form class="space-y-4" on:submit=delete>
                <p class="font-medium">{move || count(Text::DeleteImages, collection.doomed.read().len() as u64)}</p>
                <p class="text-ink-soft">{t(Text::DeleteImagesExplained)}</p>
                <div class="flex justify-end gap-2">
                    <Button label=t(Text::Cancel) on_click=move |_| open.set(false) />
                    <Button label=t(Text::Delete) variant=ButtonVariant::Danger kind="submit" disabled=busy />
                </div>
            </form>
        </Dialog>
    }
}

/// The key of the first tile that stays after one of these.
fn tile_after(collection: Collection, ids: &[String]) -> Option<u32> {
    let tiles = collection.tiles.read_untracked();
    let goes = |tile: &&Tile| ids.contains(&tile.image.read_untracked().id);
    let first = tiles.iter().position(|tile| goes(&tile))?;
    let stays = |tile: &&Tile| !goes(tile);
    let next = tiles[first..].iter().find(stays).or_else(|| tiles[..first].iter().rfind(stays));
    next.map(|tile| tile.key)
}
