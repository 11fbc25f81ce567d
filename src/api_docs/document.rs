//! What the whole API has in common: who may ask, what can go wrong, which headers there are.

use std::sync::OnceLock;

use axum::body::Bytes;
use leptos::prelude::expect_context;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::info::{InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, Ref, RefOr, Required, SecurityRequirement, Server, Tag};
use utoipa::{PartialSchema, ToSchema};

use super::refusals::{MESSAGES, Spending, V1, header, references, responses};
use crate::openai_api::messages::{self, MessagesFailure, MessagesProblem};
use crate::openai_api::schemas::{V1Failure, V1Problem};
use crate::platform::http::envelope::Failure;

/// The groups of operations, in the order in which they are read. Every operation is in one.
const TAGS: [(&str, &str); 10] = [
    ("Accounts", "Sign up, sign in, and get the current user."),
    (
        "API keys",
        "Keys let programs spend a user's credits. They are created and revoked in a session, not with a key.",
    ),
    ("Chat", "Send messages, follow and stop replies."),
    ("Images", "Create, follow, find and delete images."),
    ("Conversations", "List, read, update, branch, share, export and delete conversations."),
    ("Credits", "Balance and transactions."),
    ("OpenAI-compatible API", "OpenAI-compatible endpoints: use `/v1` as the base URL, and an API key."),
    ("Anthropic-compatible API", "Anthropic-compatible endpoints: the address of the server, and an API key."),
    ("Admin", "For admins who are signed in; no API key can use it."),
    (OPERATIONS, "For the operator of the server."),
];
/// Operations that are no part of the API proper: they have none of its errors.
const OPERATIONS: &str = "Operations";
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The reference as it is served.
pub struct Reference {
    /// For the page.
    pub document: OpenApi,
    /// The same, ready to be sent.
    pub json: Bytes,
}

impl Reference {
    /// It is the same for everybody and never changes: `routes` is asked once in a process.
    pub fn of(routes: fn() -> OpenApi) -> &'static Self {
        static REFERENCE: OnceLock<Reference> = OnceLock::new();
        REFERENCE.get_or_init(|| {
            let document = describe(routes());
            // It is made of strings and numbers: that does not fail.
            Reference { json: document.to_json().unwrap_or_default().into(), document }
        })
    }

    /// The one that the page shows.
    pub fn get() -> &'static Self {
        expect_context()
    }
}

/// Completes what the routes say of themselves.
fn describe(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("Tessera")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(include_str!("introduction.md")))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    api.servers = Some(vec![Server::new("/")]);
    api.tags = Some(
        TAGS.map(|(name, description)| {
            let mut tag = Tag::new(name);
            tag.description = Some(description.to_owned());
            tag
        })
        .to_vec(),
    );
    api.security =
        Some(["session", "key"].map(|name| SecurityRequirement::new::<_, [String; 0], String>(name, [])).to_vec());
    add_components(api.components.get_or_insert_default());
    // What Axum calls a parameter with slashes has no name of its own there.
    api.paths.paths =
        std::mem::take(&mut api.paths.paths).into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    for (path, item) in &mut api.paths.paths {
        for (operation, reads) in operations(item) {
            complete(path, operation, reads);
        }
    }
    api
}

fn add_components(components: &mut Components) {
    components.schemas.insert(Failure::name().into_owned(), Failure::schema());
    components.schemas.insert(V1Failure::name().into_owned(), V1Failure::schema());
    components.schemas.insert(V1Problem::name().into_owned(), V1Problem::schema());
    components.schemas.insert(MessagesFailure::name().into_owned(), MessagesFailure::schema());
    components.schemas.insert(MessagesProblem::name().into_owned(), MessagesProblem::schema());
    components.responses = responses();
    let seconds = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
    let headers = [
        ("RateLimit-Limit", "How many requests a minute are allowed."),
        ("RateLimit-Remaining", "How many may be sent at once from now."),
        ("RateLimit-Reset", "Seconds until all are back; with 429, until the next may be sent."),
        ("Retry-After", "Seconds to wait before asking again."),
    ];
    components.headers = headers
        .map(|(name, text)| {
            let header = HeaderBuilder::new().schema(Some(seconds())).description(Some(text)).build();
            (name.to_owned(), RefOr::T(header))
        })
        .into();
    let key = ParameterBuilder::new()
        .name(IDEMPOTENCY_KEY)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The same key with the same body within 24 hours gives the same answer and one charge; with another body it is \
             refused.",
        ))
        .schema(Some(
            ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255)),
        ))
        .build();
    components.parameters.insert(IDEMPOTENCY_KEY.to_owned(), key.into());
    let cookie = ApiKeyValue::with_description(
        "tessera_session",
        "Set by signing in. Over https its name begins with `__Host-`.",
    );
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("tsk_…")
        .description(Some("An API key."))
        .build();
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme("key", SecurityScheme::Http(bearer));
}

/// All that a path takes, and whether it only reads.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&mut Operation, bool)> {
    let others = [&mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
    let others = others.into_iter().flatten().map(|operation| (operation, false));
    item.get.as_mut().map(|operation| (operation, true)).into_iter().chain(others)
}

/// Adds what follows from what the operation is.
fn complete(path: &str, operation: &mut Operation, reads: bool) {
    if operation.tags.iter().flatten().any(|tag| tag == OPERATIONS) {
        return;
    }
    let has_body = operation.request_body.is_some();
    let has_parameters = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.parameter_in != ParameterIn::Path,
        RefOr::Ref(_) => true,
    });
    // `security(())` is an empty requirement: anybody.
    let needs_user = operation.security.as_ref().is_none_or(|needs| !needs.contains(&SecurityRequirement::default()));
    let spends = operation.responses.responses.contains_key(&Spending::STATUS.to_string());
    // One that names who may is for people only, or for anybody.
    let is_for_keys = needs_user && operation.security.is_none();
    let statuses = [
        (400, has_body || has_parameters),
        (401, needs_user),
        (403, is_for_keys),
        (404, path.contains('{')),
        (429, is_for_keys && reads),
        (413, has_body),
        (415, has_body),
        (500, true),
        (503, true),
    ];
    let statuses: Vec<u16> = statuses.into_iter().filter(|(_, applies)| *applies).map(|(status, _)| status).collect();
    if spends {
        let key = Ref::new(format!("#/components/parameters/{IDEMPOTENCY_KEY}"));
        operation.parameters.get_or_insert_default().push(RefOr::Ref(key));
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response
                && status.starts_with('2')
            {
                for name in ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"] {
                    response.headers.insert(name.to_owned(), RefOr::Ref(header(name)));
                }
            }
        }
    }
    for (status, response) in references(&statuses) {
        operation.responses.responses.entry(status).or_insert(response);
    }
    if path.starts_with("/v1/") {
        let shape = if messages::is_path(path) { MESSAGES } else { V1 };
        for (status, response) in &mut operation.responses.responses {
            if matches!(response, RefOr::Ref(_)) {
                *response = Ref::from_response_name(format!("{shape}{status}")).into();
            }
        }
    }
}
