//! An operation as a line for the shell.

use leptos::prelude::*;

use super::super::page::{Access, Entry};

/// What to type to try an operation.
#[component]
pub fn Example(
    /// The operation.
    entry: &'static Entry,
    /// Where this server is.
    base: String,
) -> impl IntoView {
    view! {
        <pre
            class="overflow-x-auto rounded-md border border-line bg-sunken p-3 text-sm leading-6"
            tabindex="0"
            aria-label="Example"
        >
            <code>{curl(entry, &base)}</code>
        </pre>
    }
}

fn curl(entry: &Entry, base: &str) -> String {
    let mut line = "curl".to_owned();
    match entry.access() {
        // Whoever signs in keeps the cookie for the others.
        Access::Anybody if entry.has_body() => line.push_str(" -c jar"),
        Access::Anybody => {}
        Access::Session => line.push_str(" -b jar"),
        Access::User => line.push_str(" -H \"Authorization: Bearer $TESSERA_KEY\""),
    }
    let body = entry.example();
    if entry.method != "GET" && (entry.method != "POST" || body.is_none()) {
        line.push_str(" -X ");
        line.push_str(entry.method);
    }
    if let Some(body) = body {
        let body = body.to_string().replace('\'', r"'\''");
        line.push_str(" \\\n  -H 'Content-Type: application/json' \\\n  -d '");
        line.push_str(&body);
        line.push('\'');
    }
    line.push_str(" \\\n  ");
    line.push_str(base.trim_end_matches('/'));
    line.push_str(entry.path);
    line
}
