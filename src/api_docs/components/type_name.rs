//! What kind of value it is, in a few words.

use leptos::prelude::*;
use utoipa::openapi::schema::{ArrayItems, KnownFormat, Object, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use super::super::page::{name_of, title_of};

/// The type of a value, with links to the types that the page describes.
#[component]
pub fn TypeName(
    /// What is said of the value.
    schema: &'static RefOr<Schema>,
) -> AnyView {
    match schema {
        RefOr::Ref(to) => {
            let name = name_of(to);
            view! {
                <a class="text-accent underline underline-offset-2" href=format!("#type-{name}")>
                    {title_of(name)}
                </a>
            }
            .into_any()
        }
        RefOr::T(Schema::Array(array)) => match &array.items {
            ArrayItems::RefOrSchema(items) => view! { "list of " <TypeName schema=items.as_ref() /> }.into_any(),
            ArrayItems::False => "list".into_any(),
        },
        RefOr::T(Schema::Object(object)) => words_for(object).into_any(),
        RefOr::T(Schema::OneOf(choice)) => choose(&choice.items),
        RefOr::T(Schema::AnyOf(choice)) => choose(&choice.items),
        RefOr::T(_) => "object".into_any(),
    }
}

fn choose(items: &'static [RefOr<Schema>]) -> AnyView {
    let choices = items.iter().enumerate().map(|(number, schema)| {
        view! {
            {(number > 0).then_some(" or ")}
            <TypeName schema />
        }
    });
    choices.collect::<Vec<_>>().into_any()
}

fn words_for(object: &Object) -> String {
    if let Some(values) = &object.enum_values {
        return values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    }
    let word = |kind: &Type| match kind {
        Type::Object => "object",
        Type::String => match &object.format {
            Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)) => "UUID",
            _ => "string",
        },
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "boolean",
        Type::Array => "list",
        Type::Null => "null",
    };
    match &object.schema_type {
        SchemaType::Type(kind) => word(kind).to_owned(),
        SchemaType::Array(kinds) => kinds.iter().map(word).collect::<Vec<_>>().join(" or "),
        SchemaType::AnyValue => "anything".to_owned(),
    }
}
