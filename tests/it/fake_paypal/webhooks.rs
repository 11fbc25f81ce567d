//! Signed reports, the chain of certificates that they are signed with, and the host where it is.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, date_time_ymd,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Door, Seen, WEBHOOK_ID, api};

/// Where PayPal says that its certificate is.
pub const CERTIFICATE_URL: &str =
    "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-df8cd2d5";

/// A report, ready to be sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Delivery {
    /// With another value of a header.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.iter_mut().find(|(known, _)| *known == name).unwrap().1 = value.into();
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    pub fn header_map(&self) -> HeaderMap {
        self.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    /// Sends it to a server. Returns the status.
    pub async fn send(&self, to: SocketAddr) -> u16 {
        self.try_send(to).await.unwrap()
    }

    /// The same to a server that may die meanwhile.
    pub async fn try_send(&self, to: SocketAddr) -> reqwest::Result<u16> {
        let mut request = reqwest::Client::new().post(format!("http://{to}/api/webhooks/paypal"));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.header("content-type", "application/json").body(self.body.clone());
        Ok(request.send().await?.status().as_u16())
    }
}

/// Signs reports.
pub struct Signer {
    /// PKCS #8.
    key: Vec<u8>,
}

/// One for all tests of a process: a key takes a while to find.
fn signing_key() -> &'static [u8] {
    static KEY: OnceLock<Vec<u8>> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().serialize_der())
}

impl Signer {
    pub fn new() -> Self {
        Self { key: signing_key().to_vec() }
    }

    /// Somebody who is not PayPal.
    pub fn stranger() -> Self {
        Self { key: KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().serialize_der() }
    }

    fn signature(&self, id: &str, time: &str, webhook_id: &str, body: &[u8]) -> String {
        let message = format!("{id}|{time}|{webhook_id}|{}", crc32fast::hash(body));
        let key = RsaKeyPair::from_pkcs8(&self.key).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        BASE64_STANDARD.encode(signature)
    }

    pub fn sign(&self, webhook_id: &str, body: &str) -> Delivery {
        let (id, time) = (uuid::Uuid::now_v7().to_string(), "2026-01-01T00:00:00Z".to_owned());
        let signature = self.signature(&id, &time, webhook_id, body.as_bytes());
        let headers = vec![
            ("paypal-transmission-id", id),
            ("paypal-transmission-time", time),
            ("paypal-transmission-sig", signature),
            ("paypal-cert-url", CERTIFICATE_URL.to_owned()),
            ("paypal-auth-algo", "SHA256withRSA".to_owned()),
            ("paypal-auth-version", "v2".to_owned()),
        ];
        Delivery { headers, body: body.to_owned() }
    }
}

#[derive(Deserialize)]
struct Question<'a> {
    auth_algo: String,
    cert_url: String,
    transmission_id: String,
    transmission_sig: String,
    transmission_time: String,
    webhook_id: String,
    #[serde(borrow)]
    webhook_event: &'a RawValue,
}

/// Tells whether a report is ours.
pub async fn verify(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: String) -> Response {
    let value = serde_json::from_str(&body).unwrap_or_default();
    api::at_door(&seen, Door::Verify, &headers, &value, |_| {
        let question: Question = serde_json::from_str(&body).unwrap();
        let expected = seen.signer.signature(
            &question.transmission_id,
            &question.transmission_time,
            WEBHOOK_ID,
            question.webhook_event.get().as_bytes(),
        );
        let is_ours = question.transmission_sig == expected
            && question.webhook_id == WEBHOOK_ID
            && question.auth_algo == "SHA256withRSA"
            && question.cert_url == CERTIFICATE_URL;
        Ok((200, json!({ "verification_status": if is_ours { "SUCCESS" } else { "FAILURE" } })))
    })
    .await
}

/// A root, an intermediate authority, and the certificate that reports are signed with.
pub struct Chain {
    pub root: CertificateDer<'static>,
    /// The certificate and the intermediate one.
    pub pem: String,
    /// Of a server that may call itself whatever it likes, signed for by the same root.
    server: (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    params
}

fn leaf(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2119, 1, 1);
    params
}

impl Chain {
    /// A certificate for this name, valid in these years.
    pub fn new(name: &str, years: std::ops::Range<i32>) -> Self {
        let (root_params, root_key) = (authority("Test Root"), KeyPair::generate().unwrap());
        let root = root_params.self_signed(&root_key).unwrap().der().clone();
        let root_issuer = Issuer::new(root_params, root_key);
        let (between_params, between_key) = (authority("Test Between"), KeyPair::generate().unwrap());
        let between = between_params.signed_by(&between_key, &root_issuer).unwrap();
        let issuer = Issuer::new(between_params, between_key);
        let mut params = leaf(&[name]);
        (params.not_before, params.not_after) = (date_time_ymd(years.start, 1, 1), date_time_ymd(years.end, 1, 1));
        let key = rcgen::KeyPair::try_from(signing_key()).unwrap();
        let signing = params.signed_by(&key, &issuer).unwrap();
        let server_key = KeyPair::generate().unwrap();
        let server =
            leaf(&["*.paypal.com", "*.sandbox.paypal.com", "evil.example"]).signed_by(&server_key, &issuer).unwrap();
        let pem = format!("{}{}", signing.pem(), between.pem());
        let server_key = PrivateKeyDer::from_pem_slice(server_key.serialize_pem().as_bytes()).unwrap();
        Self { root, pem, server: (vec![server.der().clone(), between.der().clone()], server_key) }
    }

    /// As PayPal's are.
    pub fn of_paypal() -> Self {
        Self::new("messageverificationcerts.sandbox.paypal.com", 2024..2119)
    }
}

/// The host of the certificates, by https. Whatever name is asked for leads here.
pub struct CertificateHost {
    pub http: reqwest::Client,
    pub served: Arc<AtomicUsize>,
    /// Whom somebody wanted to reach.
    pub names: Arc<Mutex<Vec<String>>>,
    /// What is answered: the status, and the body.
    pub answer: Arc<Mutex<(u16, String)>>,
}

struct LeadHere(SocketAddr, Arc<Mutex<Vec<String>>>);

impl Resolve for LeadHere {
    fn resolve(&self, name: Name) -> Resolving {
        self.1.lock().unwrap().push(name.as_str().to_owned());
        let found: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(async move { Ok(found) })
    }
}

impl CertificateHost {
    pub async fn start(chain: &Chain) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let names = Arc::<Mutex<Vec<String>>>::default();
        let http = tessera::payments::server::paypal::certificate_client()
            .dns_resolver(LeadHere(addr, names.clone()))
            .tls_certs_only([reqwest::Certificate::from_der(&chain.root).unwrap()])
            .build()
            .unwrap();
        let host = Self {
            http,
            served: Arc::default(),
            names,
            answer: Arc::new(Mutex::new((StatusCode::OK.as_u16(), chain.pem.clone()))),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.server.0.clone(), chain.server.1.clone_key())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (served, answer) = (host.served.clone(), host.answer.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, served, answer) = (acceptor.clone(), served.clone(), answer.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    served.fetch_add(1, Ordering::SeqCst);
                    let (status, body) = answer.lock().unwrap().clone();
                    let answer = format!(
                        "HTTP/1.1 {status} X\r\nlocation: https://evil.example/cert\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    _ = stream.write_all(answer.as_bytes()).await;
                    _ = stream.shutdown().await;
                });
            }
        });
        host
    }
}
