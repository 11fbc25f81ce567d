//! `/admin/flags`.

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

use super::figures::dollars;
use super::flag_forms::{FlagForm, FlagTask, confirm_box};
use super::frame::{Section, page};
use super::users::role_text;
use super::visitor::Visitor;
use crate::account::Role;
use crate::admin::server::FlagPanel;
use crate::admin::server::flags::{AnnouncementItem, FlagList, FlagState};
use crate::audit::Actor;
use crate::document::response::error_page;
use crate::flags::{AnnouncementKind, Flag, FlagStatus, MAX_ANNOUNCEMENT_CHARS, Rule, Setting};
use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::db::{now_millis, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::fields::ApiQuery;
use crate::ui::{
    Alert, AlertTone, Badge, BadgeTone, Button, ButtonVariant, Checkbox, Choice, Field, Select, TextArea, Timestamp,
};

/// `GET /admin/flags`; with `?flag=` the form of one, with `?do=` it asks whether to do that.
pub async fn show(
    State(panel): State<FlagPanel>,
    visitor: Visitor,
    query: Result<ApiQuery<FlagForm>, ApiError>,
) -> Response {
    let form = match query {
        Ok(ApiQuery(form)) => form,
        Err(ApiError(error)) => return error_page(&visitor.site, visitor.theme, &error),
    };
    match FlagTask::read(&form) {
        Ok(task) => render(&panel, &visitor, form, task, None).await,
        Err(error) => render(&panel, &visitor, form, None, Some(error)).await,
    }
}

/// The page, with a question or with why something was not done.
pub(super) async fn render(
    panel: &FlagPanel,
    visitor: &Visitor,
    form: FlagForm,
    task: Option<FlagTask>,
    problem: Option<AppError>,
) -> Response {
    if let Some(error) = problem.as_ref().filter(|error| !matches!(error.status(), 400 | 409)) {
        return error_page(&visitor.site, visitor.theme, error);
    }
    let loaded = async {
        let list = panel.list(visitor.by)?;
        let mut rows = Vec::new();
        for status in panel.flags.list() {
            rows.push(FlagRow::of(panel, status).await?);
        }
        AppResult::Ok((list, rows))
    };
    let (list, rows) = match loaded.await {
        Ok(loaded) => loaded,
        Err(error) => return error_page(&visitor.site, visitor.theme, &error),
    };
    let chosen = rows.iter().find(|row| row.name == form.flag).cloned();
    if !form.flag.is_empty() && chosen.is_none() {
        return error_page(&visitor.site, visitor.theme, &AppError::NotFound);
    }
    let status = problem.as_ref().map_or(200, AppError::status);
    let title = chosen.as_ref().map_or_else(|| t(Text::Flags).to_owned(), |row| row.label.clone());
    page(visitor, Section::Flags, &title, status, || {
        let done = form.said == "done" && problem.is_none();
        let asked = task.map(|task| confirm_box(&task, form.clone(), &title));
        let FlagList { announcement, .. } = list;
        let body = match chosen {
            Some(row) => edit_form(&row, &form).into_any(),
            None => view! {
                <p class="max-w-3xl text-sm text-ink-soft">{t(Text::FlagsExplained)}</p>
                <ul class="grid gap-3 lg:grid-cols-2">{rows.into_iter().map(card).collect::<Vec<_>>()}</ul>
                {announcement_form(announcement, &form)}
            }
            .into_any(),
        };
        view! {
            {problem.map(|error| view! { <Alert tone=AlertTone::Danger text=error.to_string() /> })}
            {done.then(|| view! { <Alert text=t(Text::TaskDone) /> })}
            {asked}
            {body}
        }
    })
}

/// A flag as it is shown.
#[derive(Clone)]
struct FlagRow {
    name: String,
    label: String,
    status: FlagStatus,
    changed_at: Option<String>,
    who: String,
    /// What it costs today, where it has a cap.
    spent: Option<(i64, i64)>,
}

impl FlagRow {
    async fn of(panel: &FlagPanel, status: FlagStatus) -> AppResult<Self> {
        let who = match status.changed_by {
            None => String::new(),
            Some(Actor::System) => t(Text::ActorSystem).to_owned(),
            Some(Actor::Operator) => t(Text::ActorOperator).to_owned(),
            Some(actor) => panel.name_of(&actor.to_string()).await?,
        };
        let spent = match (status.flag, status.setting.daily_cap_micros) {
            (Flag::Provider(provider), Some(cap)) => Some((panel.flags.cost_today(provider), cap)),
            _ => None,
        };
        Ok(Self {
            name: status.flag.name().into_owned(),
            label: status.flag.label(),
            changed_at: status.changed_at.map(rfc3339).transpose()?,
            status,
            who,
            spent,
        })
    }
}

/// For whom it is on.
fn effect(rule: &Rule) -> String {
    match rule {
        rule if rule.is_for_nobody() => t(Text::FlagForNobody).to_owned(),
        Rule::Roles { roles } => {
            let names: Vec<_> = roles.iter().map(|role| t(role_text(*role))).collect();
            fill(Text::FlagForRoles, &[("roles", &names.join(", "))])
        }
        Rule::Percent { share } if *share < 10_000 => {
            let percent = Amount::from_micros(i64::from(*share) * 10_000).as_entry();
            fill(Text::FlagForShare, &[("percent", &percent)])
        }
        _ => t(Text::FlagForAll).to_owned(),
    }
}

/// When it goes off by itself; empty: never.
fn safeguard_text(setting: &Setting) -> Option<String> {
    let errors = setting.safeguard.error_percent;
    let errors = errors.map(|percent| fill(Text::FlagErrorsOf, &[("percent", &percent.to_string())]));
    let spend = setting.safeguard.spend_micros;
    let spend = spend.map(|micros| fill(Text::FlagSpendOf, &[("cost", &dollars(micros))]));
    let limits: Vec<_> = errors.into_iter().chain(spend).collect();
    (!limits.is_empty()).then(|| fill(Text::FlagSafeguardAt, &[("limits", &limits.join(" / "))]))
}

/// All of a setting, in words.
pub(super) fn setting_text(setting: &Setting) -> String {
    let cap = setting.daily_cap_micros.map(|cap| format!("{}: {}", t(Text::FlagCap), dollars(cap)));
    let parts = [Some(effect(&setting.rule)), safeguard_text(setting), cap];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn card(row: FlagRow) -> impl IntoView {
    let FlagRow { name, label, status, changed_at, who, spent } = row;
    let rule = &status.setting.rule;
    let tone = if rule.is_for_nobody() {
        BadgeTone::Danger
    } else if rule.is_settled() {
        BadgeTone::Success
    } else {
        BadgeTone::Warning
    };
    let state = t(state_text(FlagState::of(rule)));
    let is_tripped = status.changed_by == Some(Actor::System) && rule.is_for_nobody();
    let is_stale = status.is_stale(now_millis());
    let effect = effect(rule);
    let changed = match changed_at {
        Some(at) => {
            let by = fill(Text::FlagChangedBy, &[("who", &who)]);
            view! { <span class="break-words">{by}</span> " · " <Timestamp at /> }.into_any()
        }
        None => t(Text::FlagNeverChanged).into_any(),
    };
    let cap = spent.map(|(cost, cap)| {
        let text = fill(Text::FlagSpentToday, &[("cost", &dollars(cost)), ("cap", &dollars(cap))]);
        let mark = if cost >= cap {
            Some((BadgeTone::Danger, Text::FlagCapReached))
        } else {
            (i128::from(cost) * 100 >= i128::from(cap) * 80).then_some((BadgeTone::Warning, Text::FlagCapNear))
        };
        view! {
            <p class="flex flex-wrap items-center gap-2">
                {text} {mark.map(|(tone, text)| view! { <Badge tone>{t(text)}</Badge> })}
            </p>
        }
    });
    let href = format!("/admin/flags?flag={name}");
    let id = name.clone();
    let edit = fill(Text::FlagEdit, &[("name", &label)]);
    view! {
        <li id=id class="flex min-w-0 flex-col gap-2 rounded-md border border-line bg-surface p-4 text-sm">
            <div class="flex flex-wrap items-center justify-between gap-2">
                <h2 class="min-w-0 text-base font-semibold break-words">{label}</h2>
                <span class="flex flex-wrap gap-1">
                    <Badge tone>{state}</Badge>
                    {is_tripped.then(|| view! { <Badge tone=BadgeTone::Danger>{t(Text::FlagTripped)}</Badge> })}
                    {is_stale
                        .then(|| {
                            view! {
                                <span title=t(Text::FlagStaleHint)>
                                    <Badge tone=BadgeTone::Warning>{t(Text::FlagStale)}</Badge>
                                </span>
                            }
                        })}
                </span>
            </div>
            <p>{effect}</p>
            {safeguard_text(&status.setting).map(|text| view! { <p class="text-ink-soft">{text}</p> })}
            {cap}
            <p class="text-ink-soft">{changed}</p>
            <div class="mt-auto flex flex-wrap items-center justify-between gap-2 pt-1">
                <code class="text-xs break-all text-ink-soft">{name}</code>
                <a
                    class="inline-flex h-9 items-center rounded-md border border-line-strong bg-surface px-3 font-medium hover:bg-sunken"
                    href=href
                    aria-label=edit
                >
                    {t(Text::ChangeFlag)}
                </a>
            </div>
        </li>
    }
}

/// What a state is called.
const fn state_text(state: FlagState) -> Text {
    match state {
        FlagState::On => Text::FlagOn,
        FlagState::Off => Text::FlagOff,
        FlagState::Roles => Text::FlagByRole,
        FlagState::Percent => Text::FlagByPercent,
    }
}

/// The form of one flag. It asks, and changes nothing yet.
fn edit_form(row: &FlagRow, form: &FlagForm) -> impl IntoView + use<> {
    let (flag, setting) = (row.status.flag, row.status.setting.clone());
    // What was typed and refused stays.
    let is_sent = !form.state.is_empty();
    let plain = |micros: i64| Amount::from_micros(micros).as_entry().replace(',', "");
    let or_typed = |typed: &String, own: Option<String>| if is_sent { typed.clone() } else { own.unwrap_or_default() };
    let state = or_typed(&form.state, Some(FlagState::of(&setting.rule).as_str().to_owned()));
    let own = match &setting.rule {
        Rule::Percent { share } => Some(plain(i64::from(*share) * 10_000)),
        _ => None,
    };
    let percent = or_typed(&form.percent, own);
    let errors = or_typed(&form.errors, setting.safeguard.error_percent.map(|percent| percent.to_string()));
    let spend = or_typed(&form.spend, setting.safeguard.spend_micros.map(plain));
    let cap = or_typed(&form.cap, setting.daily_cap_micros.map(plain));
    let has_role = |role: Role, typed: &String| {
        if is_sent {
            !typed.is_empty()
        } else {
            matches!(&setting.rule, Rule::Roles { roles } if roles.contains(&role))
        }
    };
    let (user, subscriber, admin) = (
        has_role(Role::User, &form.user),
        has_role(Role::Subscriber, &form.subscriber),
        has_role(Role::Admin, &form.admin),
    );
    let offered = FlagState::ALL
        .into_iter()
        .filter(|state| !flag.is_for_visitors() || matches!(state, FlagState::On | FlagState::Off));
    let choices: Vec<_> = offered.map(|state| Choice::new(state.as_str(), t(state_text(state)))).collect();
    let parts = (!flag.is_for_visitors()).then(|| {
        view! {
            <Field name="percent" id="percent" label=t(Text::FlagPercent) hint=t(Text::FlagPercentHint) value=percent />
            <fieldset class="space-y-1.5">
                <legend class="text-sm font-medium">{t(Text::FlagByRole)}</legend>
                <Checkbox name="user" id="role-user" label=t(role_text(Role::User)) checked=user />
                <Checkbox name="subscriber" id="role-subscriber" label=t(role_text(Role::Subscriber)) checked=subscriber />
                <Checkbox name="admin" id="role-admin" label=t(role_text(Role::Admin)) checked=admin />
            </fieldset>
        }
    });
    let safeguard = flag.is_measured().then(|| {
        view! {
            <Field name="errors" id="errors" label=t(Text::FlagErrorPercent) hint=t(Text::FlagErrorHint) value=errors />
            <Field name="spend" id="spend" label=t(Text::FlagSpend) value=spend />
        }
    });
    let cap = matches!(flag, Flag::Provider(_)).then(|| {
        view! { <Field name="cap" id="cap" label=t(Text::FlagCap) hint=t(Text::FlagCapHint) value=cap /> }
    });
    view! {
        <form method="get" action="/admin/flags" class="max-w-xl space-y-4">
            <input type="hidden" name="do" value="change" />
            <input type="hidden" name="flag" value=row.name.clone() />
            <input type="hidden" name="version" value=row.status.version.to_string() />
            <Select name="state" id="state" label=t(Text::FlagState) choices value=state />
            {parts}
            {safeguard}
            {cap}
            <div class="flex flex-wrap gap-2">
                <Button label=t(Text::ChangeFlag) kind="submit" variant=ButtonVariant::Primary />
                <Button label=t(Text::Cancel) href="/admin/flags" />
            </div>
        </form>
    }
}

/// The form of what is announced. It asks, and changes nothing yet.
fn announcement_form(item: AnnouncementItem, form: &FlagForm) -> impl IntoView + use<> {
    let is_sent = form.flag.is_empty() && !form.version.is_empty();
    let or_typed = |typed: &String, own: String| if is_sent { typed.clone() } else { own };
    let kind = if item.kind == AnnouncementKind::Warning { "warning" } else { "info" };
    let kind = or_typed(&form.kind, kind.to_owned());
    let (en, zh) = (or_typed(&form.en, item.en), or_typed(&form.zh, item.zh));
    let from = or_typed(&form.from, item.from.unwrap_or_default());
    let until = or_typed(&form.until, item.until.unwrap_or_default());
    let dismissible = if is_sent { !form.dismissible.is_empty() } else { item.dismissible || item.version == 0 };
    let kinds = [("info", Text::AnnouncementInfo), ("warning", Text::AnnouncementWarning)];
    view! {
        <section class="space-y-3">
            <h2 class="text-lg font-semibold">{t(Text::AnnouncementTitle)}</h2>
            <p class="text-sm text-ink-soft">{t(Text::AnnouncementExplained)}</p>
            <form method="get" action="/admin/flags" class="max-w-xl space-y-4">
                <input type="hidden" name="do" value="announce" />
                <input type="hidden" name="version" value=item.version.to_string() />
                <TextArea name="en" id="en" label=t(Text::AnnouncementEn) value=en max_chars=MAX_ANNOUNCEMENT_CHARS />
                <TextArea
                    name="zh"
                    id="zh"
                    label=t(Text::AnnouncementZh)
                    hint=Some(t(Text::AnnouncementZhHint))
                    value=zh
                    max_chars=MAX_ANNOUNCEMENT_CHARS
                />
                <Select
                    name="kind"
                    id="kind"
                    label=t(Text::AnnouncementKindLabel)
                    choices=kinds.map(|(value, text)| Choice::new(value, t(text))).to_vec()
                    value=kind
                />
                <div class="grid gap-3 sm:grid-cols-2">
                    <Field name="from" id="from" label=t(Text::AnnouncementFrom) hint=t(Text::AnnouncementTimeHint) value=from />
                    <Field name="until" id="until" label=t(Text::AnnouncementUntil) value=until />
                </div>
                <Checkbox name="dismissible" id="dismissible" label=t(Text::AnnouncementDismissible) checked=dismissible />
                <Button label=t(Text::Save) kind="submit" variant=ButtonVariant::Primary />
            </form>
        </section>
    }
}
