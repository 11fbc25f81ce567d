//! The picture of oneself on `/account`: HTML of the server. Its forms need no script.

use leptos::prelude::*;

use crate::account::Profile;
use crate::i18n::{Text, t};
use crate::ui::{Button, Card, html_of};

/// The section of `/account`. `avatar` is where the picture is, if there is one.
#[must_use]
pub fn avatar_html(avatar: Option<String>, profile: &Profile) -> String {
    let name = if profile.name.is_empty() { &profile.email } else { &profile.name };
    let initial = name.chars().next().map(String::from);
    html_of(move || section(avatar, initial))
}

fn section(avatar: Option<String>, initial: Option<String>) -> impl IntoView {
    let has_one = avatar.is_some();
    let shown = match avatar {
        Some(src) => view! { <img src=src alt=t(Text::Avatar) width="96" height="96" class="size-24 rounded-md" /> }.into_any(),
        None => view! {
            <span
                aria-hidden="true"
                class="flex size-24 items-center justify-center rounded-md bg-accent-soft text-4xl font-semibold text-accent uppercase"
            >
                {initial}
            </span>
        }
            .into_any(),
    };
    let remove = has_one.then(|| {
        view! {
            <form method="post" action="/account/avatar/remove">
                <Button label=t(Text::RemoveAvatar) kind="submit" />
            </form>
        }
    });
    view! {
        <section aria-labelledby="avatar" class="space-y-4">
            <div class="space-y-1">
                <h2 id="avatar" class="text-lg font-semibold">
                    {t(Text::Avatar)}
                </h2>
                <p class="text-sm text-ink-soft">{t(Text::AvatarExplained)}</p>
            </div>
            <Card>
                <div class="flex flex-wrap items-start gap-6">
                    {shown}
                    <div class="min-w-0 grow space-y-4">
                        <form
                            method="post"
                            action="/account/avatar"
                            enctype="multipart/form-data"
                            class="space-y-4"
                        >
                            <label class="block font-medium">
                                {t(Text::ChooseAvatar)}
                                <input
                                    type="file"
                                    name="picture"
                                    required=true
                                    accept="image/png,image/jpeg,image/webp"
                                    class="mt-1.5 block w-full max-w-sm text-sm font-normal"
                                />
                            </label>
                            <Button label=t(Text::Save) kind="submit" />
                        </form>
                        {remove}
                    </div>
                </div>
            </Card>
        </section>
    }
}
