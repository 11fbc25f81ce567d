//! The reconciliation: what does not agree is found, what agrees is left in peace, and admins see both.

use std::time::Duration;

use bytes::Bytes;
use mongodb::bson::doc;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::bookkeeping::server::close::Close;
use tessera::bookkeeping::server::finding::{DriftKind, Run};
use tessera::bookkeeping::server::{Bookkeeping, Pace};
use tessera::credits::server::store::{HoldEnd, PostingKind};
use tessera::images::server::storage::{FileStore, ObjectKey, ObjectStore, Rendition};
use tessera::images::server::store::NewImage;
use tessera::platform::amount::Amount;
use tessera::platform::error::AppError;
use tessera::platform::ids::{ImageId, OwnerId, PaymentId, UserId, WorkId};
use tessera::platform::time::HOUR;
use uuid::{Builder, Uuid};

use crate::closes::{AT_ONCE, books_of};
use crate::contracts::{open_at, over_every_store};
use crate::image_store::{made, new_image};
use crate::ledger::{hold_of, posting};
use crate::support::TestApp;

fn of_kind(run: &Run, kind: DriftKind) -> Vec<String> {
    let found = run.findings.iter().filter(|finding| finding.kind == kind);
    let subjects: Vec<_> = found.map(|finding| finding.subject.clone()).collect();
    assert_eq!(run.drift(kind), subjects.len() as u64);
    subjects
}

/// An id of this age.
fn id_of_age(millis: i64) -> Uuid {
    let at = tessera::platform::db::now_millis() - millis;
    let random = Uuid::now_v7().into_bytes()[6..].try_into().unwrap();
    Builder::from_unix_timestamp_millis(u64::try_from(at).unwrap(), &random).into_uuid()
}

