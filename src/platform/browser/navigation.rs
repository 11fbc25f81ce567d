//! Where one is in the app, and the way to another page without a reload.
//!
//! The addresses are flat and few, so this does without `leptos_router`, which costs 40 KB of WASM (brotli). Links to
//! anything that is not a page of the app are left to the browser, once the site answers: its own error page would be a dead
//! end.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{ev, leptos_dom::helpers::window_event_listener};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{HtmlAnchorElement, HtmlElement};

use super::reach::until_reached;
use crate::platform::query::parameter;

/// A page of the app.
#[derive(Debug, Clone, Copy)]
pub struct PageView {
    /// Tells it from other pages: between addresses of one page its view stays.
    pub name: &'static str,
    /// Names its chunk, which is another one where the same page shows more.
    pub chunk: &'static str,
    /// Makes its view.
    pub view: fn() -> AnyView,
}

impl PageView {
    /// A page with a chunk of its name.
    #[must_use]
    pub const fn new(name: &'static str, view: fn() -> AnyView) -> Self {
        Self { name, chunk: name, view }
    }
}

/// The code of a page on its way; `None` if it could not be loaded.
pub type LoadingPage = Pin<Box<dyn Future<Output = Option<PageView>>>>;

/// The page at a path, `None` where the app has none.
pub type FindPage = fn(path: &str) -> Option<LoadingPage>;

/// How often a page that has not got its height yet is scrolled to where it was left.
const SCROLL_TRIES: u32 = 20;

/// What becomes of the address before, in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The way back leads there.
    Push,
    /// The new one stands for it.
    Replace,
    /// The browser has moved already.
    Keep,
}

/// A copy is a handle; pages get it from [`use_navigation`].
#[derive(Debug, Clone, Copy)]
pub struct Navigation {
    /// Path and query, such as `/dashboard?cursor=1`.
    pub address: RwSignal<String>,
    /// The page that is shown.
    pub page: RwSignal<PageView>,
    find: FindPage,
    /// Of two that load at the same time, the one that was asked for last is shown.
    turn: StoredValue<u32>,
    /// How far down each address was when it was left, in pixels.
    left_at: StoredValue<Vec<(String, i32)>>,
}

/// The navigation that the app provides.
#[must_use]
pub fn use_navigation() -> Navigation {
    expect_context()
}

/// The address that the browser shows.
#[must_use]
pub fn current_address() -> String {
    let location = window().location();
    location.pathname().unwrap_or_default() + &location.search().unwrap_or_default()
}

/// The path of an address.
#[must_use]
pub fn path_of(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or(address)
}

impl Navigation {
    /// Starts at `address`, with its page, and takes over the links of the document.
    pub fn provide(address: String, page: PageView, find: FindPage) -> Self {
        let navigation = Self {
            address: RwSignal::new(address),
            page: RwSignal::new(page),
            find,
            turn: StoredValue::default(),
            left_at: StoredValue::default(),
        };
        provide_context(navigation);
        if cfg!(target_arch = "wasm32") {
            window_event_listener(ev::click, move |event| navigation.follow(&event));
            window_event_listener(ev::popstate, move |_| navigation.open(&current_address(), History::Keep));
        }
        navigation
    }

    /// The path, such as `/chat`.
    #[must_use]
    pub fn path(self) -> String {
        path_of(&self.address.read()).to_owned()
    }

    /// The parameter `name` of the query.
    #[must_use]
    pub fn query(self, name: &str) -> Option<String> {
        parameter(&self.address.read(), name)
    }

