#!/usr/bin/env bash
# rusqlite with its bundled SQLite: a statement that is kept in the cache is compiled anew at each call, if it is a join.
#
# Guess:  `prepare_cached` compiles a statement once for each connection.
# Is so:  SQLite marks a statement whose plan could be better for some values of `column = ?`, and forgets its plan when a value of it
#         is taken away. rusqlite takes all values away when a statement goes back into its cache. A search by a unique key is never
#         marked; a join by two unique keys is, and so is `max` under an index.
# Ours:   SQLITE_DBCONFIG_ENABLE_QPSG, by which plans do not depend on values (tried below). Debits per second rose by half.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "try-it"
version = "0.0.0"
edition = "2021"

[dependencies]
rusqlite = { version = "=0.41.1", features = ["bundled"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use rusqlite::config::DbConfig;
use rusqlite::{Connection, StatementStatus};

const ONE: &str = "SELECT n FROM b WHERE id = ?1 AND owner = ?2";
const JOIN: &str = "SELECT b.n FROM b JOIN a ON a.id = b.owner WHERE b.id = ?1 AND b.owner = ?2";
const MAX: &str = "SELECT max(n) FROM b WHERE owner = ?1 AND ?2 IS NOT NULL";

fn compiled_again(db: &Connection, sql: &str) -> i32 {
    for n in 0..9u8 {
        db.prepare_cached(sql).unwrap().exists([vec![n; 16], vec![n; 16]]).unwrap();
    }
    db.prepare_cached(sql).unwrap().get_status(StatementStatus::RePrepare)
}

fn main() {
    let open = || {
        let db = Connection::open_in_memory().unwrap();
        let tables = "CREATE TABLE a (id BLOB PRIMARY KEY, n); CREATE TABLE b (id BLOB PRIMARY KEY, owner, n);
                      CREATE INDEX of_owner ON b (owner, n);";
        db.execute_batch(tables).unwrap();
        db
    };
    let counts = |db: &Connection| [ONE, JOIN, MAX].map(|sql| compiled_again(db, sql));
    let usual = counts(&open());
    let guarded = open();
    guarded.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
    let guarded = counts(&guarded);
    println!("rusqlite 0.41.1, SQLite {}; nine calls of a kept statement", rusqlite::version());
    println!("compiled again: one table {}, join {}, max {}", usual[0], usual[1], usual[2]);
    println!("with SQLITE_DBCONFIG_ENABLE_QPSG: {}, {}, {}", guarded[0], guarded[1], guarded[2]);
    if usual[0] != 0 || usual[1] < 8 || usual[2] < 8 || guarded != [0, 0, 0] {
        eprintln!("this is not what was seen before");
        std::process::exit(1);
    }
}
RUST
cd "$work"
cargo run --quiet --target-dir "$work/target"
