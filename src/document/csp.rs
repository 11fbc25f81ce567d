//! What pages may load and run: only what is ours (Content-Security-Policy).

/// What pages have in common.
const CSP_PAGE: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
    manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; script-src ";

/// The policy of a page without any script.
#[must_use]
pub fn csp_without_scripts() -> String {
    format!("{CSP_PAGE}'none'")
}

/// The policy of a page whose scripts are files of this site.
#[must_use]
pub fn csp_with_own_scripts() -> String {
    format!("{CSP_PAGE}'self'")
}

/// The policy of a page that lets the browser fetch the app ahead, and whose scripts are those of these sources. A prefetch is judged by
/// `default-src` (CSP 3, "Get the effective directive for request"), in Firefox for one; all that this opens besides is closed by name.
#[must_use]
pub fn csp_with_prefetch(scripts: &str) -> String {
    let page = CSP_PAGE.replacen(
        "default-src 'none'",
        "default-src 'self'; object-src 'none'; media-src 'none'; frame-src 'none'; worker-src 'none'",
        1,
    );
    format!("{page}{scripts}")
}

/// The policy of a page whose scripts carry this nonce. `strict-dynamic` lets them load the parts of the WASM bundle. `peer` is the
/// origin of who keeps the session fresh, if that is not this site: its script may ask there, and nothing else.
#[must_use]
pub fn csp_with_nonce(nonce: &str, peer: Option<&str>) -> String {
    let page = match peer {
        Some(peer) => {
            CSP_PAGE.replacen("connect-src 'self'", &format!("connect-src 'self' {peer}; worker-src 'self' blob:"), 1)
        }
        None => CSP_PAGE.to_owned(),
    };
    format!("{page}'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'")
}