over_every_store! {
    async fn a_check_finds_nothing_where_everything_moves(stores) {
        let files = TempDir::new().unwrap();
        let books = books_of(&stores, &files);
        let owner = OwnerId::now_v7();
        stores.credits.post(posting(owner, PostingKind::Grant, 100, "a")).await.unwrap();
        let credits = stores.credits.clone();
        let moving = tokio::spawn(async move {
            for _ in 0..150 {
                let hold = hold_of(owner, 2);
                credits.hold(hold.clone()).await.unwrap();
                credits.end_hold(&hold.held(), HoldEnd::Settle(Amount::LEAST), None).await.unwrap();
            }
        });
        while !moving.is_finished() {
            let run = books.reconcile().await.unwrap();
            assert_eq!(run.findings, []);
            assert_eq!(run.counts.accounts, 1);
        }
        moving.await.unwrap();
    }

    async fn one_check_goes_on_at_a_time_and_each_is_kept(stores) {
        let files = TempDir::new().unwrap();
        let one = books_of(&stores, &files);
        let two = one.at_pace(Pace { sweep: Duration::from_secs(1), ..AT_ONCE });
        let slow = tokio::spawn(async move { two.reconcile().await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(matches!(one.reconcile().await, Err(AppError::Conflict(_))));
        assert!(one.standing().await.unwrap().running && !one.begin_reconciliation().await.unwrap());
        slow.await.unwrap().unwrap();
        one.reconcile().await.unwrap();
        let standing = one.standing().await.unwrap();
        assert!(!standing.running && standing.runs.len() == 2);
    }

    async fn a_hold_is_stuck_if_it_is_old_and_nobody_ends_it(stores) {
        let files = TempDir::new().unwrap();
        let books = books_of(&stores, &files);
        let owner = OwnerId::now_v7();
        stores.credits.post(posting(owner, PostingKind::Grant, 100, "a")).await.unwrap();
        let now = stores.database.now();
        // One is young, one is alive, one is dead.
        let mut dead = None;
        for (age, lease) in [(1000, -1), (120_000, 20_000), (120_000, -1)] {
            let mut hold = hold_of(owner, 2);
            hold.id = WorkId::from(id_of_age(age));
            hold.lease_until = now + lease;
            dead = Some(hold.id);
            stores.credits.hold(hold).await.unwrap();
        }
        let run = books.reconcile().await.unwrap();
        assert_eq!(of_kind(&run, DriftKind::StuckHold), [dead.unwrap().to_string()]);
        assert_eq!(run.total(), 1);
    }

    async fn files_and_rows_are_compared_once_they_are_old_enough(stores) {
        let files = TempDir::new().unwrap();
        let (books, objects) = (books_of(&stores, &files), FileStore::new(files.path().join("images")).unwrap());
        let add = async |id: ImageId, has_row: bool, has_file: bool| {
            if has_row {
                let image = NewImage { id, ..new_image(UserId::now_v7(), "a fox") };
                assert!(stores.images.begin(image.clone()).await.unwrap());
                assert!(stores.images.finish(made(&image)).await.unwrap());
            }
            for rendition in Rendition::ALL.into_iter().filter(|_| has_file) {
                objects.put(ObjectKey::new(id, rendition), Bytes::from_static(b"x")).await.unwrap();
            }
        };
        let (orphan, missing) = (id_of_age(2 * HOUR).into(), id_of_age(2 * HOUR).into());
        add(orphan, false, true).await;
        add(missing, true, false).await;
        add(id_of_age(2 * HOUR).into(), true, true).await;
        // What is being stored is no orphan, and misses nothing.
        add(ImageId::now_v7(), false, true).await;
        add(ImageId::now_v7(), true, false).await;
        let run = books.reconcile().await.unwrap();
        assert_eq!(of_kind(&run, DriftKind::OrphanFile), [orphan.to_string()]);
        assert_eq!(of_kind(&run, DriftKind::MissingFile), [missing.to_string()]);
        assert_eq!((run.total(), run.counts.files, run.counts.images), (2, Some(6), 3));
        // The half of an image is missing too.
        objects.put(ObjectKey::new(missing, Rendition::Thumbnail), Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(books.reconcile().await.unwrap().total(), 2);
        objects.put(ObjectKey::new(missing, Rendition::Full), Bytes::from_static(b"x")).await.unwrap();
        objects.delete(ObjectKey::new(orphan, Rendition::Full)).await.unwrap();
        objects.delete(ObjectKey::new(orphan, Rendition::Thumbnail)).await.unwrap();
        assert_eq!(books.reconcile().await.unwrap().total(), 0);
    }
}

/// The bookkeeping of a server, which waits for nothing.
fn books(app: &TestApp) -> Bookkeeping {
    app.state.bookkeeping.at_pace(AT_ONCE)
}

async fn buy(app: &TestApp, seller: &crate::fake_provider::FakeProvider) -> crate::support::User {
    let user = app.user().await;
    let (_, bought) = user.post_json("/api/credits/purchase", &json!({"pack": "100"})).await;
    let order = bought["data"]["orderId"].as_str().unwrap();
    seller.approve(order);
    assert_eq!(user.post_json("/api/credits/capture", &json!({ "orderId": order })).await.0, 200);
    user
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_in_the_database_is_found_with_how_to_mend_it() {
    let (app, seller) = TestApp::start_selling(&[]).await;
    let (user, other) = (buy(&app, &seller).await, buy(&app, &seller).await);
    assert_eq!(user.chat("Hello").await.0, 200);
    let books = books(&app);
    let run = books.reconcile().await.unwrap();
    assert_eq!(run.findings, []);
    assert_eq!((run.counts.payments, run.counts.papers), (2, 2));
    let database = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    let id = |text: String| text.parse::<Uuid>().unwrap();
    let (first, second) = (id(user.id().await), id(other.id().await));
    // Credits from nowhere.
    database.execute("UPDATE accounts SET available = available + 1000000 WHERE owner_id = ?1", [first]).unwrap();
    let run = books.reconcile().await.unwrap();
    assert_eq!(of_kind(&run, DriftKind::Account), [first.to_string()]);
    let numbers = &run.findings[0].numbers;
    let number = |name: &str| numbers[name].parse::<f64>().unwrap();
    assert!(
        (number("balance") - number("ledger") - 1.0).abs() < 1e-9 && number("lots") < number("balance"),
        "{numbers:?}"
    );
    assert_eq!(run.total(), 1);
    database.execute("UPDATE accounts SET available = available - 1000000 WHERE owner_id = ?1", [first]).unwrap();
    // A receipt that is gone, and a payment.
    database.execute_batch("DROP TRIGGER papers_no_delete").unwrap();
    database.execute("DELETE FROM papers WHERE kind = 'receipt' AND number = 1", []).unwrap();
    let payment: String =
        database.query_row("SELECT body FROM payments WHERE user_id = ?1", [second], |row| row.get(0)).unwrap();
    database
        .execute(
            "UPDATE payments SET body = replace(body, '\"credited\":true', '\"credited\":false') WHERE user_id = ?1",
            [second],
        )
        .unwrap();
    let run = books.reconcile().await.unwrap();
    assert_eq!(of_kind(&run, DriftKind::PaperNumber).len(), 1, "{run:?}");
    assert_eq!(of_kind(&run, DriftKind::Purchases), [second.to_string()]);
    // A capture whose purchase is not in the ledger.
    database.execute("UPDATE payments SET body = ?1 WHERE user_id = ?2", (&payment, second)).unwrap();
    database
        .execute_batch(
            "DROP TRIGGER ledger_no_update; UPDATE ledger SET key = key || 'x' WHERE kind = 'purchase';
             CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;",
        )
        .unwrap();
    let run = books.reconcile().await.unwrap();
    assert_eq!(of_kind(&run, DriftKind::Capture).len(), 2, "{run:?}");
    // Admins see it in their language, and it is counted.
    let admin = app.admin().await;
    let (_, page) = admin.get_json("/api/admin/reconciliation").await;
    let findings = page["data"]["runs"][0]["findings"].as_array().unwrap();
    let capture = findings.iter().find(|finding| finding["kind"] == "capture").unwrap();
    assert!(capture["remedy"].as_str().unwrap().contains("five minutes") && capture["command"] == "tessera check");
    assert_eq!(page["data"]["runs"][0]["drifts"]["capture"], 2);
    let html = admin.get("/admin/reconciliation").send().await.unwrap().text().await.unwrap();
    assert!(html.contains("border-danger") && html.contains("tessera check"), "{html}");
    let chinese = admin.get("/admin/reconciliation").header("accept-language", "zh").send().await.unwrap();
    assert!(chinese.text().await.unwrap().contains("处理办法"));
    let metrics = admin.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("tessera_drift{kind=\"capture\"} 2") && metrics.contains("tessera_drift{kind=\"account\"} 0")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_somebody_changed_in_mongodb_is_found_too() {
    let server = crate::mongod::Mongod::start(crate::mongod::Kind::Standalone).await;
    let (uri, files) = (server.uri(), TempDir::new().unwrap());
    let stores = open_at(&uri).await;
    let books = books_of(&stores, &files);
    let owner = OwnerId::now_v7();
    stores.credits.post(posting(owner, PostingKind::Grant, 10, "a")).await.unwrap();
    stores.credits.hold(hold_of(owner, 4)).await.unwrap();
    assert_eq!(books.reconcile().await.unwrap().findings, []);
    let client = mongodb::Client::with_uri_str(&uri).await.unwrap();
    let accounts = client.default_database().unwrap().collection::<mongodb::bson::Document>("accounts");
    accounts.update_one(doc! {}, doc! { "$inc": { "balance.held": 1_i64 } }).await.unwrap();
    let run = books.reconcile().await.unwrap();
    assert_eq!(of_kind(&run, DriftKind::Account), [owner.to_string()]);
    accounts.update_one(doc! {}, doc! { "$inc": { "balance.held": -1_i64 } }).await.unwrap();
    assert_eq!(books.reconcile().await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_begin_a_check_and_fetch_the_closes() {
    let (app, seller) = TestApp::start_selling(&[]).await;
    buy(&app, &seller).await;
    let admin = app.admin().await;
    let (status, begun) = admin.post_json("/api/admin/reconciliation/run", &json!({})).await;
    assert_eq!((status, &begun["data"]["began"]), (202, &json!(true)), "{begun}");
    // While one goes on, there is no other.
    let (_, again) = admin.post_json("/api/admin/reconciliation/run", &json!({})).await;
    assert_eq!(again["data"]["began"], false);
    let sent = admin.post_form("/admin/reconciliation", &[]).send().await.unwrap();
    assert_eq!(
        (sent.status(), sent.headers()["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/admin/reconciliation")
    );
    let books = books(&app);
    let now = app.state.stores.database.now();
    books.close_days_at(now + 26 * HOUR).await.unwrap();
    books.close_days_at(now + 50 * HOUR).await.unwrap();
    let (_, page) = admin.get_json("/api/admin/closes?limit=1").await;
    let cursor = page["data"]["nextCursor"].as_str().unwrap();
    let (_, first) = admin.get_json(&format!("/api/admin/closes?limit=1&cursor={cursor}")).await;
    let first = &first["data"]["items"][0];
    let close: Close = serde_json::from_value(first.clone()).unwrap();
    assert_eq!((first["agrees"].clone(), close.number), (json!(true), 1));
    assert_eq!(page["data"]["items"][0]["previous"], first["hash"]);
    // What was bought is there in credits and in money.
    let price = app.state.stores.payments.list_all(PaymentId::min(), 1).await.unwrap()[0].price;
    let minor = price.minor;
    assert_eq!(close.money.len(), 1);
    assert_eq!((close.money[0].received, close.money[0].receipts), (minor, 1));
    assert_eq!(close.closing.paid_for.values().copied().collect::<Vec<_>>(), [minor]);
    assert!(close.closing.origins.contains_key("bought") && close.closing.origins.contains_key("promo"));
    let csv = admin.get("/api/admin/closes?format=csv").send().await.unwrap();
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let csv = csv.text().await.unwrap();
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.len() == lines[0].len()), "{csv}");
    let column = |name: &str| lines[0].iter().position(|column| *column == name).unwrap();
    assert_eq!(lines[1][column("hash")], lines[2][column("previous")]);
    let currency = price.currency.code();
    assert_eq!(lines[1][column(&format!("received {currency}"))], price.to_decimal());
    let html = admin.get("/admin/closes").send().await.unwrap().text().await.unwrap();
    assert!(html.contains(&close.day.to_string()) && html.contains("format=csv"), "{html}");
    let refused: Value = admin.get_json("/api/admin/closes?format=xml").await.1;
    assert_eq!(refused["field"], "format");
}
