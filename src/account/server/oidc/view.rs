//! The buttons on `/sign-in` and `/sign-up`, and the ways to sign in on `/account`: HTML of the server, whose forms need no script.

use leptos::prelude::*;

use super::problem::Problem;
use super::store::Identity;
use crate::account::PASSWORD_CHARS;
use crate::account::server::Account;
use crate::account::server::password_field::CurrentPassword;
use crate::i18n::{Text, fill, t};
use crate::platform::db::rfc3339;
use crate::platform::error::AppResult;
use crate::platform::ids::UserId;
use crate::ui::{Alert, AlertTone, Button, ButtonSize, ButtonVariant, Card, Field, html_of};

/// Where the form on `/account` is sent.
pub const WAYS: &str = "/account/sign-in-methods";

/// A button for each provider; each is a form of its own.
#[component]
pub fn ProviderButtons(
    /// The names and labels of the providers.
    providers: Vec<(String, String)>,
    /// A path of this site, to go to afterwards.
    next: String,
) -> impl IntoView {
    let button = |(name, label): (String, String)| {
        let label = fill(Text::ContinueWith, &[("provider", &label)]);
        view! {
            <form method="post" action=format!("/sign-in/{name}")>
                <input type="hidden" name="next" value=next.clone() />
                <Button label kind="submit" class="w-full" />
            </form>
        }
    };
    (!providers.is_empty()).then(|| {
        view! {
            <div class="space-y-3">
                <p class="text-center text-sm text-ink-soft">{t(Text::OrElse)}</p>
                {providers.into_iter().map(button).collect::<Vec<_>>()}
            </div>
        }
    })
}

impl Account {
    /// The names and labels of the providers, in their order.
    #[must_use]
    pub fn provider_labels(&self) -> Vec<(String, String)> {
        let providers = self.identity_providers.iter().map(|provider| &provider.config);
        providers.map(|config| (config.name.clone(), config.label.clone())).collect()
    }

    /// What an address says went wrong, for people.
    #[must_use]
    pub fn told_problem(&self, problem: Option<&str>, with: Option<&str>) -> Option<String> {
        let problem = Problem::parse(problem?)?;
        let provider = self.provider(with?)?;
        Some(problem.text(&provider.config.label))
    }
}

/// How a user signs in: a section, if there is anything to choose.
///
/// # Errors
/// The database is down.
pub async fn ways_html(
    account: &Account,
    user: UserId,
    has_password: bool,
    problem: Option<String>,
) -> AppResult<String> {
    let identities = account.identities.list(user).await?;
    if account.identity_providers.is_empty() && identities.is_empty() {
        return Ok(String::new());
    }
    let is_linked = |issuer: &str| identities.iter().any(|identity| identity.issuer == issuer);
    let others = account.identity_providers.iter().filter(|provider| !is_linked(&provider.config.issuer));
    let others: Vec<_> = others.map(|provider| (provider.config.name.clone(), provider.config.label.clone())).collect();
    let rows = identities.iter().map(|identity| Row::of(account, identity)).collect::<AppResult<_>>()?;
    Ok(html_of(|| section(Ways { rows, others, has_password, problem })))
}

/// What the section shows.
struct Ways {
    rows: Vec<Row>,
    /// Names and labels of the providers that are not linked.
    others: Vec<(String, String)>,
    has_password: bool,
    problem: Option<String>,
}

/// An identity as it is shown.
struct Row {
    id: String,
    label: String,
    shown_as: String,
    since: String,
}

impl Row {
    fn of(account: &Account, identity: &Identity) -> AppResult<Self> {
        let provider = account.identity_providers.iter().find(|provider| provider.config.issuer == identity.issuer);
        Ok(Self {
            id: identity.id.to_string(),
            label: provider.map_or_else(|| identity.issuer.clone(), |provider| provider.config.label.clone()),
            shown_as: identity.shown_as.clone(),
            since: rfc3339(identity.created_at)?.get(..10).unwrap_or_default().to_owned(),
        })
    }
}

/// The first button of a form that has several: Enter in a field presses none of them, rather than the first.
pub fn no_default() -> impl IntoView {
    view! { <button type="submit" disabled hidden></button> }
}

/// A button that says what it is for.
pub fn act(name: &'static str, value: String, label: String) -> impl IntoView {
    let class = format!(
        "inline-flex items-center justify-center rounded-md border font-medium whitespace-nowrap transition-colors {} {}",
        ButtonVariant::Secondary.class(),
        ButtonSize::Small.class()
    );
    view! {
        <button type="submit" class=class name=name value=value>
            {label}
        </button>
    }
}

fn section(ways: Ways) -> impl IntoView {
    let Ways { rows, others, has_password, problem } = ways;
    let row = |row: Row| {
        let Row { id, label, shown_as, since } = row;
        view! {
            <li class="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
                <div class="min-w-0 flex-1">
                    <p class="font-medium break-words">{label}</p>
                    <p class="text-sm break-words text-ink-soft">{shown_as} " " <time datetime=since.clone()>{since.clone()}</time></p>
                </div>
                {act("unlink", id, t(Text::Unlink).to_owned())}
            </li>
        }
    };
    let password = has_password.then(|| {
        view! {
            <li class="px-4 py-3">
                <p class="font-medium">{t(Text::Password)}</p>
            </li>
        }
    });
    let others =
        others.into_iter().map(|(name, label)| act("link", name, fill(Text::LinkWith, &[("provider", &label)])));
    let others: Vec<_> = others.collect();
    let confirm = has_password.then(|| {
        view! {
            <CurrentPassword id="ways-password" />
        }
    });
    let first_password = (!has_password).then(|| {
        view! {
            <Card>
                <form method="post" action=WAYS class="space-y-4">
                    <Field
                        id="first-password"
                        name="newPassword"
                        label=t(Text::SetPassword)
                        kind="password"
                        autocomplete="new-password"
                        required=true
                        hint=t(Text::PasswordHint)
                        min_chars=*PASSWORD_CHARS.start()
                        max_chars=*PASSWORD_CHARS.end()
                    />
                    <Button label=t(Text::SetPassword) kind="submit" />
                </form>
            </Card>
        }
    });
    view! {
        <section aria-labelledby="ways" class="space-y-4">
            <div class="space-y-1">
                <h2 id="ways" class="text-lg font-semibold">
                    {t(Text::WaysToSignIn)}
                </h2>
                <p class="text-sm text-ink-soft">{t(Text::WaysExplained)}</p>
            </div>
            {problem.map(|text| view! { <Alert tone=AlertTone::Danger text /> })}
            <form method="post" action=WAYS class="space-y-4">
                {no_default()}
                <ul class="divide-y divide-line rounded-md border border-line bg-surface">
                    {password} {rows.into_iter().map(row).collect::<Vec<_>>()}
                </ul>
                {confirm}
                <p class="flex flex-wrap gap-2">{others}</p>
            </form>
            {first_password}
        </section>
    }
}
