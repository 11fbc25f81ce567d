//! The profile, the password and the sessions on `/account`: HTML of the server, also for pages that the browser shows. Its forms
//! need no script.

use leptos::prelude::*;

use super::forms::outcome;
use super::profile::Preferences;
use super::rules::SessionInfo;
use crate::account::{MAX_NAME_CHARS, PASSWORD_CHARS, Profile};
use crate::i18n::{Language, Text, fill, t};
use crate::ui::{
    Alert, AlertTone, Badge, BadgeTone, Button, ButtonSize, ButtonVariant, Card, Choice, Field, Select, Theme,
    Timestamp, html_of,
};

/// What the sections show.
pub struct Own {
    pub profile: Profile,
    pub preferences: Preferences,
    pub time_zone: String,
    /// Who can be asked, and the model of each.
    pub providers: Vec<(String, String)>,
    /// `None`: they are kept elsewhere.
    pub sessions: Option<Vec<SessionInfo>>,
    /// There is one to change.
    pub has_password: bool,
}

/// What came of a form, as its address says.
#[must_use]
pub fn outcome_html(query: Option<&str>) -> String {
    let Some((text, went_well)) = outcome(query) else { return String::new() };
    let tone = if went_well { AlertTone::Info } else { AlertTone::Danger };
    // Of them, one has a number in it.
    let text = fill(text, &[("most", &MAX_NAME_CHARS.to_string())]);
    html_of(move || view! { <Alert tone text /> })
}

/// The sections.
#[must_use]
pub fn own_html(own: Own) -> String {
    html_of(move || {
        let Own { profile, preferences, time_zone, providers, sessions, has_password } = own;
        view! {
            <ProfileSection profile preferences time_zone providers />
            {has_password.then(|| view! { <PasswordSection /> })}
            {sessions.map(|sessions| view! { <SessionsSection sessions /> })}
        }
    })
}

#[component]
fn Section(
    /// Names it on the page.
    id: &'static str,
    /// Its heading.
    title: Text,
    /// What it is about.
    explained: Text,
    /// The rest.
    children: Children,
) -> impl IntoView {
    view! {
        <section aria-labelledby=id class="space-y-4">
            <div class="space-y-1">
                <h2 id=id class="text-lg font-semibold">
                    {t(title)}
                </h2>
                <p class="text-sm text-ink-soft">{t(explained)}</p>
            </div>
            {children()}
        </section>
    }
}

#[component]
fn ProfileSection(
    /// Who it is.
    profile: Profile,
    /// As they are kept.
    preferences: Preferences,
    /// Where the days begin.
    time_zone: String,
    /// Who can be asked, and the model of each.
    providers: Vec<(String, String)>,
) -> impl IntoView {
    let Preferences { language, theme, provider } = preferences;
    let each_device = || Choice::new("", t(Text::EachDevice));
    let languages = Language::ALL.map(|language| Choice::new(language.code(), language.name()));
    let languages = std::iter::once(each_device()).chain(languages).collect::<Vec<_>>();
    let theme_text = |theme| match theme {
        Theme::System => Text::SystemTheme,
        Theme::Light => Text::LightTheme,
        Theme::Dark => Text::DarkTheme,
    };
    let themes = Theme::ALL.map(|theme| Choice::new(theme.as_str(), t(theme_text(theme))));
    let themes = std::iter::once(each_device()).chain(themes).collect::<Vec<_>>();
    let providers = providers.into_iter().map(|(name, model)| {
        let label = if model.is_empty() { name.clone() } else { format!("{model} ({name})") };
        Choice::new(name, label)
    });
    let providers = std::iter::once(each_device()).chain(providers).collect::<Vec<_>>();
    view! {
        <Section id="profile" title=Text::ProfileAndPreferences explained=Text::PreferencesExplained>
            <Card>
                <form method="post" action="/account/profile" class="space-y-5">
                    <div class="grid gap-5 @xl:grid-cols-2">
                        <Field
                            id="display-name"
                            name="displayName"
                            label=t(Text::Name)
                            value=profile.name
                            autocomplete="name"
                            required=true
                            max_chars=MAX_NAME_CHARS
                        />
                        <Field id="own-zone" name="zone" label=t(Text::TimeZone) value=time_zone />
                        <Select
                            id="own-language"
                            name="language"
                            label=t(Text::Language)
                            choices=languages
                            value=language.unwrap_or_default()
                        />
                        <Select
                            id="own-theme"
                            name="theme"
                            label=t(Text::Theme)
                            choices=themes
                            value=theme.unwrap_or_default()
                        />
                        <Select
                            id="own-provider"
                            name="provider"
                            label=t(Text::DefaultModel)
                            choices=providers
                            value=provider.unwrap_or_default()
                        />
                    </div>
                    <Button label=t(Text::Save) variant=ButtonVariant::Primary kind="submit" />
                </form>
            </Card>
        </Section>
    }
}

