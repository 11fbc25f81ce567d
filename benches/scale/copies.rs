//! Copies of a user in bulk: what the server itself wrote of one, under other ids, at other times and with another address. So rows are
//! what rows of this version are, whatever that is, and nothing here knows a column.

use std::path::Path;

use futures::TryStreamExt;
use mongodb::Client;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

const DAY: i64 = 24 * 60 * 60 * 1000;
/// Over how many days copies are spread.
const DAYS: i64 = 90;
/// Of SQLite, in an order that references allow. Attempts come twice, to be as many as entries of the ledger.
const TABLES: [(&str, usize); 5] = [("users", 1), ("accounts", 1), ("holds", 1), ("ledger", 1), ("attempts", 2)];
const COLLECTIONS: [(&str, usize); 4] = [("users", 1), ("accounts", 1), ("ledger", 1), ("attempts", 2)];
/// Users that are written in one go.
const AT_A_TIME: usize = 1000;

/// Which copy something is of.
#[derive(Clone, Copy)]
struct Copy {
    number: u32,
    /// Of the times one thing of the user is another.
    turn: u32,
    /// How much earlier than the user it is.
    shift: i64,
}

impl Copy {
    fn new(number: u32, turn: usize) -> Self {
        // Spread evenly, in no order.
        let spread = i64::from(number).wrapping_mul(7_919_993) % (DAYS * 86_400);
        Self { number, turn: u32::try_from(turn).unwrap(), shift: -spread * 1000 }
    }

    /// Another id for each id, which is that much earlier and the same everywhere.
    fn id(self, id: Uuid) -> Uuid {
        let mut bytes = id.into_bytes();
        if id.get_version_num() == 7 {
            let mut time = [0; 8];
            time[2..].copy_from_slice(&bytes[..6]);
            let moved = (i64::from_be_bytes(time) + self.shift).to_be_bytes();
            bytes[..6].copy_from_slice(&moved[2..]);
        }
        for (byte, other) in bytes[12..].iter_mut().zip(self.number.to_be_bytes()) {
            *byte ^= other;
        }
        Uuid::from_bytes(bytes)
    }

    /// The id of the thing itself, which is there several times.
    fn own_id(self, id: Uuid) -> Uuid {
        let mut bytes = self.id(id).into_bytes();
        bytes[11] ^= u8::try_from(self.turn).unwrap();
        Uuid::from_bytes(bytes)
    }

    fn time(self, number: i64) -> i64 {
        // Milliseconds of these years; no amount is that large.
        if (1_500_000_000_000..2_500_000_000_000).contains(&number) { number + self.shift } else { number }
    }

    fn text(self, text: &str, name: &str) -> String {
        let mut text = text.replace(name, &format!("u{}", self.number));
        let mut at = 0;
        while let Some(piece) = text.get(at..at + 36) {
            let id = piece.bytes().filter(|byte| *byte == b'-').count() == 4;
            if let Some(id) = id.then(|| Uuid::try_parse(piece).ok()).flatten() {
                text.replace_range(at..at + 36, &self.id(id).to_string());
                at += 35;
            }
            at += 1;
            while !text.is_char_boundary(at) {
                at += 1;
            }
        }
        text
    }

    fn value(self, value: &Value, name: &str) -> Value {
        match value {
            Value::Integer(number) => Value::Integer(self.time(*number)),
            Value::Text(text) => Value::Text(self.text(text, name)),
            Value::Blob(bytes) => Uuid::from_slice(bytes)
                .map_or_else(|_| value.clone(), |id| Value::Blob(self.id(id).as_bytes().to_vec())),
            other => other.clone(),
        }
    }

    fn bson(self, value: &Bson, name: &str) -> Bson {
        match value {
            Bson::Int64(number) => Bson::Int64(self.time(*number)),
            Bson::DateTime(at) => {
                Bson::DateTime(mongodb::bson::DateTime::from_millis(self.time(at.timestamp_millis())))
            }
            Bson::String(text) => Bson::String(self.text(text, name)),
            Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes }) => {
                let id = self.id(Uuid::from_slice(bytes).unwrap());
                Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: id.as_bytes().to_vec() })
            }
            Bson::Document(document) => Bson::Document(self.document(document, name)),
            Bson::Array(all) => Bson::Array(all.iter().map(|value| self.bson(value, name)).collect()),
            other => other.clone(),
        }
    }

    fn document(self, document: &Document, name: &str) -> Document {
        // A name may be an id too.
        document.iter().map(|(key, value)| (self.text(key, name), self.bson(value, name))).collect()
    }
}

