//! The views of a list that an admin keeps: links, and the forms that keep one and keep it no longer. `POST /admin/views`.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use serde::Deserialize;

use super::visitor::Visitor;
use crate::account::server::forms::PageForm;
use crate::admin::server::Admin;
use crate::admin::server::views::{NAME_CHARS, SavedView, ViewedList};
use crate::document::response::error_page;
use crate::i18n::{Text, fill, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::query;
use crate::ui::{Button, Field};

const PATH: &str = "/admin/views";

/// What forms send: what is to be done with which view, and the fields of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ViewForm {
    /// `save` or `remove`.
    #[serde(rename = "do")]
    task: String,
    list: String,
    name: String,
    q: String,
    role: String,
    status: String,
    sort: String,
    provider: String,
    model: String,
    user: String,
    key: String,
    outcome: String,
}

impl ViewForm {
    /// The address of the list with the fields that it has.
    fn address(&self, list: ViewedList) -> String {
        let Self { q, role, status, sort, provider, model, user, key, outcome, .. } = self;
        match list {
            ViewedList::Users => {
                query::address(list.path(), &[("q", q), ("role", role), ("status", status), ("sort", sort)])
            }
            ViewedList::Attempts => query::address(
                list.path(),
                &[("provider", provider), ("model", model), ("user", user), ("key", key), ("outcome", outcome)],
            ),
        }
    }
}

/// `POST /admin/views`.
pub async fn submit(State(admin): State<Admin>, visitor: Visitor, PageForm(form): PageForm<ViewForm>) -> Response {
    match change(&admin, &visitor, &form).await {
        Ok(address) => Redirect::to(&address).into_response(),
        Err(error) => error_page(&visitor.site, visitor.theme, &error),
    }
}

/// Where to go after it.
async fn change(admin: &Admin, visitor: &Visitor, form: &ViewForm) -> AppResult<String> {
    let list = ViewedList::parse(&form.list).ok_or(AppError::NotFound)?;
    match &*form.task {
        "save" => {
            let address = form.address(list);
            let view = SavedView { name: form.name.clone(), address: address.clone() };
            admin.save_view(visitor.by, list, view).await?;
            Ok(address)
        }
        "remove" => {
            admin.remove_view(visitor.by, list, &form.name).await?;
            Ok(list.path().to_owned())
        }
        _ => Err(AppError::NotFound),
    }
}

/// Links to the views that are kept, and the form that keeps this one, which has these fields.
pub fn views(list: ViewedList, saved: Vec<SavedView>, fields: &[(&'static str, &str)]) -> AnyView {
    let here = query::address(list.path(), fields);
    let link = |SavedView { name, address }: SavedView| {
        let label = fill(Text::RemoveView, &[("name", &name)]);
        let current = (address == here).then_some("true");
        view! {
            <li class="flex items-center gap-1 rounded-md border border-line bg-surface pl-3">
                <a class="text-sm break-words text-accent underline aria-[current=true]:font-semibold" href=address aria-current=current>
                    {name.clone()}
                </a>
                <form method="post" action=PATH>
                    <input type="hidden" name="do" value="remove" />
                    <input type="hidden" name="list" value=list.as_str() />
                    <input type="hidden" name="name" value=name />
                    <button
                        type="submit"
                        aria-label=label.clone()
                        title=label
                        class="inline-flex size-9 items-center justify-center rounded-md text-ink-soft hover:bg-sunken hover:text-ink"
                    >
                        "×"
                    </button>
                </form>
            </li>
        }
    };
    let links: Vec<_> = saved.into_iter().map(link).collect();
    let hidden = |(name, value): &(&'static str, &str)| {
        view! { <input type="hidden" name=*name value=(*value).to_owned() /> }
    };
    view! {
        <section class="space-y-2" aria-labelledby="views-title">
            <h2 id="views-title" class="text-sm font-medium">{t(Text::SavedViews)}</h2>
            {(!links.is_empty()).then(|| view! { <ul class="flex flex-wrap gap-2">{links}</ul> })}
            <form method="post" action=PATH class="flex flex-wrap items-end gap-3">
                <input type="hidden" name="do" value="save" />
                <input type="hidden" name="list" value=list.as_str() />
                {fields.iter().map(hidden).collect::<Vec<_>>()}
                <Field name="name" id="view-name" label=t(Text::ViewName) required=true max_chars=NAME_CHARS />
                <Button label=t(Text::SaveView) kind="submit" />
            </form>
        </section>
    }
    .into_any()
}
