//! What every adapter of a port must do: one suite, run over SQLite, a standalone MongoDB and a replica set.

use std::collections::BTreeMap;

use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;

use crate::mongod::{Kind, Mongod};
use crate::support::assert_audit_is_clean;

/// The stores over an empty database, and what keeps it alive.
pub struct Fixture {
    pub stores: Stores,
    data: TempDir,
}

impl Fixture {
    /// A file of `DATA_DIR`.
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.data.path().join(name)
    }
}

/// The stores behind a URI, as they are.
pub async fn open_at(uri: &str) -> Stores {
    let vars = BTreeMap::from([("MONGODB_URI".to_owned(), uri.to_owned())]);
    Stores::open(&Config::from_vars(&vars).unwrap()).await.unwrap()
}

/// The stores of a database that exists nowhere else.
pub async fn open(server: Option<&Mongod>) -> Fixture {
    let data = TempDir::new().unwrap();
    let mut vars = BTreeMap::from([("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned())]);
    vars.extend(server.map(|server| ("MONGODB_URI".to_owned(), server.uri())));
    let config = Config::from_vars(&vars).unwrap();
    Fixture { stores: Stores::open(&config).await.unwrap(), data }
}

/// Starts the server that the suite runs over; `None` for SQLite.
pub async fn server(kind: Option<Kind>) -> Option<Mongod> {
    match kind {
        Some(kind) => Some(Mongod::start(kind).await),
        None => None,
    }
}

/// After each body, whatever it did.
pub async fn check(fixture: &Fixture) {
    assert_audit_is_clean(fixture.stores.credits.as_ref()).await;
}

/// Runs each body over each store. SQLite runs them as tests of their own; MongoDB all in one, over one server.
macro_rules! over_every_store {
    ($(async fn $name:ident($stores:ident) $body:block)*) => {
        mod over_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let fixture = crate::contracts::open(None).await;
                super::bodies::$name(fixture.stores.clone()).await;
                crate::contracts::check(&fixture).await;
            })*
        }
        mod over_mongodb {
            use crate::mongod::{Kind, Mongod};

            async fn run(kind: Kind) {
                let server = Mongod::start(kind).await;
                $({
                    let fixture = crate::contracts::open(Some(&server)).await;
                    let body = tokio::spawn(super::bodies::$name(fixture.stores.clone()));
                    assert!(body.await.is_ok(), "{} over {kind:?}", stringify!($name));
                    crate::contracts::check(&fixture).await;
                })*
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn standalone() {
                run(Kind::Standalone).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn replica_set() {
                run(Kind::ReplicaSet).await;
            }
        }
        mod bodies {
            use super::*;
            $(pub async fn $name($stores: tessera::app::stores::Stores) $body)*
        }
    };
}
pub(crate) use over_every_store;
