//! JSON answers that take their time: white space, which JSON may begin with, keeps a connection alive that a proxy would
//! close for its silence. And answers of which it matters whether the connection took them.

use std::io;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use serde::Serialize;
use tokio::time::{Instant, sleep, sleep_until};

use super::envelope::{KEEP_ALIVE, UNCHANGED};
use super::request_id::{current_request_id, in_request};
use crate::i18n::{current_language, in_language};
use crate::platform::error::{AppError, AppResult};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Marks an answer whose bytes leave as they come.
#[derive(Debug, Clone, Copy)]
struct Unbuffered;

/// Whether the bytes of an answer may be held back until there are more, as compression does.
#[must_use]
pub fn may_be_buffered(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<Unbuffered>().is_none()
}

/// An answer on its way.
enum Slow {
    /// White space is due.
    Silent(BoxFuture<'static, Response>),
    Waiting(BoxFuture<'static, Response>),
    Coming(BodyDataStream),
}

/// The answer of `work`. From [`KEEP_ALIVE`] after `begun` on, white space is sent until it is there: what fails after that
/// says so in the body of a 200.
///
/// `work` goes on as long as the connection is there, and is dropped with it.
pub async fn keep_alive<W>(begun: Instant, work: W) -> Response
where
    W: Future<Output = Response> + Send + 'static,
{
    // It may have to go on outside of the handler.
    let mut work = in_request(current_request_id(), in_language(current_language(), work)).boxed();
    tokio::select! {
        biased;
        response = &mut work => return response,
        () = sleep_until(begun + KEEP_ALIVE) => {}
    }
    let frames = stream::unfold(Slow::Silent(work), |slow| async move {
        const SPACE: Bytes = Bytes::from_static(b" ");
        let mut work = match slow {
            Slow::Silent(work) => return Some((Ok(SPACE), Slow::Waiting(work))),
            Slow::Waiting(work) => work,
            Slow::Coming(mut rest) => return rest.next().await.map(|frame| (frame, Slow::Coming(rest))),
        };
        tokio::select! {
            biased;
            response = &mut work => {
                let mut rest = response.into_body().into_data_stream();
                rest.next().await.map(|frame| (frame, Slow::Coming(rest)))
            }
            () = sleep(KEEP_ALIVE) => Some((Ok(SPACE), Slow::Waiting(work))),
        }
    });
    let mut response = Body::from_stream(frames).into_response();
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(UNCHANGED));
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response.extensions_mut().insert(Unbuffered);
    response
}

/// JSON that leaves in one piece when the connection asks for it and `take` agrees; else the connection breaks off.
///
/// # Errors
/// [`AppError::Internal`] for what is no JSON.
pub fn json_once_taken<T, F, Fut>(value: &T, take: F) -> AppResult<Response>
where
    T: Serialize,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = bool> + Send + 'static,
{
    let json = serde_json::to_vec(value).map_err(|_| AppError::Internal)?;
    let length = json.len();
    let body = async move { if take().await { Ok(json) } else { Err(io::Error::other("the answer was given up")) } };
    Ok(([(CONTENT_TYPE, JSON), (CONTENT_LENGTH, length.into())], Body::from_stream(stream::once(body))).into_response())
}
