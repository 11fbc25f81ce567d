//! By the browser's own parser and encoder.

use web_sys::UrlSearchParams;

pub(super) fn find(query: &str, name: &str) -> Option<String> {
    UrlSearchParams::new_with_str(query).ok()?.get(name)
}

pub(super) fn encode(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}
