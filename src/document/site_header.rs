//! What stands above every page without a script.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::platform::http::visitor::seems_signed_in;
use crate::ui::{Button, ButtonSize, ButtonVariant, Logo, ThemeSwitch};

/// Logo, theme, and the way in.
#[component]
pub fn SiteHeader(
    /// Where this page is.
    path: String,
) -> impl IntoView {
    let is_sign_in = path.starts_with("/sign-in");
    let (href, label) = if seems_signed_in() { ("/chat", Text::ToTheChat) } else { ("/sign-in", Text::SignIn) };
    view! {
        <header class="mx-auto flex h-16 w-full max-w-6xl shrink-0 items-center justify-between px-4 sm:px-6">
            <a href="/" class="rounded-md py-1.5">
                <Logo />
            </a>
            <div class="flex items-center gap-2">
                <ThemeSwitch next=path />
                {(!is_sign_in)
                    .then(|| {
                        view! {
                            <Button
                                href=href
                                label=t(label)
                                variant=ButtonVariant::Ghost
                                size=ButtonSize::Small
                            />
                        }
                    })}
            </div>
        </header>
    }
}
