//! What users are told of their credits by mail: each once and only to an address that is theirs.

use serde_json::json;
use tessera::credits::server::store::{LotTerms, NewPosting, PostingKind};
use tessera::platform::db::now_millis;
use tessera::platform::ids::OwnerId;
use tessera::platform::time::DAY;

use crate::contracts::over_every_store;
use crate::fake_smtp::{FakeSmtp, Received};
use crate::ledger::posting;
use crate::mail;
use crate::support::{TestApp, User};

over_every_store! {
    async fn of_many_who_ask_at_once_one_tells(stores) {
        let owner = OwnerId::now_v7();
        let claims = (0..20).map(|_| {
            let notices = stores.notices.clone();
            tokio::spawn(async move { notices.claim(owner, "low", 1_000, 500).await.unwrap() })
        });
        let mut told = 0;
        for claim in claims.collect::<Vec<_>>() {
            told += usize::from(claim.await.unwrap());
        }
        assert_eq!(told, 1);
        let claim = async |owner, key: &str, now, again| stores.notices.claim(owner, key, now, again).await.unwrap();
        assert!(claim(owner, "other", 1_000, 0).await && claim(OwnerId::now_v7(), "low", 1_000, 0).await);
        assert!(!claim(owner, "low", 1_500, 1_000).await, "it was told then");
        assert!(claim(owner, "low", 1_501, 1_001).await && !claim(owner, "low", 1_502, 1_001).await);
        stores.notices.forget_before(1_500).await.unwrap();
        assert!(claim(owner, "other", 1_600, 0).await, "it is forgotten");
        assert!(!claim(owner, "low", 1_600, 0).await);
    }

    async fn accounts_are_found_by_when_their_credits_expire(stores) {
        let now = now_millis();
        let mut due = Vec::new();
        for days in [3, 1, 2, 2, 40, -1] {
            let owner = OwnerId::now_v7();
            let at = now + days * DAY;
            let terms = LotTerms { expires_at: Some(at), ..LotTerms::default() };
            stores.credits.post(NewPosting { terms, ..posting(owner, PostingKind::Grant, 5, "gift") }).await.unwrap();
            if (1..=30).contains(&days) {
                due.push((at, owner));
            }
        }
        due.sort_unstable();
        let mut found = Vec::new();
        loop {
            let after = found.last().copied();
            let more = stores.credits.expiring_accounts(now, now + 30 * DAY, after, 1).await.unwrap();
            if more.is_empty() {
                break;
            }
            found.extend(more);
        }
        assert_eq!(found, due);
    }
}

async fn confirmed(app: &TestApp, smtp: &FakeSmtp) -> User {
    let user = app.user().await;
    let token = smtp.mail(&user.email, 1).await.token();
    assert_eq!(app.visitor().post_json("/api/auth/verify-email", &json!({"token": token})).await.0, 200);
    user
}

async fn give(app: &TestApp, user: &User, amount: i64, expires_at: i64) {
    let terms = LotTerms { expires_at: Some(expires_at), ..LotTerms::default() };
    let gift = NewPosting { terms, ..posting(owner(user).await, PostingKind::Grant, amount, &expires_at.to_string()) };
    app.state.stores.credits.post(gift).await.unwrap();
}

async fn owner(user: &User) -> OwnerId {
    let (_, me) = user.get_json("/api/auth/me").await;
    me["data"]["id"].as_str().unwrap().parse::<tessera::platform::ids::UserId>().unwrap().into()
}

fn of_credits(smtp: &FakeSmtp, user: &User) -> Vec<String> {
    let mails = smtp.mails_to(&user.email);
    mails.iter().map(Received::text).filter(|text| text.to_lowercase().contains("credits")).collect()
}

#[tokio::test]
async fn few_credits_left_are_told_by_one_mail() {
    let (app, smtp) = mail::start(&[("FREE_CREDITS", "4"), ("LOW_CREDITS", "3")]).await;
    let (user, stranger) = (confirmed(&app, &smtp).await, app.user().await);
    for user in [&user, &stranger] {
        for message in ["first", "second", "third"] {
            assert_eq!(user.chat(message).await.0, 200);
        }
    }
    smtp.mail(&user.email, 2).await;
    app.state.outbox.drain(std::time::Duration::from_secs(30)).await;
    let told = of_credits(&smtp, &user);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("running low") && told[0].contains("https://chat.example.org/buy-credits"), "{told:?}");
    assert_eq!(of_credits(&smtp, &stranger), Vec::<String>::new(), "nobody knows whose address that is");
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_that_expire_are_told_by_one_mail_for_each_time() {
    let (app, smtp) = mail::start(&[]).await;
    let (user, other) = (confirmed(&app, &smtp).await, confirmed(&app, &smtp).await);
    let chinese = user.post_form("/account/profile", &[("name", "Ada"), ("language", "zh-Hans")]).send().await.unwrap();
    assert!(chinese.status().is_redirection() || chinese.status().is_success());
    give(&app, &user, 7, now_millis() + 6 * DAY).await;
    let notices = app.state.generation.notices.clone().unwrap();
    let at_once: Vec<_> = (0..8)
        .map(|_| {
            let notices = notices.clone();
            tokio::spawn(async move { notices.tell_of_expiry().await.unwrap() })
        })
        .collect();
    for told in at_once {
        told.await.unwrap();
    }
    smtp.mail(&user.email, 2).await;
    give(&app, &user, 2, now_millis() + DAY / 2).await;
    notices.tell_of_expiry().await.unwrap();
    smtp.mail(&user.email, 3).await;
    notices.tell_of_expiry().await.unwrap();
    app.state.outbox.drain(std::time::Duration::from_secs(30)).await;
    let mails = smtp.mails_to(&user.email);
    assert_eq!(mails.len(), 3, "one to confirm the address, one for each time");
    assert!(mails[1].text().contains('7') && mails[1].text().contains("/dashboard"), "{}", mails[1].text());
    assert_eq!(smtp.mails_to(&other.email).len(), 1);
}
