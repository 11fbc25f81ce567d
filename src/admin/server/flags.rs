//! Flags and the announcement, for admins.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Authority;
use super::audit::times_of;
use crate::account::Role;
use crate::account::server::store::AccountStore;
use crate::audit::Actor;
use crate::flags::{
    Announced, Announcement, AnnouncementKind, Flag, FlagStatus, Flags, MAX_ANNOUNCEMENT_CHARS, Rule, Safeguard,
    Setting,
};
use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::db::{now_millis, rfc3339};
use crate::platform::error::{AppError, AppResult};

/// A hundredth of a percent, in the millionths that numbers are kept in.
const SHARE: i64 = 10_000;
/// Most that a cap or a safeguard is set to: a million dollars.
const MOST_MICROS: i64 = 1_000_000_000_000;

/// What is switched on and off. Cheap to clone.
#[derive(Clone)]
pub struct FlagPanel {
    pub flags: Flags,
    /// Knows who changed something.
    pub accounts: Arc<dyn AccountStore>,
}

/// For whom a flag is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlagState {
    On,
    Off,
    /// For some roles.
    Roles,
    /// For a part of the users.
    Percent,
}

impl FlagState {
    pub(super) const ALL: [Self; 4] = [Self::On, Self::Off, Self::Roles, Self::Percent];

    /// The name that is sent and shown.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Roles => "roles",
            Self::Percent => "percent",
        }
    }

    pub(super) const fn of(rule: &Rule) -> Self {
        match rule {
            Rule::On => Self::On,
            Rule::Off => Self::Off,
            Rule::Roles { .. } => Self::Roles,
            Rule::Percent { .. } => Self::Percent,
        }
    }
}

/// When a flag goes off by itself, judged by the last ten minutes. It never comes on again by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SafeguardInfo {
    /// At so many failed attempts of 100 (1 to 100), if there were 20. What users stop, or a provider refuses, is no failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    pub error_percent: Option<u8>,
    /// At this cost, in millionths of a US dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub spend_micros: Option<i64>,
}

/// A flag.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlagItem {
    /// `chat`, or `provider_chat_openai` for a provider.
    pub name: String,
    pub state: FlagState,
    /// Of the users, 0 to 100, where `state` is `percent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, nullable = false)]
    pub percent: Option<Amount>,
    /// Where `state` is `roles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub roles: Option<Vec<Role>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub safeguard: Option<SafeguardInfo>,
    /// Most that a provider may cost in a day (UTC), in millionths of a US dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub daily_cap_micros: Option<i64>,
    /// What a provider costs today, as far as prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub spent_today_micros: Option<i64>,
    /// One more with every change; 0: never changed.
    pub version: i64,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub changed_at: Option<String>,
    /// The id of a user, or `system` for its safeguard.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub changed_by: Option<String>,
    /// On for all, or for nobody, and not changed for 90 days.
    pub stale: bool,
}

/// What a flag is to be from now on: all of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlagChange {
    /// That was seen. Where there is another one by now, nothing is changed (409).
    pub version: i64,
    pub state: FlagState,
    /// 0 to 100, with at most two decimals, for `percent`.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 100)]
    pub percent: Option<Amount>,
    /// For `roles`.
    pub roles: Option<Vec<Role>>,
    /// For chat, images and providers.
    pub safeguard: Option<SafeguardInfo>,
    /// For providers.
    #[schema(minimum = 1)]
    pub daily_cap_micros: Option<i64>,
}

/// What is announced on every page.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnnouncementItem {
    /// One more with every change; 0: there never was any.
    pub version: i64,
    pub kind: AnnouncementKind,
    /// Empty: nothing is announced.
    pub en: String,
    /// Empty: in English to all.
    pub zh: String,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until: Option<String>,
    /// Whether people can close it.
    pub dismissible: bool,
}

/// What is to be announced from now on: all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnnouncementChange {
    /// That was seen. Where there is another one by now, nothing is changed (409).
    pub version: i64,
    #[serde(default)]
    pub kind: AnnouncementKind,
    /// At most 300 characters. Empty: nothing is announced.
    #[serde(default)]
    pub en: String,
    /// Empty: in English to all.
    #[serde(default)]
    pub zh: String,
    /// RFC 3339, or a day; absent or empty: from now on.
    #[serde(default)]
    pub from: String,
    /// The same; a day counts to its end. Absent or empty: until it is changed.
    #[serde(default)]
    pub until: String,
    #[serde(default)]
    pub dismissible: bool,
}

