//! `/api/docs`: the document as a page, without a script.

use std::sync::LazyLock;

use leptos::prelude::*;
use serde_json::Value;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::{Content, Ref, RefOr, Schema, SecurityRequirement};

use super::Reference;
use super::components::{Contents, ErrorTable, Fields, OperationSection, Prose};
use super::refusals::{MESSAGES, V1};
use crate::ui::Button;

/// An operation at its address.
pub struct Entry {
    pub method: &'static str,
    pub path: &'static str,
    pub operation: &'static Operation,
}

/// Operations that belong together.
pub struct Group {
    pub name: &'static str,
    description: &'static str,
    pub entries: Vec<Entry>,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Anybody,
    /// A person who has signed in.
    Session,
    /// A person, or a program with an API key.
    User,
}

impl Entry {
    /// Where the page has it.
    pub fn id(&self) -> &'static str {
        self.operation.operation_id.as_deref().unwrap_or_default()
    }

    pub fn summary(&self) -> &'static str {
        let summary = self.operation.summary.as_deref().unwrap_or(self.path);
        summary.strip_suffix('.').unwrap_or(summary)
    }

    pub fn access(&self) -> Access {
        match &self.operation.security {
            None => Access::User,
            Some(needs) if needs.contains(&SecurityRequirement::default()) => Access::Anybody,
            Some(_) => Access::Session,
        }
    }

    /// What the path, the query and the headers take.
    pub fn parameters(&self) -> impl Iterator<Item = &'static Parameter> {
        let shared = Reference::get().document.components.as_ref().map(|components| &components.parameters);
        self.operation.parameters.iter().flatten().filter_map(move |parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(to) => match shared?.get(name_of(to))? {
                RefOr::T(parameter) => Some(parameter),
                RefOr::Ref(_) => None,
            },
        })
    }

    pub fn has_body(&self) -> bool {
        self.operation.request_body.is_some()
    }

    pub fn body(&self) -> Option<&'static RefOr<Schema>> {
        self.json()?.schema.as_ref()
    }

    /// A body that works.
    pub fn example(&self) -> Option<&'static Value> {
        self.json()?.example.as_ref()
    }

    fn json(&self) -> Option<&'static Content> {
        match self.operation.request_body.as_ref()? {
            RefOr::T(body) => content_of(body.content.get("application/json")?),
            RefOr::Ref(_) => None,
        }
    }
}

/// The page, group by group.
fn groups() -> &'static [Group] {
    static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| {
        let document = &Reference::get().document;
        let entries = || {
            document.paths.paths.iter().flat_map(|(path, item)| {
                let methods = [
                    ("GET", &item.get),
                    ("POST", &item.post),
                    ("PUT", &item.put),
                    ("PATCH", &item.patch),
                    ("DELETE", &item.delete),
                ];
                methods
                    .into_iter()
                    .filter_map(move |(method, operation)| Some(Entry { method, path, operation: operation.as_ref()? }))
            })
        };
        let of_tag = |name: &str| {
            entries().filter(|entry| entry.operation.tags.iter().flatten().any(|tag| tag == name)).collect()
        };
        let tags = document.tags.iter().flatten();
        tags.map(|tag| Group {
            name: &tag.name,
            description: tag.description.as_deref().unwrap_or_default(),
            entries: of_tag(&tag.name),
        })
        .collect()
    });
    &GROUPS
}

