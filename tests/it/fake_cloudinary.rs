//! A server that speaks Cloudinary's Upload API and delivers what it was given. It checks signatures, timestamps and
//! keys as the real one does, and what a picture is by its first bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde_json::{Value, json};
use tessera::images::server::storage::{CloudinaryConfig, HashAlgorithm};

const CLOUD: &str = "test-cloud";
const KEY: &str = "123456789012345";
const SECRET: &str = "hush-hush";

#[derive(Default)]
pub struct Kept {
    /// By public id: format, bytes.
    pub files: Mutex<HashMap<String, (&'static str, Bytes)>>,
    /// Requests to upload and destroy.
    pub calls: AtomicU64,
    /// Requests for files.
    pub deliveries: AtomicU64,
    /// The next so many requests of any kind are answered with this status.
    fail: Mutex<(u64, u16)>,
    /// Answers are signed with another secret.
    forged: Mutex<bool>,
    /// Parameters of the last upload or destroy.
    pub last: Mutex<BTreeMap<String, String>>,
}

pub struct FakeCloudinary {
    pub url: String,
    pub kept: Arc<Kept>,
}

impl FakeCloudinary {
    pub async fn start() -> Self {
        let kept = Arc::new(Kept::default());
        let app = Router::new()
            .route("/v1_1/{cloud}/image/{action}", post(act))
            .route("/{cloud}/image/upload/{*path}", get(deliver))
            .layer(DefaultBodyLimit::disable())
            .with_state(kept.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, kept }
    }

    /// As `CLOUDINARY_URL` has it.
    pub fn cloudinary_url(&self) -> String {
        format!("cloudinary://{KEY}:{SECRET}@{CLOUD}?upload_prefix={}", self.url)
    }

    pub fn config(&self) -> CloudinaryConfig {
        CloudinaryConfig {
            cloud_name: CLOUD.into(),
            api_key: KEY.into(),
            api_secret: SECRET.into(),
            base_url: self.url.parse().unwrap(),
            delivery_url: self.url.parse().unwrap(),
            algorithm: HashAlgorithm::Sha1,
        }
    }

    /// The next `times` requests fail.
    pub fn fail(&self, times: u64, status: u16) {
        *self.kept.fail.lock().unwrap() = (times, status);
    }

    /// From now on somebody else answers.
    pub fn forge(&self) {
        *self.kept.forged.lock().unwrap() = true;
    }

