//! Who one is here, and how one wants it: the name, the language, the theme, the time zone, who is asked first.

use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::{Deserialize, Serialize};

use crate::account::server::Account;
use crate::account::server::budgets::check_time_zone;
use crate::account::server::caller::Caller;
use crate::account::{MAX_NAME_CHARS, PROVIDER_COOKIE};
use crate::i18n::{LANGUAGE_COOKIE, Language, Text, fill, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;
use crate::ui::{COOKIE_SECS, Theme};

/// What a user has chosen for all their devices. What is `None`, each device decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    /// Who is asked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

impl Preferences {
    /// The cookies by which a device knows them.
    pub(in crate::account::server) fn cookies(&self, is_https: bool) -> impl Iterator<Item = Cookie<'static>> + use<> {
        let Self { language, theme, provider } = self.clone();
        let all = [(LANGUAGE_COOKIE, language), (Theme::COOKIE, theme), (PROVIDER_COOKIE, provider)];
        all.into_iter().filter_map(move |(name, value)| {
            let cookie = Cookie::build((name, value?)).path("/").secure(is_https).same_site(SameSite::Lax);
            Some(cookie.max_age(time::Duration::seconds(COOKIE_SECS.into())).build())
        })
    }
}

/// The form. Empty fields are left to each device.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProfileForm {
    pub display_name: String,
    pub language: String,
    pub theme: String,
    pub zone: String,
    pub provider: String,
}

impl Account {
    /// Who is asked first where this device has chosen nobody. A model that is gone is as good as none.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn default_provider(&self, caller: &Caller) -> AppResult<Option<String>> {
        match &caller.known {
            Some(known) => Ok(known.provider.clone()),
            None => Ok(self.store.find_preferences(caller.id).await?.provider),
        }
    }

    /// Where the picture is that a caller shows of themselves, if there is one.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn avatar_of(&self, caller: &Caller) -> AppResult<Option<String>> {
        match &caller.known {
            Some(known) => Ok(known.avatar.map(|id| self.images.avatar_address(id))),
            None => self.images.avatar(caller.id).await,
        }
    }

    /// Keeps what a user says of themselves and how they want it.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn change_profile(&self, user: UserId, form: &ProfileForm) -> AppResult<Preferences> {
        let name = form.display_name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.chars().count() > MAX_NAME_CHARS || name.contains(char::is_control) {
            let problem = fill(Text::NameTooLong, &[("most", &MAX_NAME_CHARS.to_string())]);
            return Err(AppError::invalid("displayName", problem));
        }
        let chosen = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let preferences = Preferences {
            language: chosen(&form.language)
                .map(|tag| {
                    let known = Language::parse(&tag).map(|language| language.code().to_owned());
                    known.ok_or_else(|| AppError::invalid("language", t(Text::FormUnreadable)))
                })
                .transpose()?,
            theme: chosen(&form.theme).map(|theme| Theme::parse(&theme).as_str().to_owned()),
            provider: chosen(&form.provider).filter(|name| self.providers.iter().any(|(known, _)| known == name)),
        };
        let mut plan = self.credits.budgets(user.into(), user).await?;
        if let Some(zone) = chosen(&form.zone) {
            let zone = check_time_zone(&zone)?;
            if zone != plan.time_zone {
                plan.time_zone = zone;
                self.credits.set_budgets(user.into(), user, plan).await?;
            }
        }
        let name = Some(name).filter(|name| !name.is_empty());
        self.store.set_profile(user, name.as_deref(), &preferences).await?;
        Ok(preferences)
    }
}
