//! The table of all pages that run in the browser. No fetching; the document around them is `document.rs`.

use leptos::prelude::*;
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::{Lazy, LazyRoute, OptionalParamSegment, StaticSegment, lazy_route};

use crate::chat::page::ChatPage;
use crate::credits::page::DashboardPage;
use crate::ui::{Button, Eager, EmptyState};
use crate::workspace::{Layout, WorkspaceContext};

/// The root of what hydrates. Each page is a chunk of its own, loaded when it is first shown.
#[component]
pub fn App() -> impl IntoView {
    WorkspaceContext::provide();
    view! {
        <Router>
            <Layout>
                <FlatRoutes fallback=NotFound>
                    // One route for both, so that a new chat keeps its page when it gets its id.
                    <Route path=(StaticSegment("chat"), OptionalParamSegment("id")) view={Lazy::<ChatRoute>::new()} />
                    <Route path=StaticSegment("dashboard") view={Lazy::<DashboardRoute>::new()} />
                </FlatRoutes>
            </Layout>
        </Router>
    }
}

struct ChatRoute;

#[lazy_route]
impl LazyRoute for ChatRoute {
    fn data() -> Self {
        Self
    }

    fn view(this: Self) -> AnyView {
        let ChatRoute = this;
        mark_hydrated();
        Eager(view! { <ChatPage /> }).into_any()
    }
}

struct DashboardRoute;

#[lazy_route]
impl LazyRoute for DashboardRoute {
    fn data() -> Self {
        Self
    }

    fn view(this: Self) -> AnyView {
        let DashboardRoute = this;
        mark_hydrated();
        Eager(view! { <DashboardPage /> }).into_any()
    }
}

/// Leaves a mark on `<html>` once the page answers to clicks: style sheets, scripts and tests can wait for it.
fn mark_hydrated() {
    Effect::new(|_| {
        if let Some(root) = document().document_element() {
            // Only an invalid name could fail.
            drop(root.set_attribute("data-hydrated", ""));
        }
    });
}

/// For a link to nowhere inside the app; the server answers such addresses with a page of its own.
#[component]
fn NotFound() -> impl IntoView {
    view! {
        <h1 class="sr-only">"Not found"</h1>
        <EmptyState title="There is nothing here.">
            <Button href="/chat">"To the chat"</Button>
        </EmptyState>
    }
}