/// All flags, and what is announced.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlagList {
    pub items: Vec<FlagItem>,
    pub announcement: AnnouncementItem,
}

impl FlagPanel {
    /// All flags, as this server knows them.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub fn list(&self, _: Authority) -> AppResult<FlagList> {
        let items = self.flags.list().into_iter().map(|status| self.item(status)).collect::<AppResult<_>>()?;
        Ok(FlagList { items, announcement: announcement_item(self.flags.announced())? })
    }

    /// Changes a flag, over the version that was seen.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::InvalidInput`] naming the field; [`AppError::Conflict`] where somebody else was faster.
    pub async fn change(&self, by: Authority, name: &str, change: FlagChange) -> AppResult<FlagItem> {
        let setting = read_setting(&change)?;
        let status = self.flags.change(by.actor(), name, change.version, setting).await?;
        self.item(status)
    }

    /// Announces something in the place of what was, over the version that was seen.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field; [`AppError::Conflict`] where somebody else was faster.
    pub async fn announce(&self, by: Authority, change: AnnouncementChange) -> AppResult<AnnouncementItem> {
        let (version, announcement) = (change.version, read_announcement(&change)?);
        announcement_item(Some(self.flags.announce(by.actor(), version, announcement).await?))
    }

    fn item(&self, status: FlagStatus) -> AppResult<FlagItem> {
        let is_stale = status.is_stale(now_millis());
        let spent_today_micros = match status.flag {
            Flag::Provider(provider) => Some(self.flags.cost_today(provider)),
            _ => None,
        };
        let FlagStatus { flag, setting, version, changed_at, changed_by } = status;
        let Setting { rule, safeguard, daily_cap_micros } = setting;
        let state = FlagState::of(&rule);
        let (percent, roles) = match rule {
            Rule::On | Rule::Off => (None, None),
            Rule::Roles { roles } => (None, Some(roles)),
            Rule::Percent { share } => (Some(Amount::from_micros(i64::from(share) * SHARE)), None),
        };
        let Safeguard { error_percent, spend_micros } = safeguard;
        Ok(FlagItem {
            name: flag.name().into_owned(),
            state,
            percent,
            roles,
            safeguard: (!safeguard.is_empty()).then_some(SafeguardInfo { error_percent, spend_micros }),
            daily_cap_micros,
            spent_today_micros,
            version,
            changed_at: changed_at.map(rfc3339).transpose()?,
            changed_by: changed_by.map(|actor| actor.to_string()),
            stale: is_stale,
        })
    }

    /// The address of who changed something, for people who read its id.
    pub(super) async fn name_of(&self, actor: &str) -> AppResult<String> {
        let Some(Actor::User(id)) = Actor::parse(actor) else { return Ok(actor.to_owned()) };
        let found = self.accounts.find_user_by_id(id).await?;
        Ok(found.map_or_else(|| id.to_string(), |user| user.email))
    }
}

/// What a change asks for.
pub(super) fn read_setting(change: &FlagChange) -> AppResult<Setting> {
    let rule = match change.state {
        FlagState::On => Rule::On,
        FlagState::Off => Rule::Off,
        FlagState::Roles => Rule::Roles { roles: distinct(change.roles.as_deref().unwrap_or_default()) },
        FlagState::Percent => Rule::Percent { share: read_share(change.percent)? },
    };
    let SafeguardInfo { error_percent, spend_micros } = change.safeguard.unwrap_or_default();
    if error_percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
        return Err(AppError::invalid("safeguard.errorPercent", t(Text::FlagErrorWrong)));
    }
    let is_money = |micros: Option<i64>| micros.is_none_or(|micros| (1..=MOST_MICROS).contains(&micros));
    if !is_money(spend_micros) {
        return Err(AppError::invalid("safeguard.spendMicros", t(Text::FlagMoneyWrong)));
    }
    if !is_money(change.daily_cap_micros) {
        return Err(AppError::invalid("dailyCapMicros", t(Text::FlagMoneyWrong)));
    }
    let safeguard = Safeguard { error_percent, spend_micros };
    Ok(Setting { rule, safeguard, daily_cap_micros: change.daily_cap_micros })
}

