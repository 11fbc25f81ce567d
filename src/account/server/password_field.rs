//! A field for a password, with a button that shows it.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use leptos::prelude::*;
use sha2::{Digest, Sha256};

use crate::account::PASSWORD_CHARS;
use crate::document::csp::csp_with_prefetch;
use crate::i18n::{Text, t};
use crate::ui::Field;

/// The one script of these pages: without it there is no button. What is sent is a password again, so that no browser keeps it
/// as a text.
const SCRIPT: &str = "for(const b of document.querySelectorAll('[data-shows]')){const f=document.getElementById(b.dataset.shows),\
    s=v=>{f.type=v?'text':'password';b.ariaPressed=v};b.hidden=false;b.onclick=()=>s(f.type=='password');\
    f.form.addEventListener('submit',()=>s(false))}";

/// The policy of a page with such a field, which knows the script by its hash.
pub static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| policy_with(""));
/// The same of a page that has files with scripts of this site besides.
pub static POLICY_WITH_FILES: LazyLock<Option<HeaderValue>> = LazyLock::new(|| policy_with(" 'self'"));

fn policy_with(others: &str) -> Option<HeaderValue> {
    let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    HeaderValue::from_str(&csp_with_prefetch(&format!("'sha256-{hash}'{others}"))).ok()
}

/// The password that somebody has, asked for before what matters.
#[component]
pub fn CurrentPassword(
    /// An id that is unique on the page.
    id: &'static str,
    /// It has the focus when the page opens.
    #[prop(optional)]
    autofocus: bool,
    /// What is wrong with it.
    #[prop(optional_no_strip)]
    error: Option<String>,
) -> impl IntoView {
    view! {
        <Field
            id
            name="currentPassword"
            label=t(Text::CurrentPassword)
            kind="password"
            autocomplete="current-password"
            hint=t(Text::ConfirmHint)
            autofocus
            error
            max_chars=*PASSWORD_CHARS.end()
        />
    }
}

/// A password.
#[component]
pub fn PasswordField(
    /// What password managers fill in (HTML, "Autofill").
    autocomplete: &'static str,
    /// It is a new one, and has to be long enough.
    #[prop(optional)]
    is_new: bool,
    /// It has the focus when the page opens.
    autofocus: bool,
    /// What is wrong with what was entered.
    error: Option<String>,
) -> impl IntoView {
    view! {
        <div class="relative">
            <Field
                id="password"
                name="password"
                label=t(Text::Password)
                kind="password"
                autocomplete
                required=true
                nostrip:min_chars=is_new.then_some(*PASSWORD_CHARS.start())
                max_chars=*PASSWORD_CHARS.end()
                nostrip:hint=is_new.then(|| t(Text::PasswordHint))
                autofocus
                error
            />
            <button
                type="button"
                class="absolute top-0 right-0 rounded-md text-sm text-accent hover:underline aria-pressed:underline"
                data-shows="password"
                aria-pressed="false"
                hidden
            >
                {t(Text::ShowPassword)}
            </button>
        </div>
        <script inner_html=SCRIPT></script>
    }
}
