//! One operation: what it takes, what it answers, and how to try it.

use leptos::prelude::*;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::{RefOr, Response, Schema};

use super::example::Example;
use super::fields::{Field, FieldList};
use super::{Fields, Prose};
use crate::api_docs::page::{Access, Entry, content_of, name_of, payload_of};
use crate::ui::{Badge, BadgeTone};

/// An operation.
#[component]
pub fn OperationSection(
    /// The operation.
    entry: &'static Entry,
    /// Where this server is.
    base: String,
) -> impl IntoView {
    let tone = match entry.method {
        "POST" => BadgeTone::Success,
        "PUT" | "PATCH" => BadgeTone::Warning,
        "DELETE" => BadgeTone::Danger,
        _ => BadgeTone::Neutral,
    };
    let parameters: Vec<_> = entry.parameters().filter_map(field_of).collect();
    let (errors, answers): (Vec<_>, Vec<_>) =
        entry.operation.responses.responses.iter().partition(|(_, response)| matches!(response, RefOr::Ref(_)));
    view! {
        <section class="space-y-4 border-t border-line pt-6" aria-labelledby=entry.id()>
            <div class="space-y-1">
                <h3 id=entry.id() class="scroll-mt-4 text-lg font-semibold">
                    {entry.summary()}
                </h3>
                <p class="flex flex-wrap items-center gap-2">
                    <Badge tone>{entry.method}</Badge>
                    <code class="min-w-0 text-sm break-all">{entry.path}</code>
                    <Badge>
                        {match entry.access() {
                            Access::Anybody => "anybody",
                            Access::Session => "session",
                            Access::User => "session or API key",
                        }}
                    </Badge>
                </p>
            </div>
            {entry.operation.description.as_deref().map(|text| view! { <Prose text /> })}
            {(!parameters.is_empty())
                .then(|| {
                    view! {
                        <div class="space-y-2">
                            <h4 class="text-sm font-medium">"Parameters"</h4>
                            <FieldList fields=parameters />
                        </div>
                    }
                })}
            {entry
                .body()
                .map(|schema| {
                    view! {
                        <div class="space-y-2">
                            <h4 class="text-sm font-medium">"Body"</h4>
                            <Fields schema />
                        </div>
                    }
                })}
            {answers.into_iter().map(|(status, response)| view! { <Answer status response /> }).collect::<Vec<_>>()}
            {(!errors.is_empty())
                .then(|| {
                    view! {
                        <p class="flex flex-wrap gap-x-2 text-sm text-ink-soft">
                            "Errors:"
                            {errors
                                .into_iter()
                                .map(|(status, response)| {
                                    let RefOr::Ref(to) = response else { return None };
                                    Some(view! {
                                        <a
                                            class="underline underline-offset-2 hover:text-ink"
                                            href=format!("#{}", name_of(to).to_lowercase())
                                        >
                                            {status.as_str()}
                                        </a>
                                    })
                                })
                                .collect::<Vec<_>>()}
                        </p>
                    }
                })} <Example entry base />
        </section>
    }
}

/// A successful answer, unfolded on demand.
#[component]
fn Answer(
    /// The HTTP status.
    status: &'static str,
    /// What it says.
    response: &'static RefOr<Response>,
) -> impl IntoView {
    let RefOr::T(response) = response else { return ().into_any() };
    let heading = view! {
        <span class="font-medium">{status}</span>
        " "
        {response.description.as_str()}
    };
    let bodies: Vec<_> = response
        .content
        .iter()
        .filter_map(|(kind, content)| Some((kind.as_str(), payload_of(content_of(content)?.schema.as_ref()?)?)))
        .collect();
    if bodies.is_empty() {
        return view! { <p class="text-sm">{heading}</p> }.into_any();
    }
    let body = |(kind, (is_data, schema)): (&'static str, (bool, &'static RefOr<Schema>))| {
        view! {
            <div class="space-y-2">
                <p class="text-sm text-ink-soft">
                    <code>{kind}</code>
                    {is_data.then(|| view! { ", in " <code>"data"</code> })}
                </p>
                <Fields schema />
            </div>
        }
    };
    view! {
        <details class="group">
            <summary class="rounded-md py-1 text-sm">{heading}</summary>
            <div class="space-y-4 pt-2">{bodies.into_iter().map(body).collect::<Vec<_>>()}</div>
        </details>
    }
    .into_any()
}

fn field_of(parameter: &'static utoipa::openapi::path::Parameter) -> Option<Field> {
    Some(Field {
        name: &parameter.name,
        schema: parameter.schema.as_ref()?,
        description: parameter.description.as_deref().unwrap_or_default(),
        is_required: parameter.required == utoipa::openapi::Required::True,
        place: match parameter.parameter_in {
            ParameterIn::Path => "in the path",
            ParameterIn::Query | ParameterIn::QueryString => "in the query",
            ParameterIn::Header => "a header",
            ParameterIn::Cookie => "a cookie",
        },
    })
}