/// Copies the user called `name` in SQLite, while no server runs. The copy of number 0 would be the user again.
pub fn in_sqlite(file: &Path, name: &str, numbers: std::ops::Range<u32>) {
    let mut db = Connection::open(file).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA foreign_keys = OFF").unwrap();
    let user: Vec<u8> =
        db.query_row("SELECT id FROM users WHERE email LIKE ?1", [format!("{name}%")], |row| row.get(0)).unwrap();
    let tables = TABLES.map(|(table, times)| (table, times, rows_of(&db, table, &user)));
    let numbers: Vec<u32> = numbers.collect();
    for piece in numbers.chunks(AT_A_TIME) {
        let all = db.transaction().unwrap();
        for (table, times, (columns, rows)) in &tables {
            let places = vec!["?"; columns.len()].join(", ");
            let sql = format!("INSERT INTO {table} ({}) VALUES ({places})", columns.join(", "));
            let mut insert = all.prepare_cached(&sql).unwrap();
            for number in piece {
                for turn in 0..*times {
                    let copy = Copy::new(*number, turn);
                    for row in rows {
                        let mut values: Vec<_> = row.iter().map(|value| copy.value(value, name)).collect();
                        if let (Some(0), Value::Blob(id)) = (columns.iter().position(|column| column == "id"), &row[0])
                        {
                            values[0] = Value::Blob(copy.own_id(Uuid::from_slice(id).unwrap()).as_bytes().to_vec());
                        }
                        insert.execute(params_from_iter(values)).unwrap();
                    }
                }
            }
        }
        all.commit().unwrap();
    }
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// Names of columns, and what a user has in a table.
fn rows_of(db: &Connection, table: &str, user: &[u8]) -> (Vec<String>, Vec<Vec<Value>>) {
    let mut columns = db
        .prepare(&format!("SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0 AND name <> 'seq'"))
        .unwrap();
    let columns: Vec<String> = columns.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let of_user = ["owner_id", "user_id", "id"].into_iter().find(|name| columns.iter().any(|column| column == name));
    let sql = format!("SELECT {} FROM {table} WHERE {} = ?1", columns.join(", "), of_user.unwrap());
    let mut found = db.prepare(&sql).unwrap();
    let count = columns.len();
    let rows = found.query_map([user], |row| (0..count).map(|at| row.get(at)).collect()).unwrap();
    let rows: Vec<Vec<Value>> = rows.map(Result::unwrap).collect();
    assert!(!rows.is_empty(), "{table}");
    (columns, rows)
}

/// The same in MongoDB.
pub async fn in_mongo(uri: &str, name: &str, numbers: std::ops::Range<u32>) {
    let db = Client::with_uri_str(uri).await.unwrap().default_database().unwrap();
    let begin = doc! { "email": { "$regex": format!("^{name}") } };
    let user = db.collection::<Document>("users").find_one(begin).await.unwrap().unwrap().get("_id").unwrap().clone();
    let numbers: Vec<u32> = numbers.collect();
    for (collection, times) in COLLECTIONS {
        let collection = db.collection::<Document>(collection);
        let which = doc! { "$or": [{ "_id": &user }, { "_id.user": &user }, { "user": &user }] };
        let found: Vec<Document> = collection.find(which).await.unwrap().try_collect().await.unwrap();
        for piece in numbers.chunks(AT_A_TIME) {
            let mut copies = Vec::new();
            for number in piece {
                for turn in 0..times {
                    let copy = Copy::new(*number, turn);
                    copies.extend(found.iter().map(|document| {
                        let mut another = copy.document(document, name);
                        if let Some(Bson::Binary(id)) = document.get("_id") {
                            let id = copy.own_id(Uuid::from_slice(&id.bytes).unwrap());
                            let bytes = id.as_bytes().to_vec();
                            another.insert("_id", Binary { subtype: BinarySubtype::Uuid, bytes });
                        }
                        another
                    }));
                }
            }
            if !copies.is_empty() {
                collection.insert_many(copies).ordered(false).await.unwrap();
            }
        }
    }
}

/// The first day of the copies, before now.
pub const fn first_day() -> i64 {
    -(DAYS + 2) * DAY
}