#[component]
fn PasswordSection() -> impl IntoView {
    view! {
        <Section id="change-password" title=Text::ChangePassword explained=Text::ChangePasswordExplained>
            <Card>
                <form method="post" action="/account/password" class="space-y-5">
                    <div class="grid gap-5 @xl:grid-cols-2">
                        <Field
                            id="current-password"
                            name="currentPassword"
                            label=t(Text::CurrentPassword)
                            kind="password"
                            autocomplete="current-password"
                            required=true
                            max_chars=*PASSWORD_CHARS.end()
                        />
                        <Field
                            id="new-password"
                            name="newPassword"
                            label=t(Text::NewPassword)
                            kind="password"
                            autocomplete="new-password"
                            required=true
                            min_chars=*PASSWORD_CHARS.start()
                            max_chars=*PASSWORD_CHARS.end()
                            hint=t(Text::PasswordHint)
                        />
                    </div>
                    <Button label=t(Text::ChangePassword) variant=ButtonVariant::Primary kind="submit" />
                </form>
            </Card>
        </Section>
    }
}

#[component]
fn SessionsSection(
    /// The last used first.
    sessions: Vec<SessionInfo>,
) -> impl IntoView {
    let entries = sessions.into_iter().map(|session| view! { <Entry session /> }).collect::<Vec<_>>();
    view! {
        <Section id="sessions" title=Text::Sessions explained=Text::SessionsExplained>
            <ul class="divide-y divide-line rounded-md border border-line bg-surface">{entries}</ul>
            <div class="flex flex-wrap gap-3">
                <form method="post" action="/account/sessions">
                    <input type="hidden" name="end" value="others" />
                    <Button label=t(Text::EndOtherSessions) kind="submit" />
                </form>
                <form method="post" action="/account/sessions">
                    <input type="hidden" name="end" value="all" />
                    <Button label=t(Text::EndAllSessions) kind="submit" />
                </form>
            </div>
        </Section>
    }
}

#[component]
fn Entry(
    /// Where somebody is signed in.
    session: SessionInfo,
) -> impl IntoView {
    let SessionInfo { id, device, address, created_at, last_used_at, current, .. } = session;
    let device = match device.split_once(" on ") {
        Some((browser, system)) => fill(Text::BrowserOnSystem, &[("browser", browser), ("system", system)]),
        None if device.is_empty() => t(Text::UnknownDevice).to_owned(),
        None => device,
    };
    let here = current.then(|| view! { <Badge tone=BadgeTone::Success>{t(Text::ThisSession)}</Badge> });
    let end = (!current).then(|| {
        view! {
            <form method="post" action="/account/sessions">
                <input type="hidden" name="end" value=id />
                <Button label=t(Text::EndSession) size=ButtonSize::Small kind="submit" />
            </form>
        }
    });
    view! {
        <li class="flex flex-wrap items-center justify-between gap-3 px-6 py-4">
            <div class="min-w-0 space-y-1">
                <p class="flex flex-wrap items-center gap-2 font-medium break-words">{device} " " {here}</p>
                <p class="flex flex-wrap gap-x-4 text-sm text-ink-soft">
                    <span class="break-all">{address}</span>
                    <span>{t(Text::LastUsed)} " " <Timestamp at=last_used_at /></span>
                    <span>{t(Text::SignedInSince)} " " <Timestamp at=created_at /></span>
                </p>
            </div>
            {end}
        </li>
    }
}
