//! The images on the screen: which there are, which are chosen, and what the user can do with them.
//!
//! What needs the server is behind `talk.rs`; `viewing.rs` shows one of them.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use leptos::prelude::*;

use super::viewing::Viewed;
use crate::i18n::{Text, t};
use crate::images::{AspectRatio, Filter, Gallery, Image, Studio};
use crate::layout::WorkspaceContext;
use crate::platform::amount::Amount;
use crate::platform::browser::api::Failure;
use crate::platform::browser::navigation::Navigation;
use crate::platform::browser::page_data::go_to_sign_in;
use crate::ui::{Toast, ToastTone, Toasts};

/// An image on the screen. The key stays the same when the server gives the image its id.
#[derive(Debug, Clone)]
pub struct Tile {
    pub key: u32,
    pub image: ArcRwSignal<Image>,
    /// It has been made, and is on its way into the store.
    pub storing: ArcRwSignal<bool>,
    /// The user wants it stopped.
    pub stopping: ArcRwSignal<bool>,
    /// What is held for it, in millionths of a credit; 0 until the server has said it.
    pub held: Arc<AtomicI64>,
}

/// The state of the pages of images. A copy is a handle.
#[derive(Debug, Clone, Copy)]
pub struct Collection {
    /// What can be asked for; `None` until it is known.
    pub studio: RwSignal<Option<Studio>>,
    /// Newest first.
    pub tiles: RwSignal<Vec<Tile>>,
    /// Where the list goes on.
    pub cursor: RwSignal<Option<String>>,
    /// More of it is being loaded.
    pub loading: RwSignal<bool>,
    /// What the tiles were chosen by.
    pub filter: RwSignal<Filter>,
    /// What went wrong last, for people; empty if nothing did.
    pub failure: RwSignal<String>,
    /// The code of the failure.
    pub failure_code: RwSignal<String>,
    /// The prompt that is being written.
    pub prompt: RwSignal<String>,
    /// The shape of the next images.
    pub ratio: RwSignal<AspectRatio>,
    /// How many are made next.
    pub number: RwSignal<usize>,
    /// What the field of the seed holds at first.
    pub seed: RwSignal<String>,
    /// Requests are on their way.
    pub sending: RwSignal<bool>,
    /// Images are being selected.
    pub selecting: RwSignal<bool>,
    /// The ids of those that are.
    pub selected: RwSignal<Vec<String>>,
    /// The ids of those that are to be deleted, once the user has said so.
    pub doomed: RwSignal<Vec<String>>,
    /// The user is asked.
    pub asking: RwSignal<bool>,
    /// The image that has the page to itself.
    pub viewed: RwSignal<Option<Viewed>>,
    /// There is no such image.
    pub missing: RwSignal<bool>,
    /// Seconds since 1970; 0 until a script runs.
    pub now: RwSignal<i64>,
    /// What screen readers are told.
    pub announcement: RwSignal<String>,
    pub toasts: Toasts,
    /// The image is looked at from the gallery, which is one step back.
    pub from_gallery: StoredValue<bool>,
    /// What talks to the server (`talk.rs`) was asked for.
    pub(super) prepared: StoredValue<bool>,
    /// It is there, with further parts of the page.
    pub(super) has_parts: RwSignal<bool>,
    /// Those in the making that somebody listens to, and those that wait for it.
    pub(super) followed: StoredValue<Vec<Tile>>,
    pub(super) waiting: StoredValue<Vec<Tile>>,
    /// Of two lists that load at the same time, the one that was asked for last is shown.
    pub(super) turn: StoredValue<u32>,
    keys: StoredValue<u32>,
    pub(super) workspace: WorkspaceContext,
    pub(super) navigation: Navigation,
}

