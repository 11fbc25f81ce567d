//! A database of release 0.2, whose server was killed under load, is brought up to date: no credit comes or goes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::credits::Origin;
use tessera::platform::amount::Amount;
use tessera::platform::ids::OwnerId;

use crate::ledger::credits;
use crate::support::assert_audit_is_clean;

/// Twenty-four users with ten credits each, an API key with a budget of five, 198 answers that are paid for and ten that
/// were being written.
fn database_of_before() -> TempDir {
    let data = TempDir::new().unwrap();
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ledger_0_2.db.gz");
    let unpacked = Command::new("gzip").args(["-dc", packed]).output().unwrap();
    assert!(unpacked.status.success());
    std::fs::write(data.path().join("tessera.db"), unpacked.stdout).unwrap();
    data
}

async fn stores(data: &Path) -> Stores {
    let vars = [("DATA_DIR".to_owned(), data.to_str().unwrap().to_owned())];
    Stores::open(&Config::from_vars(&vars.into()).unwrap()).await.unwrap()
}

fn owners(data: &Path) -> Vec<OwnerId> {
    let by_hand = rusqlite::Connection::open(data.join("tessera.db")).unwrap();
    let mut owners = by_hand.prepare("SELECT owner_id FROM accounts").unwrap();
    owners.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

async fn assert_nothing_is_lost(data: &Path) {
    let stores = stores(data).await;
    let store = stores.credits.as_ref();
    let report = store.audit().await.unwrap();
    assert_eq!((report.accounts, report.entries, report.open_holds), (24, 430, 10));
    assert_audit_is_clean(store).await;
    let (mut available, mut held, mut by_keys) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
    for owner in owners(data) {
        let account = store.account(owner, "r").await.unwrap();
        available += account.balance.available;
        held += account.balance.held;
        by_keys += store.spending(owner).await.unwrap().into_values().sum();
        let lots = account.lots.as_slice();
        assert!(lots.len() <= 1 && lots.iter().all(|lot| lot.origin == Origin::Promo && lot.at > 0), "{lots:?}");
        for hold in store.open_holds(owner).await.unwrap() {
            assert_eq!((hold.amount, hold.ceiling, OwnerId::from(hold.user)), (credits(1), credits(1), owner));
            // It ends as any other does.
            assert!(store.is_published(hold.hold_id()).await.unwrap());
            assert_eq!(store.hold_ceiling(hold.hold_id()).await.unwrap(), Some(credits(1)));
        }
        let entries = store.ledger(owner, None, 100).await.unwrap().unwrap().items;
        assert_eq!(entries.last().unwrap().amount, credits(10));
        assert!(entries.iter().all(|entry| entry.amount.micros() % 1_000_000 == 0 && entry.lots.is_empty()));
    }
    assert_eq!((available, held, by_keys), (credits(32), credits(10), credits(72)));
    let by_hand = rusqlite::Connection::open(data.join("tessera.db")).unwrap();
    let (answers, budgets): (Amount, Amount) = by_hand
        .query_row("SELECT (SELECT sum(credits) FROM messages), (SELECT sum(budget) FROM api_keys)", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(budgets, credits(24 * 5));
    // Those that were being written have no price yet.
    assert!(answers <= credits(198) && answers > credits(100), "{answers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_before_keeps_every_credit() {
    let data = database_of_before();
    assert_nothing_is_lost(data.path()).await;
}

/// Numbers of entries go on after those of before: pages of the ledger are read by them.
#[tokio::test(flavor = "multi_thread")]
async fn entries_of_before_keep_their_numbers_and_new_ones_follow() {
    let data = database_of_before();
    let numbers = || {
        let by_hand = rusqlite::Connection::open(data.path().join("tessera.db")).unwrap();
        let mut numbers = by_hand.prepare("SELECT seq, key FROM ledger ORDER BY seq").unwrap();
        let rows = numbers.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<Vec<(i64, String)>, _>>().unwrap()
    };
    let before = numbers();
    let store = stores(data.path()).await.credits;
    let owner = OwnerId::now_v7();
    store.balance(owner, "r").await.unwrap();
    let after = numbers();
    let (last, new) = (before.last().unwrap().0, after.last().unwrap());
    assert_eq!(after[..before.len()], before);
    assert_eq!((after.len(), new), (before.len() + 1, &(last + 1, format!("grant:welcome:{owner}"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_is_killed_goes_on_where_it_can() {
    let data = database_of_before();
    for wait in [1, 2, 4, 6, 8, 10, 12, 15, 20, 30] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tessera"))
            .arg("audit")
            .current_dir(data.path())
            .env_clear()
            .env("DATA_DIR", data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        program.kill().unwrap();
        program.wait().unwrap();
    }
    assert_nothing_is_lost(data.path()).await;
}
