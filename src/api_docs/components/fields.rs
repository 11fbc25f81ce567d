//! The fields of an object.

use leptos::prelude::*;
use utoipa::openapi::{RefOr, Schema};

use super::Prose;
use super::type_name::TypeName;
use crate::api_docs::page::resolve;

/// One field, or one parameter.
pub struct Field {
    pub name: &'static str,
    pub schema: &'static RefOr<Schema>,
    pub description: &'static str,
    pub is_required: bool,
    /// Where it goes, if not into the body.
    pub place: &'static str,
}

/// The fields of a type, or the type itself if it is no object.
#[component]
pub fn Fields(
    /// The type.
    schema: &'static RefOr<Schema>,
) -> AnyView {
    match resolve(schema) {
        Some(Schema::OneOf(choice)) if choice.items.iter().all(|item| !fields_of(item).is_empty()) => {
            let choices = choice.items.iter().map(|item| view! { <FieldList fields=fields_of(item) /> });
            choices.collect::<Vec<_>>().into_any()
        }
        _ => {
            let fields = fields_of(schema);
            if fields.is_empty() {
                view! {
                    <p class="text-sm">
                        <TypeName schema />
                    </p>
                }
                .into_any()
            } else {
                view! { <FieldList fields /> }.into_any()
            }
        }
    }
}

/// Names and what they mean.
#[component]
pub fn FieldList(
    /// What is listed.
    fields: Vec<Field>,
) -> impl IntoView {
    let row = |field: Field| {
        view! {
            <div class="gap-4 py-2 sm:grid sm:grid-cols-[11rem_minmax(0,1fr)]">
                <dt class="text-sm break-words">
                    <code class="font-medium">{field.name}</code>
                    {field.is_required.then(|| view! { <span class="pl-2 text-xs text-ink-soft">"required"</span> })}
                </dt>
                <dd class="min-w-0 space-y-1 text-sm">
                    <p class="break-words text-ink-soft">
                        <TypeName schema=field.schema />
                        {(!field.place.is_empty()).then(|| view! { ", " {field.place} })}
                    </p>
                    {(!field.description.is_empty()).then(|| view! { <Prose text=field.description /> })}
                </dd>
            </div>
        }
    };
    view! {
        <dl class="divide-y divide-line rounded-md border border-line bg-surface px-4 py-1">
            {fields.into_iter().map(row).collect::<Vec<_>>()}
        </dl>
    }
}

/// The fields of an object, with those of the parts that it is made of.
fn fields_of(schema: &'static RefOr<Schema>) -> Vec<Field> {
    match resolve(schema) {
        Some(Schema::Object(object)) => object
            .properties
            .iter()
            .map(|(name, schema)| Field {
                name,
                schema,
                description: description_of(schema),
                is_required: object.required.contains(name),
                place: "",
            })
            .collect(),
        Some(Schema::AllOf(whole)) => whole.items.iter().flat_map(fields_of).collect(),
        _ => Vec::new(),
    }
}

/// What is said of a type or a field.
pub fn description_of(schema: &'static RefOr<Schema>) -> &'static str {
    let description = match schema {
        RefOr::Ref(to) => return &to.description,
        RefOr::T(Schema::Array(schema)) => &schema.description,
        RefOr::T(Schema::Object(schema)) => &schema.description,
        RefOr::T(Schema::OneOf(schema)) => &schema.description,
        RefOr::T(Schema::AllOf(schema)) => &schema.description,
        RefOr::T(Schema::AnyOf(schema)) => &schema.description,
        RefOr::T(_) => &None,
    };
    description.as_deref().unwrap_or_default()
}