    /// Goes to an address of this site.
    pub fn open(self, address: &str, history: History) {
        // A link to here is no step on the way back.
        let is_here = history == History::Push && *self.address.read_untracked() == address;
        let history = if is_here { History::Replace } else { history };
        let address = address.to_owned();
        let Some(loading) = (self.find)(path_of(&address)) else { return self.leave_for(address, history) };
        let turn = self.next_turn();
        show_progress(true);
        spawn_local(async move {
            let loaded = loading.await;
            if self.turn.get_value() != turn {
                return;
            }
            show_progress(false);
            // A page of another version, or none at all: the server knows.
            let Some(page) = loaded else { return self.leave_for(address, history) };
            let here = Some(&*address);
            let recorded = window().history().and_then(|all| match history {
                History::Push => all.push_state_with_url(&JsValue::NULL, "", here),
                History::Replace => all.replace_state_with_url(&JsValue::NULL, "", here),
                History::Keep => Ok(()),
            });
            if recorded.is_err() {
                return self.leave_for(address, history);
            }
            let before = self.address.get_untracked();
            let scrolled = main_element().map_or(0, |main| main.scroll_top());
            self.left_at.update_value(|all| {
                all.retain(|(known, _)| *known != before);
                all.push((before, scrolled));
            });
            let wanted = self.left_at.with_value(|all| {
                let known = all.iter().find(|(known, _)| *known == address && history == History::Keep);
                known.map_or(0, |(_, scrolled)| *scrolled)
            });
            // The page first: the former one must not take the new address for its own.
            if page.name != self.page.get_untracked().name {
                self.page.set(page);
            }
            self.address.set(address);
            if history != History::Replace {
                show_page(wanted, SCROLL_TRIES);
            }
        });
    }

    /// Loads the code of a page to which one is likely to go next.
    pub fn prepare(self, address: &str) {
        if let Some(loading) = (self.find)(path_of(address)) {
            spawn_local(async move {
                loading.await;
            });
        }
    }

    /// Follows a link, unless it asks for more than another page of the app.
    fn follow(self, event: &ev::MouseEvent) {
        if event.default_prevented()
            || event.button() != 0
            || event.meta_key()
            || event.ctrl_key()
            || event.shift_key()
            || event.alt_key()
        {
            return;
        }
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let link = target.and_then(|target| target.closest("a[href]").ok().flatten());
        let Some(link) = link.and_then(|link| link.dyn_into::<HtmlAnchorElement>().ok()) else { return };
        let elsewhere = Ok(link.origin()) != window().location().origin();
        if elsewhere || !link.target().is_empty() || link.has_attribute("download") || !link.hash().is_empty() {
            return;
        }
        event.prevent_default();
        self.open(&(link.pathname() + &link.search()), History::Push);
    }

    /// Lets the browser load a page, as soon as it can be loaded, unless one goes elsewhere before.
    fn leave_for(self, address: String, history: History) {
        let turn = self.next_turn();
        spawn_local(async move {
            let has_waited = until_reached().await;
            if self.turn.get_value() != turn {
                return;
            }
            if has_waited && (self.find)(path_of(&address)).is_some() {
                self.open(&address, history);
            } else {
                // Refused only for an address that is not well-formed.
                drop(window().location().set_href(&address));
            }
        });
    }

    fn next_turn(self) -> u32 {
        let turn = self.turn.get_value() + 1;
        self.turn.set_value(turn);
        turn
    }
}

fn main_element() -> Option<HtmlElement> {
    document().get_element_by_id("main").map(JsCast::unchecked_into)
}

/// The line at the top of the window: see `style/tailwind.css`.
fn show_progress(is_loading: bool) {
    if let Some(root) = document().document_element() {
        // It fails only for an invalid name.
        drop(root.toggle_attribute_with_force("data-loading", is_loading));
    }
}

/// The new page begins at its heading, for keys and screen readers; for eyes at its top, or where it was left. What it
/// shows may still have to be loaded: then it is tried again.
fn show_page(scrolled: i32, tries: u32) {
    request_animation_frame(move || {
        let Some(main) = main_element() else { return };
        if let (SCROLL_TRIES, Ok(Some(heading))) = (tries, main.query_selector("h1")) {
            let heading: HtmlElement = heading.unchecked_into();
            heading.set_tab_index(-1);
            // It is in the document and can take the focus, so this does not fail.
            drop(heading.focus());
        }
        main.set_scroll_top(scrolled);
        if main.scroll_top() < scrolled && tries > 0 {
            set_timeout(move || show_page(scrolled, tries - 1), Duration::from_millis(50));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_PAGE: PageView = PageView::new("none", || ().into_any());

    #[test]
    fn an_address_has_a_path_and_a_query() {
        Owner::new().with(|| {
            let here = Navigation::provide("/dashboard?old=1&cursor=a-b".to_owned(), NO_PAGE, |_| None);
            assert_eq!(here.path(), "/dashboard");
            assert_eq!(here.query("cursor").as_deref(), Some("a-b"));
            assert_eq!(here.query("curs"), None);
        });
    }
}
