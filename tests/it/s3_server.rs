//! A server that speaks S3 and checks every signature: the crate `s3s` over a temporary folder.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tessera::images::server::storage::S3Config;

pub const BUCKET: &str = "pictures";

pub struct S3Server {
    pub url: String,
    /// The buckets.
    pub folder: TempDir,
}

impl S3Server {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("access", "hush-hush"));
        let service = builder.build();
        let app = Router::new().fallback(move |request| serve(service.clone(), request));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, folder }
    }

    /// What leads to the bucket.
    pub fn config(&self) -> S3Config {
        S3Config {
            bucket: BUCKET.into(),
            region: "eu-central-1".into(),
            endpoint: Some(self.url.parse().unwrap()),
            access_key_id: "access".into(),
            secret_access_key: "hush-hush".into(),
            prefix: String::new(),
        }
    }
}

async fn serve(service: S3Service, request: Request) -> Response {
    match service.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(response) => response.map(Body::new),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")).into_response(),
    }
}
