//! The contract of `PasskeyStore`, and what it shares with `IdentityStore`: the last way to sign in.

use futures::future::join_all;
use tessera::account::server::oidc::store::Identity;
use tessera::account::server::passkeys::store::{Added, Ceremony, StoredPasskey};
use tessera::account::server::ways::Unlinked;
use tessera::platform::ids::{IdentityId, PasskeyId, UserId};
use tessera::platform::secret::hash_secret;

use crate::contracts::over_every_store;
use crate::identities::user;

fn passkey(user: UserId, credential_id: &str) -> StoredPasskey {
    StoredPasskey {
        id: PasskeyId::now_v7(),
        user,
        credential_id: credential_id.as_bytes().to_vec(),
        credential: "{}".into(),
        counter: 0,
        name: "Laptop".into(),
        device: "Firefox on Linux".into(),
        created_at: 1_800_000_000_000,
        last_used_at: None,
    }
}

fn identity(user: UserId) -> Identity {
    let id = IdentityId::now_v7();
    Identity {
        id,
        issuer: "https://id.example.org".into(),
        subject: id.to_string(),
        user,
        shown_as: String::new(),
        created_at: 1_800_000_000_000,
    }
}

over_every_store! {
    async fn a_passkey_is_kept_as_it_is_and_is_one_users(stores) {
        let (ada, bob) = (user(&stores, Some("$argon2id$…")).await, user(&stores, Some("$argon2id$…")).await);
        let (first, second) = (passkey(ada, "one"), passkey(ada, "two"));
        for one in [&first, &second] {
            assert_eq!(stores.passkeys.add(one.clone(), 20).await.unwrap(), Added::Done);
        }
        assert_eq!(stores.passkeys.add(passkey(bob, "one"), 20).await.unwrap(), Added::Taken);
        assert_eq!(stores.passkeys.find(b"one").await.unwrap().as_ref(), Some(&first));
        assert_eq!(stores.passkeys.find(b"on").await.unwrap(), None);
        assert_eq!(stores.passkeys.list(ada).await.unwrap(), [first.clone(), second.clone()]);
        assert_eq!(stores.passkeys.list(bob).await.unwrap(), []);
        assert!(!stores.passkeys.rename(bob, first.id, "Mine").await.unwrap(), "not somebody else's");
        assert!(stores.passkeys.rename(ada, first.id, "Phone").await.unwrap());
        assert_eq!(stores.passkeys.remove(bob, first.id).await.unwrap(), Unlinked::Unknown);
        let found = stores.passkeys.find(b"one").await.unwrap().unwrap();
        assert_eq!(found, StoredPasskey { name: "Phone".into(), ..first.clone() });
        assert_eq!(stores.passkeys.remove(ada, first.id).await.unwrap(), Unlinked::Done);
        assert_eq!(stores.passkeys.remove(ada, first.id).await.unwrap(), Unlinked::Unknown);
        assert_eq!(stores.passkeys.find(b"one").await.unwrap(), None);
        // The user goes.
        stores.passkeys.begin(hash_secret("h"), Ceremony { user: Some(ada), state: "s".into(), expires_at: 9 }).await.unwrap();
        stores.passkeys.delete_of_user(ada).await.unwrap();
        assert_eq!(stores.passkeys.list(ada).await.unwrap(), []);
        assert_eq!(stores.passkeys.take(hash_secret("h"), 0).await.unwrap(), None);
    }

    async fn a_user_has_so_many_passkeys_and_no_more(stores) {
        let ada = user(&stores, None).await;
        let added = join_all((0..12).map(|n| stores.passkeys.add(passkey(ada, &format!("ada {n}")), 5))).await;
        let added: Vec<_> = added.into_iter().map(Result::unwrap).collect();
        assert_eq!(added.iter().filter(|added| **added == Added::Done).count(), 5, "{added:?}");
        assert_eq!(added.iter().filter(|added| **added == Added::TooMany).count(), 7, "{added:?}");
        let passkeys = stores.passkeys.list(ada).await.unwrap();
        assert_eq!(passkeys.len(), 5);
        assert_eq!(stores.passkeys.remove(ada, passkeys[2].id).await.unwrap(), Unlinked::Done);
        assert_eq!(stores.passkeys.add(passkey(ada, "again"), 5).await.unwrap(), Added::Done);
        // One that is the same in many hands is added once.
        let bob = user(&stores, None).await;
        let same = join_all((0..10).map(|_| stores.passkeys.add(passkey(bob, "the same"), 5))).await;
        assert_eq!(same.iter().filter(|added| matches!(added, Ok(Added::Done))).count(), 1);
        assert_eq!(same.iter().filter(|added| matches!(added, Ok(Added::Taken))).count(), 9);
    }

    async fn a_ceremony_is_taken_once_and_not_after_its_time(stores) {
        let ada = user(&stores, None).await;
        let (of_ada, of_nobody) = (
            Ceremony { user: Some(ada), state: r#"{"a":"ä"}"#.into(), expires_at: 2000 },
            Ceremony { user: None, state: "{}".into(), expires_at: 2000 },
        );
        stores.passkeys.begin(hash_secret("one"), of_ada.clone()).await.unwrap();
        stores.passkeys.begin(hash_secret("two"), of_nobody.clone()).await.unwrap();
        let takes = join_all((0..20).map(|_| stores.passkeys.take(hash_secret("one"), 1999))).await;
        let taken: Vec<_> = takes.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(taken, [of_ada]);
        assert_eq!(stores.passkeys.take(hash_secret("two"), 2000).await.unwrap(), None, "too late");
        assert_eq!(stores.passkeys.take(hash_secret("two"), 1999).await.unwrap(), Some(of_nobody.clone()));
        stores.passkeys.begin(hash_secret("three"), of_nobody).await.unwrap();
        stores.passkeys.delete_expired(2000).await.unwrap();
        assert_eq!(stores.passkeys.take(hash_secret("three"), 0).await.unwrap(), None);
    }

    async fn a_counter_only_goes_on(stores) {
        let ada = user(&stores, None).await;
        let one = passkey(ada, "counts");
        stores.passkeys.add(one.clone(), 20).await.unwrap();
        let seen = async |counter: u32| stores.passkeys.keep_use(one.id, format!("{{\"at\":{counter}}}"), counter, 7).await.unwrap();
        assert!(seen(0).await && seen(0).await, "one that does not count");
        assert!(seen(u32::MAX - 9).await, "as many as there are");
        assert!(!seen(u32::MAX - 9).await && !seen(5).await && !seen(0).await);
        // Of many that are the same count, one is it.
        let same = join_all((0..10).map(|_| seen(u32::MAX))).await;
        assert_eq!(same.into_iter().filter(|kept| *kept).count(), 1);
        let found = stores.passkeys.find(b"counts").await.unwrap().unwrap();
        assert_eq!((found.counter, found.last_used_at), (u32::MAX, Some(7)));
        assert_eq!(found.credential, format!("{{\"at\":{}}}", u32::MAX));
        assert!(!stores.passkeys.keep_use(PasskeyId::now_v7(), String::new(), 1, 7).await.unwrap(), "one that is gone");
    }

    async fn the_last_way_stays_whichever_it_is(stores) {
        // However many are taken away at once, and of whichever kind.
        for _ in 0..10 {
            let ada = user(&stores, None).await;
            let (passkeys, identities) = ([passkey(ada, "p1"), passkey(ada, "p2")], [identity(ada), identity(ada)]);
            for one in &passkeys {
                assert_eq!(stores.passkeys.add(one.clone(), 20).await.unwrap(), Added::Done);
            }
            for one in &identities {
                stores.identities.add(one.clone()).await.unwrap();
            }
            let (gone, gone_too) = tokio::join!(
                join_all(passkeys.iter().map(|one| stores.passkeys.remove(ada, one.id))),
                join_all(identities.iter().map(|one| stores.identities.remove(ada, one.id))),
            );
            let gone: Vec<_> = gone.into_iter().chain(gone_too).map(Result::unwrap).collect();
            let left = stores.passkeys.list(ada).await.unwrap().len() + stores.identities.list(ada).await.unwrap().len();
            assert!(left >= 1, "{gone:?}");
            assert_eq!(left, gone.iter().filter(|gone| **gone == Unlinked::LastWay).count(), "{gone:?}");
            stores.passkeys.delete_of_user(ada).await.unwrap();
        }
        let bob = user(&stores, None).await;
        let (of_passkey, of_provider) = (passkey(bob, "bob's"), identity(bob));
        stores.passkeys.add(of_passkey.clone(), 20).await.unwrap();
        assert_eq!(stores.passkeys.remove(bob, of_passkey.id).await.unwrap(), Unlinked::LastWay);
        // A passkey is a way for an identity, and the other way round.
        stores.identities.add(of_provider.clone()).await.unwrap();
        assert_eq!(stores.identities.remove(bob, of_provider.id).await.unwrap(), Unlinked::Done);
        assert_eq!(stores.passkeys.remove(bob, of_passkey.id).await.unwrap(), Unlinked::LastWay);
        stores.identities.add(of_provider.clone()).await.unwrap();
        assert_eq!(stores.passkeys.remove(bob, of_passkey.id).await.unwrap(), Unlinked::Done);
        assert_eq!(stores.identities.remove(bob, of_provider.id).await.unwrap(), Unlinked::LastWay);
        assert!(stores.identities.set_first_password(bob, "$argon2id$…".into()).await.unwrap());
        assert_eq!(stores.identities.remove(bob, of_provider.id).await.unwrap(), Unlinked::Done);
    }
}