/// Each role once, in their order, so that the same wish is the same setting.
fn distinct(roles: &[Role]) -> Vec<Role> {
    [Role::User, Role::Subscriber, Role::Admin].into_iter().filter(|role| roles.contains(role)).collect()
}

fn read_share(percent: Option<Amount>) -> AppResult<u16> {
    let micros = percent.map(Amount::micros).filter(|micros| micros % SHARE == 0);
    let share = micros.and_then(|micros| u16::try_from(micros / SHARE).ok()).filter(|share| *share <= 10_000);
    share.ok_or_else(|| AppError::invalid("percent", t(Text::FlagPercentWrong)))
}

/// What is to be announced.
pub(super) fn read_announcement(change: &AnnouncementChange) -> AppResult<Announcement> {
    let text = |field: &str, text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() > MAX_ANNOUNCEMENT_CHARS || text.contains(char::is_control) {
            let problem = fill(Text::AnnouncementTooLong, &[("most", &MAX_ANNOUNCEMENT_CHARS.to_string())]);
            return Err(AppError::invalid(field, problem));
        }
        Ok(text)
    };
    let (en, zh) = (text("en", &change.en)?, text("zh", &change.zh)?);
    if en.is_empty() && !zh.is_empty() {
        return Err(AppError::invalid("en", t(Text::AnnouncementNeedsEnglish)));
    }
    let (from, until) = times_of(&change.from, &change.until)?;
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        return Err(AppError::invalid("until", t(Text::AnnouncementTimes)));
    }
    Ok(Announcement { kind: change.kind, en, zh, from, until, dismissible: change.dismissible })
}

fn announcement_item(announced: Option<Announced>) -> AppResult<AnnouncementItem> {
    let (version, announcement) =
        announced.map(|announced| (announced.version, announced.announcement)).unwrap_or_default();
    let Announcement { kind, en, zh, from, until, dismissible } = announcement;
    let time = |at: Option<i64>| at.map(rfc3339).transpose();
    Ok(AnnouncementItem { version, kind, en, zh, from: time(from)?, until: time(until)?, dismissible })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(state: FlagState, percent: Option<&str>) -> FlagChange {
        let percent = percent.and_then(Amount::parse);
        FlagChange { version: 0, state, percent, roles: None, safeguard: None, daily_cap_micros: None }
    }

    #[test]
    fn a_percentage_has_two_decimals_at_most() {
        let share = |text| read_setting(&change(FlagState::Percent, Some(text))).map(|setting| setting.rule);
        assert_eq!(share("12.5"), Ok(Rule::Percent { share: 1_250 }));
        assert_eq!((share("0"), share("100")), (Ok(Rule::Percent { share: 0 }), Ok(Rule::Percent { share: 10_000 })));
        for wrong in ["100.01", "1.005", "101"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
        assert!(read_setting(&change(FlagState::Percent, None)).is_err());
        assert!(read_setting(&change(FlagState::On, Some("7"))).is_ok_and(|setting| setting.rule == Rule::On));
    }

    #[test]
    fn an_announcement_needs_english_and_ends_after_it_begins() {
        let field = |change: AnnouncementChange| match read_announcement(&change) {
            Err(AppError::InvalidInput { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        let empty = AnnouncementChange::default;
        assert_eq!(field(AnnouncementChange { zh: "好".into(), ..empty() }), "en");
        assert_eq!(field(AnnouncementChange { en: "x".repeat(301), ..empty() }), "en");
        let (from, until) = ("2026-11-30".to_owned(), "2026-11-29".to_owned());
        assert_eq!(field(AnnouncementChange { en: "Hi".into(), from: from.clone(), until, ..empty() }), "until");
        let day = AnnouncementChange { en: " Hi  there ".into(), until: from.clone(), from, ..empty() };
        assert!(read_announcement(&day).is_ok_and(|one| one.en == "Hi there" && one.from < one.until));
        assert!(read_announcement(&empty()).is_ok());
    }
}
