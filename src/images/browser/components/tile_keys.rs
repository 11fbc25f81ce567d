//! Keys in the gallery: the arrows go from tile to tile as the eye does, and some letters do something to one.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement};

use crate::images::ImageStatus;
use crate::images::browser::collection::{Collection, Tile};
use crate::images::browser::talk;
use crate::ui::is_composing;

/// Does what a key is for.
pub fn follow_key(collection: Collection, event: &ev::KeyboardEvent) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() || is_composing(event) || event.default_prevented() {
        return;
    }
    let Some(focused) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
    let Some(at) = focused.closest("[data-tile]").ok().flatten() else { return };
    let is_box = focused.dyn_ref::<HtmlInputElement>().is_some();
    let is_link = focused.tag_name() == "A";
    let tile = || tile_of(collection, &at).filter(|tile| tile.image.read_untracked().status == ImageStatus::Complete);
    match &*event.key() {
        "ArrowRight" => move_to(at.next_element_sibling()),
        "ArrowLeft" => move_to(at.previous_element_sibling()),
        "ArrowDown" => move_to(beside(&at, Element::next_element_sibling)),
        "ArrowUp" => move_to(beside(&at, Element::previous_element_sibling)),
        "Home" => move_to(at.parent_element().and_then(|list| list.first_element_child())),
        "End" => move_to(at.parent_element().and_then(|list| list.last_element_child())),
        " " if is_link => {
            if let Some(tile) = tile() {
                let id = tile.image.read_untracked().id.clone();
                collection.toggle_selected(&id);
            }
        }
        "Delete" if is_link || is_box => {
            let selected = collection.selected.get_untracked();
            let one = || tile().map(|tile| tile.image.read_untracked().id.clone()).into_iter().collect();
            talk::ask_to_delete(collection, if selected.is_empty() { one() } else { selected });
        }
        "f" | "F" if is_link => {
            if let Some(tile) = tile() {
                let is_favorite = tile.image.read_untracked().favorite;
                talk::set_favorite(collection, &tile, !is_favorite);
            }
        }
        "Escape" if collection.selecting.get_untracked() => {
            collection.selecting.set(false);
            collection.selected.set(Vec::new());
        }
        _ => return,
    }
    event.prevent_default();
}

/// Puts the focus on a tile: on its link, or on its first button.
pub fn move_to(tile: Option<Element>) {
    let control = tile.and_then(|tile| tile.query_selector("a,button:not(:disabled)").ok().flatten());
    if let Some(control) = control {
        // It fails only for an element that has left the document.
        drop(control.unchecked_into::<HtmlElement>().focus());
    }
}

/// The tile with this key.
pub fn find_tile(key: u32) -> Option<Element> {
    document().query_selector(&format!("[data-tile='{key}']")).ok().flatten()
}

fn tile_of(collection: Collection, element: &Element) -> Option<Tile> {
    let key: u32 = element.get_attribute("data-tile")?.parse().ok()?;
    collection.tiles.read_untracked().iter().find(|tile| tile.key == key).cloned()
}

/// The tile of the next row, as `next` goes, that is nearest to the middle of this one.
fn beside(from: &Element, next: fn(&Element) -> Option<Element>) -> Option<Element> {
    let here = from.get_bounding_client_rect();
    let middle = here.left() + here.width() / 2.0;
    let (mut row, mut nearest) = (None, None);
    let mut at = next(from);
    while let Some(tile) = at {
        at = next(&tile);
        let there = tile.get_bounding_client_rect();
        let is_this_row = (there.top() - here.top()).abs() < 1.0;
        if is_this_row {
            continue;
        }
        if row.is_some_and(|top: f64| (there.top() - top).abs() >= 1.0) {
            break;
        }
        row = Some(there.top());
        let distance = (there.left() + there.width() / 2.0 - middle).abs();
        if nearest.as_ref().is_none_or(|(least, _)| distance < *least) {
            nearest = Some((distance, tile));
        }
    }
    nearest.map(|(_, tile)| tile)
}
