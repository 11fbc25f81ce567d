//! What `/account` says of signing in, where that is Clerk's: HTML of the server.

use leptos::prelude::*;

use super::Clerk;
use crate::i18n::{Text, t};
use crate::ui::{Button, Card, html_of};

impl Clerk {
    /// The section, with the way to Clerk's own page.
    #[must_use]
    pub fn account_html(&self) -> String {
        let page = self.config.accounts_url.join("user").map(String::from).unwrap_or_default();
        html_of(move || {
            view! {
                <section aria-labelledby="sign-in" class="space-y-4">
                    <h2 id="sign-in" class="text-lg font-semibold">
                        {t(Text::WaysToSignIn)}
                    </h2>
                    <Card>
                        <div class="flex flex-wrap items-center justify-between gap-4">
                            <p class="text-sm text-ink-soft">{t(Text::SignInByClerk)}</p>
                            <Button href=page label=t(Text::ManageAtClerk) />
                        </div>
                    </Card>
                </section>
            }
        })
    }
}
