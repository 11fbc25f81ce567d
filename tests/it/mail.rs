//! Mails on their way out: nobody waits for them, and what is wrong with the server that takes them is nobody's fault here.

use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::fake_openai::FakeOpenAi;
use crate::fake_smtp::{Behaviour, FakeSmtp};
use crate::program::{Program, variables};
use crate::servers::until;
use crate::support::{PASSWORD, TestApp, User};

pub async fn start(more: &[(&str, &str)]) -> (TestApp, FakeSmtp) {
    let smtp = FakeSmtp::start().await;
    let url = smtp.url();
    let usual = [
        ("SMTP_URL", url.as_str()),
        ("PUBLIC_URL", "https://chat.example.org"),
        // Tests sign in at once.
        ("SIGN_UP_CONFIRM", "false"),
    ];
    let vars = [&usual[..], more].concat();
    (TestApp::start_with(&vars).await, smtp)
}

async fn counted(app: &TestApp, outcome: &str) -> String {
    let metrics = app.visitor().get("/metrics").send().await.unwrap().text().await.unwrap();
    let name = format!("tessera_mails_total{{outcome=\"{outcome}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).to_owned()
}

#[tokio::test]
async fn a_mail_has_the_right_headers_and_the_language_of_its_reader() {
    let (app, smtp) = start(&[("MAIL_FROM", "Mosaics <mosaics@example.org>")]).await;
    let user = app.user().await;
    let mail = smtp.mail(&user.email, 1).await;
    assert_eq!(mail.header("From"), "Mosaics <mosaics@example.org>");
    assert_eq!(mail.header("To"), user.email);
    assert_eq!(mail.header("Subject"), "Confirm your email address");
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert!(mail.header("Message-ID").ends_with("@chat.example.org>"), "{}", mail.data);
    assert!(mail.header("Date").ends_with("+0000"), "{}", mail.data);
    assert!(mail.link().starts_with("/verify-email/"), "{}", mail.text());
    let html = mail.part("text/html");
    assert!(html.contains(&format!("href=\"https://chat.example.org{}\"", mail.link())), "{html}");
    let reader = app.visitor();
    let body = json!({"email": reader.email, "password": PASSWORD});
    let request = reader.post("/api/auth/register").header("accept-language", "zh-CN");
    assert_eq!(request.json(&body).send().await.unwrap().status(), 201);
    let mail = smtp.mail(&reader.email, 1).await;
    assert!(mail.text().contains("请确认该地址属于你") && mail.part("text/html").contains("lang=\"zh-Hans\""));
    assert_eq!(counted(&app, "sent").await, "2");
}

#[tokio::test]
async fn a_server_that_has_no_time_is_asked_again_and_one_that_refuses_is_not() {
    let (app, smtp) = start(&[]).await;
    smtp.will(&[Behaviour::Busy]);
    let user = app.user().await;
    smtp.mail(&user.email, 1).await;
    assert_eq!(smtp.tries(), 2);
    smtp.will(&[Behaviour::Refuse]);
    app.user().await;
    until(|| smtp.tries() == 3).await;
    for _ in 0..600 {
        if counted(&app, "given_up").await == "1" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!([counted(&app, "given_up").await, counted(&app, "sent").await], ["1", "1"]);
    assert_eq!(smtp.received().len(), 1);
}

/// Three hang, and neither who asked for them nor the next mail waits.
#[tokio::test]
async fn a_server_that_hangs_keeps_nobody() {
    let (app, smtp) = start(&[]).await;
    smtp.will(&[Behaviour::Hang; 3]);
    for _ in 0..3 {
        app.user().await;
    }
    until(|| smtp.tries() == 3).await;
    let user = app.user().await;
    smtp.mail(&user.email, 1).await;
    assert_eq!(smtp.received().len(), 1);
}

#[tokio::test]
async fn without_a_server_that_takes_mails_everything_else_works() {
    let app = TestApp::start_with(&[("SMTP_URL", "smtp://127.0.0.1:9"), ("SIGN_UP_CONFIRM", "false")]).await;
    let user = app.user().await;
    assert_eq!(user.post_json("/api/auth/reset-password", &json!({"email": user.email})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_tried_before_the_server_ends() {
    let (upstream, smtp) = (FakeOpenAi::start().await, FakeSmtp::start().await);
    let program =
        Program::start(variables(&upstream, &[("SMTP_URL", &smtp.url()), ("SIGN_UP_CONFIRM", "false")])).await;
    // After the second, the next pause is a long one.
    smtp.will(&[Behaviour::Busy, Behaviour::Busy]);
    let mut user = User::new(program.addr);
    user.register().await;
    until(|| smtp.tries() == 2).await;
    program.terminate();
    assert!(program.ended_well().await);
    assert_eq!(smtp.mails_to(&user.email).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_go_over_tls_where_the_server_is_who_it_should_be() {
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = folder.path().join("smtp.pem");
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let smtp = FakeSmtp::start_with(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let url = format!("smtp://localhost:{}?tls=required", smtp.addr.port());
    let check = async |trusted: Option<&std::path::Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
        command.arg("check").current_dir(folder.path()).env_clear().env("RUST_LOG", "warn").env("SMTP_URL", &url);
        if let Some(file) = trusted {
            command.env("SSL_CERT_FILE", file);
        }
        let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let table = String::from_utf8(output.stdout).unwrap();
        table.lines().find(|line| line.contains("  mail ")).unwrap_or_else(|| panic!("no mail in {table}")).to_owned()
    };
    let told = check(Some(&certificate)).await;
    assert!(told.starts_with("ok") && told.contains(&format!("localhost:{}", smtp.addr.port())), "{told}");
    let told = check(None).await;
    assert!(told.starts_with("FAILED"), "a stranger's certificate: {told}");
}
