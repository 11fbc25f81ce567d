//! What is announced on every page.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::service::Flags;
use super::store::StoredSetting;
use crate::audit::Actor;
use crate::i18n::{Language, current_language};

/// The name under which it is stored. No flag has it.
pub const ANNOUNCEMENT: &str = "announcement";
/// The cookie that holds the version that was dismissed.
pub const ANNOUNCEMENT_COOKIE: &str = "announcement";
/// Most characters in a language.
pub const MAX_ANNOUNCEMENT_CHARS: usize = 300;

/// How urgent it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnnouncementKind {
    #[default]
    Info,
    Warning,
}

/// A line below the header of every page. Without any text, nothing is announced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    pub kind: AnnouncementKind,
    pub en: String,
    /// Empty: in English to all.
    pub zh: String,
    /// In milliseconds since 1970; `None`: from now on.
    pub from: Option<i64>,
    /// `None`: until it is taken away.
    pub until: Option<i64>,
    /// Whether people can close it.
    pub dismissible: bool,
}

/// An announcement as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    pub announcement: Announcement,
    pub version: i64,
    /// In milliseconds since 1970.
    pub changed_at: i64,
    pub changed_by: Actor,
}

impl Announced {
    pub(super) fn read(row: &StoredSetting) -> serde_json::Result<Self> {
        Ok(Self {
            announcement: serde_json::from_str(&row.value)?,
            version: row.version,
            changed_at: row.changed_at,
            changed_by: row.changed_by,
        })
    }

    /// Whether it is shown at this time.
    #[must_use]
    pub fn is_shown(&self, now: i64) -> bool {
        let Announcement { en, from, until, .. } = &self.announcement;
        !en.is_empty() && from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until)
    }

    /// What it says in the language of the request.
    #[must_use]
    pub fn text(&self) -> &str {
        match current_language() {
            Language::Zh if !self.announcement.zh.is_empty() => &self.announcement.zh,
            _ => &self.announcement.en,
        }
    }
}

impl Flags {
    /// What a browser with these headers is told, unless it was dismissed there.
    #[must_use]
    pub fn announcement_for(&self, headers: &HeaderMap) -> Option<Arc<Announced>> {
        let announced = self.announced().filter(|announced| announced.is_shown(self.now()))?;
        let dismissed =
            CookieJar::from_headers(headers).get(ANNOUNCEMENT_COOKIE).map(|cookie| cookie.value().to_owned());
        let is_dismissed = announced.announcement.dismissible && dismissed == Some(announced.version.to_string());
        (!is_dismissed).then(|| Arc::new(announced))
    }
}

tokio::task_local! {
    static ANNOUNCED: Option<Arc<Announced>>;
}

/// Runs `work` for somebody who is told this.
pub async fn announcing<F: Future>(announced: Option<Arc<Announced>>, work: F) -> F::Output {
    ANNOUNCED.scope(announced, work).await
}

/// What the visitor of this request is told; `None` outside of any.
#[must_use]
pub fn current_announcement() -> Option<Arc<Announced>> {
    ANNOUNCED.try_with(Clone::clone).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::in_language_here;

    #[test]
    fn it_is_shown_in_its_time_and_in_the_language_of_who_reads() {
        let announcement = Announcement {
            en: "Down at noon.".to_owned(),
            zh: "中午停机。".to_owned(),
            from: Some(10),
            until: Some(20),
            ..Announcement::default()
        };
        let mut one = Announced { announcement, version: 1, changed_at: 0, changed_by: Actor::Operator };
        assert_eq!([9, 10, 19, 20].map(|now| one.is_shown(now)), [false, true, true, false]);
        let text = |one: &Announced, language| in_language_here(language, || one.text().to_owned());
        assert_eq!((&*text(&one, Language::En), &*text(&one, Language::Zh)), ("Down at noon.", "中午停机。"));
        one.announcement.zh.clear();
        assert_eq!(text(&one, Language::Zh), "Down at noon.");
        one.announcement.en.clear();
        assert!(!one.is_shown(15));
    }
}
