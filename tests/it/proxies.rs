//! The proxies of docs/DEPLOYMENT.md: the real programs, with the files of deploy/ as they are but for addresses, ports and
//! the certificate.

use std::io::Cursor;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, COOKIE, ORIGIN, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
};
use reqwest::{Certificate, Client, Method, RequestBuilder, Version};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;
use uuid::Uuid;

use crate::mongod::free_addr;
use crate::support::{EventReader, PASSWORD, TestApp, answer};

const NAME: &str = "chat.example.org";
/// Another address of this machine than that of the proxies, which is trusted.
const CLIENT: [u8; 4] = [127, 0, 0, 2];

#[derive(Clone, Copy)]
enum Kind {
    Nginx,
    Caddy,
    Haproxy,
    Apache,
}

/// A running proxy in front of a server.
struct Proxy {
    child: Child,
    addr: SocketAddr,
    app: TestApp,
    folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Proxy {
    async fn start(kind: Kind) -> Self {
        let (folder, addr, plain) = (TempDir::new().unwrap(), free_addr(), free_addr());
        let public_url = format!("https://{NAME}:{}", addr.port());
        let vars = [("PUBLIC_URL", &*public_url), ("TRUSTED_PROXIES", "127.0.0.1"), ("CHAT_TIMEOUT_SECS", "90")];
        let app = TestApp::start_with(&vars).await;
        make_certificate(folder.path());
        let child = match kind {
            Kind::Nginx => nginx(folder.path(), addr, plain, app.addr),
            Kind::Caddy => caddy(folder.path(), addr, app.addr),
            Kind::Haproxy => haproxy(folder.path(), addr, plain, app.addr),
            Kind::Apache => apache(folder.path(), addr, plain, app.addr),
        };
        let proxy = Self { child, addr, app, folder };
        for _ in 0..400 {
            if TcpStream::connect(addr).await.is_ok() {
                return proxy;
            }
            sleep(Duration::from_millis(25)).await;
        }
        panic!("the proxy did not start");
    }

    /// Somebody with an account, who also claims to be elsewhere.
    async fn visitor(&self) -> Visitor {
        let certificate = std::fs::read(self.folder.path().join("fullchain.pem")).unwrap();
        let http = Client::builder()
            .no_proxy()
            .local_address(IpAddr::from(CLIENT))
            .resolve(NAME, self.addr)
            .tls_certs_only([Certificate::from_pem(&certificate).unwrap()])
            .build()
            .unwrap();
        let mut visitor = Visitor { http, base: format!("https://{NAME}:{}", self.addr.port()), cookie: String::new() };
        let email = format!("{}@example.org", Uuid::now_v7().simple());
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada"});
        let response = visitor.request(Method::POST, "/api/auth/register").json(&body).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (201, Version::HTTP_2));
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.split("; ").any(|part| part == "Secure"), "{cookie}");
        cookie.split(';').next().unwrap().clone_into(&mut visitor.cookie);
        visitor
    }
}

/// A browser, as far as a proxy can tell.
struct Visitor {
    http: Client,
    base: String,
    cookie: String,
}

impl Visitor {
    /// It can read no compressed answer.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base)).header(COOKIE, &self.cookie);
        request.header(ORIGIN, &self.base).header("x-forwarded-for", "6.6.6.6").header("forwarded", "for=6.6.6.6")
    }

    async fn get_json(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    async fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// Would take a compressed answer, and must not get one.
    async fn stream(&self, message: &str) -> EventReader {
        let request = self.request(Method::POST, "/api/chat").header(ACCEPT, "text/event-stream");
        let request = request.header(ACCEPT_ENCODING, "gzip, br, zstd").json(&json!({"message": message}));
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
        assert_eq!(response.headers().get(CONTENT_ENCODING), None);
        EventReader::new(response)
    }
}

fn make_certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(folder.join("fullchain-and-key.pem"), format!("{chain}{key}")).unwrap();
    std::fs::write(folder.join("fullchain.pem"), chain).unwrap();
    std::fs::write(folder.join("privkey.pem"), key).unwrap();
}

/// A file of deploy/ with these changes, each of which has to be in it, and with the paths and addresses of this test.
fn adapted(file: &str, folder: &Path, app: SocketAddr, changes: &[(&str, String)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let usual = [("/etc/ssl/tessera", folder.to_str().unwrap().to_owned()), ("127.0.0.1:3000", app.to_string())];
    usual.iter().chain(changes).fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from} in {file}");
        text.replace(from, to)
    })
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> Child {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("HOME", folder).env("XDG_DATA_HOME", folder);
    command.env("XDG_CONFIG_HOME", folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; run scripts/setup.sh test first"))
}

fn nginx(folder: &Path, addr: SocketAddr, plain: SocketAddr, app: SocketAddr) -> Child {
    let changes = [
        ("    listen [::]:80;\n", String::new()),
        ("    listen [::]:443 ssl http2;\n", String::new()),
        ("listen 80;", format!("listen {plain};")),
        ("listen 443 ", format!("listen {addr} ")),
    ];
    std::fs::write(folder.join("site.conf"), adapted("nginx.conf", folder, app, &changes)).unwrap();
    // In one process, so that nothing is left when it is killed.
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};"));
    let main = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;\n\
         events {{}}\nhttp {{ access_log off; {} include site.conf; }}\n",
        temporary.join(" ")
    );
    std::fs::write(folder.join("nginx.conf"), main).unwrap();
    let prefix = folder.to_str().unwrap();
    run("/usr/sbin/nginx", &["-p", prefix, "-c", &format!("{prefix}/nginx.conf")], folder)
}

