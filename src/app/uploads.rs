//! Who may send a large body: it is asked before a byte of it is read.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::EXPECT;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;

use super::features;
use super::state::AppState;
use crate::account::server::caller::Caller;
use crate::chat::server::api::MAX_BODY;
use crate::images::server::avatar::AVATAR;
use crate::images::server::webhook;
use crate::openai_api::V1Error;
use crate::openai_api::api::is_v1;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::ApiError;
use crate::platform::http::uploads::{UploadPermit, Uploads, discard};
use crate::platform::limits::Limit;

/// The largest bodies that are in memory at once. What is made of one takes up to three times as much.
const BODIES: usize = 2;
/// The same for reports of other services, which are small, and sent by anybody.
const REPORTS: usize = 8;

/// The doors for large bodies.
#[derive(Clone)]
pub struct Doors(Arc<Inner>);

struct Inner {
    state: AppState,
    /// What is larger needs a permit.
    small: usize,
    uploads: Uploads,
    upload_paths: HashSet<String>,
    reports: Uploads,
    report_paths: HashSet<String>,
}

impl Doors {
    /// Those of all routes that take more than `small` bytes.
    #[must_use]
    pub fn new(state: &AppState, small: usize) -> Self {
        let paths =
            |routes: OpenApiRouter<AppState>| routes.into_openapi().paths.paths.into_keys().collect::<HashSet<_>>();
        let mut upload_paths = paths(features::upload_routes());
        // Forms are in no description.
        upload_paths.insert(AVATAR.to_owned());
        Self(Arc::new(Inner {
            state: state.clone(),
            small,
            uploads: Uploads::new(MAX_BODY, BODIES),
            upload_paths,
            reports: Uploads::new(webhook::MAX_BODY, REPORTS),
            report_paths: paths(features::webhook_routes()),
        }))
    }

    async fn admit(&self, request: &Parts, length: Option<u64>) -> AppResult<Option<UploadPermit>> {
        let Inner { state, small, uploads, upload_paths, reports, report_paths } = &*self.0;
        let path = request.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let is_small = length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length <= *small));
        if is_small {
            return Ok(None);
        }
        if report_paths.contains(path) {
            return reports.admit(None, length).await.map(Some);
        }
        if !upload_paths.contains(path) {
            // Its own limit, which is `small`, refuses it.
            return Ok(None);
        }
        let caller = Caller::from_headers(&state.account, &request.headers).await?;
        // Valid or not: reading it is work.
        state.generation.limiter.check(Limit::Upload, &caller.id.to_string()).await?;
        uploads.admit(Some(caller.id), length).await.map(Some)
    }
}

/// Lets a large body in only with a permit, which goes with it.
pub async fn admit(State(doors): State<Doors>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let length = request.body().size_hint().exact();
    let (mut parts, body) = request.into_parts();
    match doors.admit(&parts, length).await {
        Ok(permit) => {
            if let Some(permit) = permit {
                parts.extensions.insert(permit);
            }
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => {
            // Who asks before sending has not sent it.
            if !parts.headers.contains_key(EXPECT) {
                discard(body);
            }
            refuse(error, is_v1(parts.uri.path()))
        }
    }
}

/// An error as the clients of this route know it.
pub fn refuse(error: AppError, is_v1: bool) -> Response {
    if is_v1 { V1Error::from(error).into_response() } else { ApiError(error).into_response() }
}