    pub fn calls(&self) -> u64 {
        self.kept.calls.load(Ordering::SeqCst)
    }
}

fn error(status: u16, message: impl Into<String>) -> Response {
    let message: String = message.into();
    (StatusCode::from_u16(status).unwrap(), Json(json!({ "error": { "message": message } }))).into_response()
}

fn failure(kept: &Kept) -> Option<Response> {
    let mut fail = kept.fail.lock().unwrap();
    fail.0 = fail.0.checked_sub(1)?;
    let status = StatusCode::from_u16(fail.1).unwrap();
    let elsewhere = [(LOCATION, "http://127.0.0.1:9/")];
    Some(if status.is_redirection() { (status, elsewhere).into_response() } else { error(fail.1, "on purpose") })
}

/// The parts of a `multipart/form-data` body.
fn parts(headers: &HeaderMap, body: &[u8]) -> (BTreeMap<String, String>, Option<Bytes>) {
    let kind = headers[CONTENT_TYPE].to_str().unwrap();
    let boundary = format!("\r\n--{}", kind.split_once("boundary=").unwrap().1);
    let body = [b"\r\n", body].concat();
    let find = |from: usize, what: &[u8]| {
        body[from..].windows(what.len()).position(|window| window == what).map(|place| from + place)
    };
    let (mut texts, mut file) = (BTreeMap::new(), None);
    let mut begin = find(0, boundary.as_bytes()).unwrap() + boundary.len();
    while !body[begin..].starts_with(b"--") {
        let data = find(begin, b"\r\n\r\n").unwrap() + 4;
        let end = find(data, boundary.as_bytes()).unwrap();
        let head = String::from_utf8(body[begin..data].to_vec()).unwrap();
        let name = head.split_once(" name=\"").unwrap().1.split('"').next().unwrap().to_owned();
        if name == "file" {
            assert!(head.contains("filename=\""), "{head}");
            file = Some(Bytes::copy_from_slice(&body[data..end]));
        } else {
            texts.insert(name, String::from_utf8(body[data..end].to_vec()).unwrap());
        }
        begin = end + boundary.len();
    }
    (texts, file)
}

fn sha1(text: &str) -> String {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Why a request is not accepted; `None` if it is.
fn refuse(cloud: &str, texts: &BTreeMap<String, String>) -> Option<Response> {
    let text = |name: &str| texts.get(name).map(String::as_str).unwrap_or_default();
    if cloud != CLOUD {
        return Some(error(401, "cloud_name mismatch"));
    }
    if text("signature").is_empty() {
        return Some(error(400, "Upload preset must be specified when using unsigned upload"));
    }
    if text("api_key") != KEY {
        return Some(error(401, format!("Invalid api_key {}", text("api_key"))));
    }
    let signed =
        texts.iter().filter(|(name, value)| !value.is_empty() && !["api_key", "signature"].contains(&&***name));
    let pairs: Vec<_> = signed.map(|(name, value)| format!("{name}={value}").replace('&', "%26")).collect();
    let pairs = pairs.join("&");
    if text("signature") != sha1(&format!("{pairs}{SECRET}")) {
        let sent = text("signature");
        return Some(error(401, format!("Invalid Signature {sent}. String to sign - '{pairs}'.")));
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    match text("timestamp").parse::<u64>() {
        Ok(time) if now.abs_diff(time) <= 3600 => None,
        Ok(time) => Some(error(400, format!("Stale request - reported time is {time} which is more than 1 hour ago"))),
        Err(_) => Some(error(400, "Missing required parameter - timestamp")),
    }
}

async fn act(
    State(kept): State<Arc<Kept>>,
    Path((cloud, action)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    kept.calls.fetch_add(1, Ordering::SeqCst);
    if let Some(failure) = failure(&kept) {
        return failure;
    }
    let (texts, file) = parts(&headers, &body);
    kept.last.lock().unwrap().clone_from(&texts);
    if let Some(refusal) = refuse(&cloud, &texts) {
        return refusal;
    }
    let Some(public_id) = texts.get("public_id") else { return error(400, "Missing required parameter - public_id") };
    match (&*action, file) {
        ("upload", Some(file)) => upload(&kept, public_id, file),
        ("upload", None) => error(400, "Missing required parameter - file"),
        ("destroy", _) => {
            let gone = kept.files.lock().unwrap().remove(public_id).is_none();
            Json(json!({ "result": if gone { "not found" } else { "ok" } })).into_response()
        }
        _ => error(404, "unknown action"),
    }
}

fn upload(kept: &Kept, public_id: &str, file: Bytes) -> Response {
    let format = match &*file {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
        _ => return error(400, "Invalid image file"),
    };
    let version = 1_767_225_601;
    let secret = if *kept.forged.lock().unwrap() { "guessed" } else { SECRET };
    let answer: Value = json!({
        "asset_id": "16ea87f67e7e2baf069b421d99c2a9d4", "public_id": public_id, "version": version,
        "signature": sha1(&format!("public_id={public_id}&version={version}{secret}")),
        "format": format, "resource_type": "image", "bytes": file.len(), "type": "upload", "tags": [],
    });
    kept.files.lock().unwrap().insert(public_id.to_owned(), (format, file));
    Json(answer).into_response()
}

async fn deliver(State(kept): State<Arc<Kept>>, Path((cloud, path)): Path<(String, String)>) -> Response {
    kept.deliveries.fetch_add(1, Ordering::SeqCst);
    if let Some(failure) = failure(&kept) {
        return failure;
    }
    let (public_id, format) = path.rsplit_once('.').unwrap_or((&path, ""));
    match kept.files.lock().unwrap().get(public_id) {
        Some((kept_as, bytes)) if cloud == CLOUD && *kept_as == format => {
            ([(CONTENT_TYPE, format!("image/{format}"))], bytes.clone()).into_response()
        }
        // The real one would convert.
        Some(_) => error(400, "another format than it was kept in"),
        None => (StatusCode::NOT_FOUND, [("x-cld-error", format!("Resource not found - {public_id}"))]).into_response(),
    }
}
