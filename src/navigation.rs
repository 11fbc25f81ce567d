//! Where one is in the app, and the way to another page without a reload.
//!
//! The addresses are flat and few, so this does without `leptos_router`, which costs 40 KB of WASM (brotli). Links to
//! anything that is not a page of the app are left to the browser.

use std::future::Future;
use std::pin::Pin;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{ev, leptos_dom::helpers::window_event_listener};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlAnchorElement;

/// A page of the app.
#[derive(Debug, Clone, Copy)]
pub struct PageView {
    /// Names its chunk, and tells it from other pages.
    pub name: &'static str,
    /// Makes its view.
    pub view: fn() -> AnyView,
}

/// The code of a page on its way; `None` if it could not be loaded.
pub type LoadingPage = Pin<Box<dyn Future<Output = Option<PageView>>>>;

/// The page at a path, `None` where the app has none.
pub type FindPage = fn(path: &str) -> Option<LoadingPage>;

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
}

/// The navigation that [`crate::app::App`] provides.
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
        let navigation =
            Self { address: RwSignal::new(address), page: RwSignal::new(page), find, turn: StoredValue::default() };
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
        let address = self.address.read();
        let (_, query) = address.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    }

    /// Goes to an address of this site.
    pub fn open(self, address: &str, history: History) {
        // A link to here is no step on the way back.
        let is_here = history == History::Push && *self.address.read_untracked() == address;
        let history = if is_here { History::Replace } else { history };
        let Some(loading) = (self.find)(path_of(address)) else { return leave_for(address) };
        let address = address.to_owned();
        let turn = self.turn.get_value() + 1;
        self.turn.set_value(turn);
        spawn_local(async move {
            let loaded = loading.await;
            if self.turn.get_value() != turn {
                return;
            }
            // A page of another version, or none at all: the server knows.
            let Some(page) = loaded else { return leave_for(&address) };
            let here = Some(&*address);
            let recorded = window().history().and_then(|all| match history {
                History::Push => all.push_state_with_url(&JsValue::NULL, "", here),
                History::Replace => all.replace_state_with_url(&JsValue::NULL, "", here),
                History::Keep => Ok(()),
            });
            if recorded.is_err() {
                return leave_for(&address);
            }
            // The page first: the former one must not take the new address for its own.
            if page.name != self.page.get_untracked().name {
                self.page.set(page);
                show_from_top();
            }
            self.address.set(address);
        });
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
        if (self.find)(&link.pathname()).is_some() {
            event.prevent_default();
            self.open(&(link.pathname() + &link.search()), History::Push);
        }
    }
}

/// Lets the browser load the page.
fn leave_for(address: &str) {
    // Refused only for an address that is not well-formed.
    drop(window().location().set_href(address));
}

/// The new page begins at its top, for eyes, keys and screen readers alike.
fn show_from_top() {
    if let Some(main) = document().get_element_by_id("main") {
        main.set_scroll_top(0);
        // It is in the document and can take the focus, so this does not fail.
        drop(main.unchecked_into::<web_sys::HtmlElement>().focus());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_PAGE: PageView = PageView { name: "none", view: || ().into_any() };

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
