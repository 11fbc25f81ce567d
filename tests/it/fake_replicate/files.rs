//! Where the files of the predictions are. No token belongs here.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use tessera::images::AspectRatio;

use super::{Prediction, Seen, directive, refusal};

/// A PNG of 50,000 × 50,000 pixels, as its header says. The checksums are right.
const HUGE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xC3P\0\0\xC3P\x08\x02\0\0\0\xC4\xCD\xAA\x9D\0\0\0\x01IDATx\x76\xE6\x84\xE6";

pub async fn stray(State(seen): State<Arc<Seen>>) -> Response {
    seen.strays.fetch_add(1, Ordering::SeqCst);
    ([(CONTENT_TYPE, "image/png")], "\u{89}PNG").into_response()
}

pub async fn deliver(
    State(seen): State<Arc<Seen>>,
    Path((id, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    seen.downloads.fetch_add(1, Ordering::SeqCst);
    if headers.contains_key(AUTHORIZATION) {
        seen.leaks.fetch_add(1, Ordering::SeqCst);
    }
    let Some(prediction) = seen.predictions.lock().unwrap().get(&id).cloned() else { return refusal(404) };
    let png = || paint(&prediction, ImageFormat::Png);
    let send = |kind: &'static str, bytes: Vec<u8>| ([(CONTENT_TYPE, kind)], bytes).into_response();
    match directive(prediction.prompt(), "file") {
        None => send("image/png", png()),
        Some("jpeg") => send("image/jpeg", paint(&prediction, ImageFormat::Jpeg)),
        Some("html") => send("image/png", b"<!doctype html><script>alert(1)</script>".to_vec()),
        Some("svg") => send("image/svg+xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec()),
        Some("gif") => send("image/gif", b"GIF89a".to_vec()),
        Some("wrong-type") => send("text/html", png()),
        Some("short") => send("image/png", png()[..200].to_vec()),
        Some("huge") => send("image/png", HUGE.to_vec()),
        Some("giant") => ([(CONTENT_TYPE, "image/png"), (CONTENT_LENGTH, "2000000000")], pour(&seen)).into_response(),
        Some("endless") => ([(CONTENT_TYPE, "image/png")], pour(&seen)).into_response(),
        Some("redirect") => (StatusCode::FOUND, [(LOCATION, "/elsewhere")]).into_response(),
        Some("gone") => refusal(404),
        Some("broken") => refusal(500),
        Some("slow") => {
            tokio::time::sleep(Duration::from_secs(1)).await;
            send("image/png", png())
        }
        Some(other) => panic!("{other}"),
    }
}

/// One colour, which the seed decides, in the shape that was asked for.
fn paint(prediction: &Prediction, format: ImageFormat) -> Vec<u8> {
    let input = &prediction.body["input"];
    let ratio = AspectRatio::parse(input["aspect_ratio"].as_str().unwrap()).unwrap();
    let [_, red, green, blue] = u32::try_from(input["seed"].as_u64().unwrap()).unwrap().to_be_bytes();
    let (width, height) = ratio.size();
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, Rgb([red, green, blue])));
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Begins like a PNG and never ends.
fn pour(seen: &Seen) -> Body {
    const PIECE: &[u8] = &[0; 64 * 1024];
    let poured = seen.poured.clone();
    Body::from_stream(stream::unfold(false, move |begun| {
        poured.fetch_add(PIECE.len() as u64, Ordering::SeqCst);
        let piece = if begun { Bytes::from_static(PIECE) } else { Bytes::from_static(b"\x89PNG\r\n\x1a\n") };
        async move { Some((Ok::<_, Infallible>(piece), true)) }
    }))
}
