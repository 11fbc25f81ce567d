//! Work that nobody heard of in time, and work that only looks so.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tessera::credits::server::store::{HoldId, HoldOutcome, NewHold};
use tessera::platform::ids::{UserId, WorkId};
use tessera::platform::trace::StepKind;
use tokio::time::sleep;

use crate::ledger::hold_of;
use crate::support::{TestApp, User};

async fn id_of(user: &User) -> UserId {
    user.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().parse().unwrap()
}

/// Holds one credit for work that nobody does, with a lease that ran out at `lease_until`.
async fn hold(app: &TestApp, user: UserId, request_id: &str, lease_until: i64) -> WorkId {
    let hold = NewHold { request_id: request_id.to_owned(), lease_until, ..hold_of(user, 1) };
    let id = hold.id;
    assert!(matches!(app.state.stores.credits.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_that_cannot_be_ended_keep_no_other_from_its_end() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "1000")]).await;
    let user = app.user().await;
    let id = id_of(&user).await;
    let by_hand = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    by_hand.busy_timeout(Duration::from_secs(5)).unwrap();
    by_hand
        .execute_batch(
            "CREATE TRIGGER stuck BEFORE UPDATE OF state ON holds WHEN old.request_id = 'stuck'
             BEGIN SELECT RAISE(ABORT, 'on purpose'); END;",
        )
        .unwrap();
    // More than one sweep takes, all of them before the one that can be ended, and one of a kind from another version.
    join_all((0..520).map(|_| hold(&app, id, "stuck", 1))).await;
    let unknown = hold(&app, id, "unknown", 0).await;
    by_hand.execute("UPDATE holds SET kind = 'video' WHERE id = ?1", [unknown]).unwrap();
    hold(&app, id, "dead", 2).await;
    let begun = Instant::now();
    while user.credits().await["held"] != json!(521) {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", user.credits().await);
        sleep(Duration::from_millis(200)).await;
    }
    // What was recovered has a trace of its own under the id of its request; what could not be ended has none.
    app.state.generation.traces.flush().await;
    let recovered = app.state.stores.traces.find("dead").await.unwrap();
    assert_eq!((recovered.len(), &*recovered[0].what, recovered[0].user), (1, "recovery", Some(id)));
    assert_eq!(recovered[0].steps[0].kind, StepKind::Release);
    assert!(app.state.stores.traces.find("stuck").await.unwrap().is_empty());
    let metrics = user.get("/metrics").send().await.unwrap().text().await.unwrap();
    let failures = metrics.lines().find_map(|line| line.strip_prefix("tessera_recovery_failures_total ")).unwrap();
    assert!(failures.parse::<u64>().unwrap() >= 500, "{failures}");
    app.assert_books_balance().await;
    // And once they can be ended, they are.
    by_hand.execute_batch("DROP TRIGGER stuck").unwrap();
    while user.credits().await["held"] != json!(1) {
        assert!(begun.elapsed() < Duration::from_mins(2), "{}", user.credits().await);
        sleep(Duration::from_millis(200)).await;
    }
    app.assert_books_balance().await;
}

/// As after an outage of the database that was longer than a lease: whichever timer is first.
#[tokio::test(flavor = "multi_thread")]
async fn work_that_runs_here_is_never_swept_here() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let owner = id_of(&user).await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=5 #pause=8000"})).await;
    let (_, start) = events.next_named("start").await;
    let id: WorkId = start["messageId"].as_str().unwrap().parse().unwrap();
    let (credits, begun) = (app.state.stores.credits.clone(), Instant::now());
    let expire = async {
        // For longer than a new database is left alone.
        while begun.elapsed() < Duration::from_secs(42) {
            credits.renew_holds(vec![HoldId { id, owner: owner.into() }], 1).await.unwrap();
            sleep(Duration::from_millis(10)).await;
        }
    };
    let ((text, last), ()) = tokio::join!(events.rest(), expire);
    assert_eq!((text.as_str(), last.event.as_str()), ("word1 word2 word3 word4 word5 ", "done"));
    assert_eq!(user.ledger_kinds().await, ["grant", "hold", "settle"]);
    app.assert_books_balance().await;
}
