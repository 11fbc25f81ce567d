//! Requests of other sites in the name of somebody who is signed in here: refused on every route that changes something, and
//! nothing is changed. The routes are those of the router, and the requests would change something if they came from here.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio::time::sleep;

use crate::doors::{Cast, Row, app, routes, row_of};
use crate::support::TestApp;

/// When a session was used last is no change of anything.
const USE: [&str; 2] = ["last_used_at", "last_seen_at"];

/// Every row of every table, but for the index of the search, which is made of the others a while later, for the row that a
/// server writes again and again to see whether it can, and for what it counts of providers.
fn dump(app: &TestApp) -> String {
    let path = app.data_dir().join("tessera.db");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut tables = database
        .prepare(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search%' AND name NOT IN ('probe', 'provider_counts') ORDER BY name",
        )
        .unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut text = String::new();
    for table in tables {
        let mut rows = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns: Vec<String> = rows.column_names().map(str::to_owned).collect();
        let mut lines = BTreeSet::new();
        let mut found = rows.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let mut line = String::new();
            for (number, column) in columns.iter().enumerate().filter(|(_, column)| !USE.contains(&column.as_str())) {
                match row.get_ref(number).unwrap() {
                    ValueRef::Null => write!(line, " {column}=null"),
                    ValueRef::Integer(number) => write!(line, " {column}={number}"),
                    ValueRef::Real(number) => write!(line, " {column}={number}"),
                    ValueRef::Text(text) => write!(line, " {column}={}", String::from_utf8_lossy(text)),
                    ValueRef::Blob(bytes) => write!(line, " {column}={bytes:?}"),
                }
                .unwrap();
            }
            lines.insert(line);
        }
        for line in lines {
            writeln!(text, "{table}{line}").unwrap();
        }
    }
    text
}

/// The same, once nothing is done any more.
async fn settled(app: &TestApp) -> String {
    let mut before = dump(app);
    for _ in 0..200 {
        sleep(Duration::from_millis(150)).await;
        let now = dump(app);
        if now == before {
            return now;
        }
        before = now;
    }
    panic!("the database does not come to rest");
}

/// What differs, for people.
fn difference(before: &str, after: &str) -> Vec<String> {
    let [old, new]: [BTreeSet<&str>; 2] = [before, after].map(|dump| dump.lines().collect());
    let cut = |line: &&str| line.chars().take(300).collect::<String>();
    old.symmetric_difference(&new).map(cut).collect()
}

fn with(request: &Request, headers: &[(&'static str, &str)]) -> Request {
    let mut request = request.try_clone().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    request
}

/// What a link or a picture on another site makes a browser send: the fields of a form in its address.
fn as_get(request: &Request) -> Request {
    let mut get = with(request, &[]);
    *get.method_mut() = Method::GET;
    let form = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    let fields = request.body().and_then(|body| body.as_bytes()).filter(|_| form);
    get.url_mut().set_query(fields.map(|fields| std::str::from_utf8(fields).unwrap()));
    *get.body_mut() = None;
    get.headers_mut().remove(CONTENT_TYPE);
    get
}

const FORM: &str = "application/x-www-form-urlencoded";

async fn status(http: &Client, request: Request) -> u16 {
    let response = http.execute(request).await.unwrap();
    let status = response.status().as_u16();
    response.bytes().await.unwrap();
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_elsewhere_is_refused_on_every_route_and_changes_nothing() {
    let app = app().await;
    let cast = Cast::of(&app).await;
    let served = routes(&app).await;
    let changing: Vec<&Row> = served
        .iter()
        .filter(|(method, _)| method != "GET")
        .map(|(method, path)| row_of(method, path).unwrap_or_else(|| panic!("{method} {path} has no row")))
        .collect();
    assert!(changing.len() > 60, "{}", changing.len());
    let http = cast.owner.http.clone();
    let mut requests = Vec::new();
    for row in changing {
        requests.push((row, cast.request(&app, row, &cast.owner, "the owner").await.build().unwrap()));
    }
    let before = settled(&app).await;
    assert!(before.contains(&cast.owner.email), "the dump has what is there");
    let mut wrong = Vec::new();
    for ((method, path, ..), request) in &requests {
        // Where there is no page, a GET is refused by its method, or finds nothing.
        let is_page = served.contains(&("GET".to_owned(), (*path).to_owned()));
        for headers in [&[][..], &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]] {
            let got = status(&http, with(&as_get(request), headers)).await;
            if got >= 500 || !(is_page || matches!(got, 404 | 405)) {
                wrong.push(format!("GET {path} {headers:?}: {got}"));
            }
        }
        let evil = "https://evil.example";
        for headers in [
            vec![("content-type", FORM), ("sec-fetch-site", "cross-site"), ("origin", evil)],
            vec![("content-type", FORM), ("origin", evil)],
            vec![("content-type", "text/plain"), ("sec-fetch-site", "cross-site"), ("origin", evil)],
            vec![("content-type", "text/plain;charset=UTF-8"), ("origin", evil)],
            vec![("content-type", "multipart/form-data; boundary=x"), ("origin", evil)],
            vec![("origin", "null")],
            vec![("origin", "null"), ("content-type", "text/plain")],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
        ] {
            let got = status(&http, with(request, &headers)).await;
            if got != 403 {
                wrong.push(format!("{method} {path} {headers:?}: {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let after = settled(&app).await;
    assert_eq!(before, after, "{:#?}", difference(&before, &after));

    // The very same, from here: or else nothing could have been changed.
    let mut last = after;
    let mut changes = Vec::new();
    for ((method, path, ..), request) in requests {
        let here = [("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")];
        status(&http, with(&request, &here)).await;
        let now = dump(&app);
        if now != last {
            changes.push(format!("{method} {path}"));
        }
        last = now;
    }
    assert!(changes.len() >= 25, "{changes:#?}");
}