/// What an address on this page is made of.
pub fn anchor_of(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

/// The name at the end of a reference.
pub fn name_of(to: &Ref) -> &str {
    to.ref_location.rsplit('/').next().unwrap_or_default()
}

/// How the page calls a type: generic ones are named after what they hold.
pub fn title_of(name: &str) -> String {
    name.replace('_', " of ")
}

/// The type that is meant.
pub fn resolve(schema: &'static RefOr<Schema>) -> Option<&'static Schema> {
    match schema {
        RefOr::T(schema) => Some(schema),
        RefOr::Ref(to) => resolve(Reference::get().document.components.as_ref()?.schemas.get(name_of(to))?),
    }
}

pub fn content_of(content: &'static RefOr<Content>) -> Option<&'static Content> {
    match content {
        RefOr::T(content) => Some(content),
        RefOr::Ref(_) => None,
    }
}

/// What is in an answer, and whether it is in an envelope; `None` if it is an empty one.
pub fn payload_of(schema: &'static RefOr<Schema>) -> Option<(bool, &'static RefOr<Schema>)> {
    let is_enveloped = matches!(schema, RefOr::Ref(to) if is_envelope(name_of(to)));
    match resolve(schema) {
        Some(Schema::Object(envelope)) if is_enveloped => {
            let data = envelope.properties.get("data")?;
            let is_empty = matches!(resolve(data), Some(Schema::Object(data)) if data.properties.is_empty());
            (!is_empty).then_some((true, data))
        }
        _ => Some((false, schema)),
    }
}

fn is_envelope(name: &str) -> bool {
    name.starts_with("Envelope_")
}

/// The body of the page.
#[component]
pub fn ReferencePage(
    /// Where this server is.
    base: String,
) -> impl IntoView {
    let document = &Reference::get().document;
    let section = |group: &'static Group| {
        let entries = group.entries.iter().map(|entry| view! { <OperationSection entry base=base.clone() /> });
        view! {
            <section class="space-y-8" aria-labelledby=anchor_of(group.name)>
                <div class="space-y-2">
                    <h2 id=anchor_of(group.name) class="scroll-mt-4 text-2xl font-semibold tracking-tight">
                        {group.name}
                    </h2>
                    <p class="text-ink-soft">{group.description}</p>
                </div>
                {entries.collect::<Vec<_>>()}
            </section>
        }
    };
    let types = document.components.iter().flat_map(|components| &components.schemas);
    let kind = |(name, schema): (&'static String, &'static RefOr<Schema>)| {
        view! {
            // No landmark: a type may be called as its group is.
            <div class="space-y-2">
                <h3 id=format!("type-{name}") class="scroll-mt-4 font-semibold">
                    {title_of(name)}
                </h3>
                <Fields schema />
            </div>
        }
    };
    let groups = groups();
    view! {
        <div class="mx-auto grid w-full max-w-5xl grid-cols-1 gap-10 px-4 pt-6 pb-20 sm:px-6 lg:grid-cols-[14rem_minmax(0,1fr)]">
            <nav class="sticky top-6 hidden max-h-[calc(100dvh-3rem)] self-start overflow-y-auto lg:block" aria-label="Contents">
                <Contents groups />
            </nav>
            <div class="min-w-0 space-y-16">
                <div class="space-y-6">
                    <h1 class="text-3xl font-semibold tracking-tight">"HTTP API"</h1>
                    <Prose text=document.info.description.as_deref().unwrap_or_default() class="max-w-prose" />
                    <Button href="/api/openapi.json" label="OpenAPI document" />
                    <details class="rounded-md border border-line bg-surface px-4 py-2 lg:hidden">
                        <summary class="py-1 font-medium">"Contents"</summary>
                        <nav class="pt-3 pb-2" aria-label="Contents">
                            <Contents groups />
                        </nav>
                    </details>
                </div>
                {groups.iter().map(section).collect::<Vec<_>>()}
                <section class="space-y-4" aria-labelledby="errors">
                    <h2 id="errors" class="scroll-mt-4 text-2xl font-semibold tracking-tight">
                        "Errors"
                    </h2>
                    <ErrorTable prefix="Error" label="Errors by status" />
                    <h3 class="font-semibold">"OpenAI-compatible API"</h3>
                    <ErrorTable prefix=V1 label="Errors for clients of OpenAI" />
                    <h3 class="font-semibold">"Anthropic-compatible API"</h3>
                    <ErrorTable prefix=MESSAGES label="Errors for clients of Anthropic" />
                </section>
                <section class="space-y-8" aria-labelledby="types">
                    <h2 id="types" class="scroll-mt-4 text-2xl font-semibold tracking-tight">
                        "Types"
                    </h2>
                    {types.filter(|(name, _)| !is_envelope(name)).map(kind).collect::<Vec<_>>()}
                </section>
            </div>
        </div>
    }
}