impl Collection {
    /// Without images.
    #[must_use]
    pub fn new(workspace: WorkspaceContext, navigation: Navigation) -> Self {
        Self {
            studio: RwSignal::default(),
            tiles: RwSignal::default(),
            cursor: RwSignal::default(),
            loading: RwSignal::default(),
            filter: RwSignal::default(),
            failure: RwSignal::default(),
            failure_code: RwSignal::default(),
            prompt: RwSignal::default(),
            ratio: RwSignal::default(),
            number: RwSignal::new(1),
            seed: RwSignal::default(),
            sending: RwSignal::default(),
            selecting: RwSignal::default(),
            selected: RwSignal::default(),
            doomed: RwSignal::default(),
            asking: RwSignal::default(),
            viewed: RwSignal::default(),
            missing: RwSignal::default(),
            now: RwSignal::default(),
            announcement: RwSignal::default(),
            toasts: Toasts::default(),
            from_gallery: StoredValue::default(),
            prepared: StoredValue::default(),
            has_parts: RwSignal::default(),
            followed: StoredValue::default(),
            waiting: StoredValue::default(),
            turn: StoredValue::default(),
            keys: StoredValue::default(),
            workspace,
            navigation,
        }
    }

    /// Shows what the server chose by a filter.
    pub fn show(self, gallery: Gallery, filter: Filter) {
        let tiles: Vec<_> = gallery.images.items.into_iter().map(|image| self.tile(image)).collect();
        // Its form is made anew with it.
        if self.studio.read_untracked().is_none() {
            self.studio.set(Some(gallery.studio));
        }
        self.cursor.set(gallery.images.next_cursor);
        self.filter.set(filter);
        self.selected.set(Vec::new());
        self.loading.set(false);
        self.tiles.set(tiles);
    }

    /// Selects an image, or no longer.
    pub fn toggle_selected(self, id: &str) {
        self.selecting.set(true);
        self.selected.update(|selected| match selected.iter().position(|known| known == id) {
            Some(at) => drop(selected.remove(at)),
            None => selected.push(id.to_owned()),
        });
    }

    /// Says what went wrong above the gallery, unless the page is gone.
    pub(super) fn fail(self, failure: Failure) {
        if failure.is_signed_out() {
            go_to_sign_in();
        }
        let failure = failure.or_text(Text::ImagesUnreachable);
        self.failure_code.try_set(failure.code);
        self.failure.try_set(failure.text);
    }

    /// Says what went wrong at the edge of the screen, unless the page is gone.
    pub(super) fn complain(self, failure: Failure) {
        self.say(failure.or_text(Text::ImagesUnreachable).text, ToastTone::Danger);
    }

    /// Says something at the edge of the screen, unless the page is gone.
    pub fn say(self, text: String, tone: ToastTone) {
        if !self.is_gone() {
            self.toasts.show(Toast { text, tone, action: None });
        }
    }

    /// Tells screen readers, unless the page is gone.
    pub(super) fn announce(self, text: String) {
        self.announcement.try_set(text);
    }

    /// Nobody looks any more.
    pub(super) fn is_gone(self) -> bool {
        self.turn.try_get_value().is_none()
    }

    /// Changes the credits that the header shows.
    pub(super) fn add_credits(self, credits: Amount) {
        if let Some(before) = self.workspace.available.try_get_untracked() {
            self.workspace.available.set(before + credits);
        }
    }

    /// The tile of an image: the one that it has already, with what is new about it, or one of its own.
    pub(super) fn tile(self, image: Image) -> Tile {
        let is_its = |tile: &Tile| tile.image.read_untracked().id == image.id;
        let followed = self.followed.with_value(|tiles| tiles.iter().find(|tile| is_its(tile)).cloned());
        let waiting = || self.waiting.with_value(|tiles| tiles.iter().find(|tile| is_its(tile)).cloned());
        let shown = || self.tiles.read_untracked().iter().find(|tile| is_its(tile)).cloned();
        if let Some(known) = followed.or_else(waiting).or_else(shown).filter(|_| !image.id.is_empty()) {
            if *known.image.read_untracked() != image {
                known.image.set(image);
            }
            return known;
        }
        let key = self.keys.get_value() + 1;
        self.keys.set_value(key);
        Tile {
            key,
            image: ArcRwSignal::new(image),
            storing: ArcRwSignal::new(false),
            stopping: ArcRwSignal::new(false),
            held: Arc::default(),
        }
    }

    pub(super) fn next_turn(self) -> u32 {
        let turn = self.turn.get_value().wrapping_add(1);
        self.turn.set_value(turn);
        turn
    }
}

/// How people call who makes images.
#[must_use]
pub fn painter_label(name: &str) -> &str {
    match name {
        "replicate" => "Replicate",
        "openai" => "OpenAI",
        "sketch" => t(Text::Sketch),
        other => other,
    }
}
