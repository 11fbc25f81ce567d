//! A real MongoDB, started by the tests on a port of its own.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::{Document, doc};
use tempfile::TempDir;
use uuid::Uuid;

/// Which kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Standalone,
    ReplicaSet,
}

/// A running `mongod`.
pub struct Mongod {
    child: Child,
    addr: SocketAddr,
    kind: Kind,
    data: TempDir,
}

impl Drop for Mongod {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Where set-up leaves the programs of others.
pub fn tools_cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cache = || std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
    std::env::var_os("TESSERA_CACHE").map_or_else(|| cache().join("tessera"), PathBuf::from)
}

/// The program of the cache; `scripts/env.sh` puts the same folder on PATH.
fn program() -> PathBuf {
    let installed = tools_cache().join("mongodb/fiftyone/db/bin/mongod");
    if installed.is_file() { installed } else { "mongod".into() }
}

/// An address on which nobody listens.
pub fn free_addr() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn spawn(data: &TempDir, addr: SocketAddr, kind: Kind) -> Child {
    let mut command = Command::new(program());
    command.arg("--dbpath").arg(data.path()).arg("--logpath").arg(data.path().join("log"));
    command.args(["--bind_ip", "127.0.0.1", "--port", &addr.port().to_string()]);
    command.args(["--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]);
    if kind == Kind::ReplicaSet {
        command.args(["--replSet", "rs0", "--oplogSize", "64"]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("mongod: run scripts/setup.sh test first")
}

impl Mongod {
    pub async fn start(kind: Kind) -> Self {
        let (data, addr) = (TempDir::new().unwrap(), free_addr());
        let server = Self { child: spawn(&data, addr, kind), addr, kind, data };
        let admin = server.admin().await;
        if kind == Kind::ReplicaSet {
            let members = vec![doc! { "_id": 0, "host": addr.to_string() }];
            let config = doc! { "replSetInitiate": { "_id": "rs0", "members": members } };
            admin.run_command(config).await.unwrap();
        }
        server.until_writable().await;
        server
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URI of a database that nobody else uses.
    pub fn uri(&self) -> String {
        self.uri_through(self.addr)
    }

    /// The same, with everything going through a proxy at this address.
    pub fn uri_through(&self, addr: SocketAddr) -> String {
        // A replica set names its members by their own addresses: a direct connection stays with the proxy.
        let options = match self.kind {
            Kind::ReplicaSet if addr == self.addr => "replicaSet=rs0",
            _ => "directConnection=true",
        };
        format!("mongodb://{addr}/t{}?{options}", Uuid::now_v7().simple())
    }

    async fn admin(&self) -> mongodb::Database {
        let uri = format!("mongodb://{}/?directConnection=true&serverSelectionTimeoutMS=20000", self.addr);
        Client::with_uri_str(uri).await.unwrap().database("admin")
    }

    /// Waits until it takes writes.
    async fn until_writable(&self) {
        let (admin, begun) = (self.admin().await, Instant::now());
        loop {
            let hello: Result<Document, _> = admin.run_command(doc! { "hello": 1 }).await;
            if hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false)) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(40), "mongod did not become writable");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The names of its databases.
    pub async fn databases(&self) -> Vec<String> {
        self.admin().await.client().list_database_names().await.unwrap()
    }

    /// The collections of a database, each with the names of its indexes.
    pub async fn shape(&self, uri: &str) -> BTreeMap<String, Vec<String>> {
        let database = Client::with_uri_str(uri).await.unwrap().default_database().unwrap();
        let mut shape = BTreeMap::new();
        for name in database.list_collection_names().await.unwrap() {
            let mut indexes = database.collection::<Document>(&name).list_index_names().await.unwrap();
            indexes.sort();
            shape.insert(name, indexes);
        }
        shape
    }

    /// Kills it without a word.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after [`Mongod::kill`], where it was and with what it had.
    pub async fn restart(&mut self) {
        self.child = spawn(&self.data, self.addr, self.kind);
        self.until_writable().await;
    }

    /// Freezes it, connections and all.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}