fn caddy(folder: &Path, addr: SocketAddr, app: SocketAddr) -> Child {
    let site = format!(
        "{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n\nhttps://{NAME}:{} {{\n\tbind 127.0.0.1\n",
        addr.port()
    );
    let text = adapted("Caddyfile", folder, app, &[("chat.example.org {\n", site)]);
    std::fs::write(folder.join("Caddyfile"), text).unwrap();
    run("/usr/bin/caddy", &["run", "--config", "Caddyfile", "--adapter", "caddyfile"], folder)
}

fn haproxy(folder: &Path, addr: SocketAddr, plain: SocketAddr, app: SocketAddr) -> Child {
    let changes = [("bind :80\n", format!("bind {plain}\n")), ("bind :443 ", format!("bind {addr} "))];
    std::fs::write(folder.join("haproxy.cfg"), adapted("haproxy.cfg", folder, app, &changes)).unwrap();
    run("/usr/sbin/haproxy", &["-db", "-f", "haproxy.cfg"], folder)
}

fn apache(folder: &Path, addr: SocketAddr, plain: SocketAddr, app: SocketAddr) -> Child {
    // Those of Debian's own configuration, and those that the file asks for.
    let modules = "mpm_event authz_core alias filter ssl http2 proxy proxy_http headers deflate".split(' ');
    let modules: Vec<_> =
        modules.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")).collect();
    let root = folder.to_str().unwrap();
    let main = format!(
        "ServerRoot {root}\nServerName localhost\nPidFile apache.pid\nErrorLog error.log\nMutex file:{root} default\n\
         User www-data\nGroup www-data\nListen {plain}\nListen {addr}\n{}",
        modules.concat()
    );
    let changes = [("*:80>", format!("{plain}>")), ("*:443>", format!("{addr}>"))];
    std::fs::write(folder.join("apache.conf"), main + &adapted("apache.conf", folder, app, &changes)).unwrap();
    // In one process, so that nothing is left when it is killed.
    run("/usr/sbin/apache2", &["-X", "-f", &format!("{root}/apache.conf")], folder)
}

/// A picture of noise, which no file makes smaller.
fn noise() -> String {
    let mut noise = image::RgbImage::new(1000, 1000);
    let mut number = 1_u32;
    for pixel in noise.pixels_mut() {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        pixel.0 = number.to_be_bytes()[..3].try_into().unwrap();
    }
    let mut bytes = Cursor::new(Vec::new());
    noise.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let bytes = bytes.into_inner();
    assert!(bytes.len() > 2_900_000, "{}", bytes.len());
    format!("data:image/png;base64,{}", BASE64_STANDARD.encode(bytes))
}

async fn serves_as_documented(kind: Kind) {
    let proxy = Proxy::start(kind).await;
    // Signed up over TLS, with a cookie that is `Secure`.
    let visitor = proxy.visitor().await;

    // The client's own address, whatever it says.
    let (status, sessions) = visitor.get_json("/api/account/sessions").await;
    assert_eq!((status, &sessions["data"]["items"][0]["address"]), (200, &json!("127.0.0.2")), "{sessions}");

    // A page, as a browser gets it; and what is not for everybody.
    let page = visitor.request(Method::GET, "/").send().await.unwrap();
    assert_eq!((page.status().as_u16(), page.version()), (200, Version::HTTP_2));
    assert!(page.headers().contains_key(STRICT_TRANSPORT_SECURITY));
    assert_eq!(visitor.get_json("/metrics").await.0, 404);

    // Each token comes by itself: the provider says nothing more after it.
    for tokens in [1, 2] {
        let mut events = visitor.stream(&format!("#tokens={tokens} #stall")).await;
        let (_, start) = events.next_named("start").await;
        for _ in 0..tokens {
            events.next_named("token").await;
        }
        let path = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
        assert_eq!(visitor.request(Method::POST, &path).send().await.unwrap().status(), 200);
    }

    // Three megabytes are four as text.
    let (status, answer) = visitor.post_json("/api/chat", &json!({"message": "Look", "images": [noise()]})).await;
    assert_eq!(status, 200, "{answer}");
    let seen = proxy.app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
    assert!(seen.to_string().len() > 3_900_000);
    proxy.app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_serves_as_documented() {
    serves_as_documented(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_serves_as_documented() {
    serves_as_documented(Kind::Caddy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_serves_as_documented() {
    serves_as_documented(Kind::Haproxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_serves_as_documented() {
    serves_as_documented(Kind::Apache).await;
}

/// As an event stream, and as JSON before which white space is sent.
#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_cuts_a_reply_that_waits_a_minute() {
    let waits = [Kind::Nginx, Kind::Caddy, Kind::Haproxy, Kind::Apache].map(|kind| {
        tokio::spawn(async move {
            let proxy = Proxy::start(kind).await;
            let visitor = proxy.visitor().await;
            let message = "#tokens=1 #pause=62000";
            let streamed = async { visitor.stream(message).await.rest().await };
            let body = json!({"message": message});
            let whole = visitor.post_json("/api/chat", &body);
            let ((text, last), (status, answer)) = tokio::join!(streamed, whole);
            assert_eq!((text.is_empty(), last.event.as_str()), (false, "done"));
            assert_eq!((status, &answer["data"]["reply"]), (200, &json!(text)), "{answer}");
        })
    });
    for wait in waits {
        wait.await.unwrap();
    }
}
