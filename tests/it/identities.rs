//! The contract of `IdentityStore`.

use futures::future::join_all;
use tessera::account::Role;
use tessera::account::server::oidc::store::{Identity, Unlinked};
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User;
use tessera::app::stores::Stores;
use tessera::platform::ids::{IdentityId, UserId};
use tessera::platform::secret::hash_secret;

use crate::contracts::over_every_store;

fn identity(subject: &str, user: UserId) -> Identity {
    Identity {
        id: IdentityId::now_v7(),
        issuer: "https://id.example.org".into(),
        subject: subject.into(),
        user,
        shown_as: "ada@example.org".into(),
        created_at: 1_800_000_000_000,
    }
}

pub async fn user(stores: &Stores, password_hash: Option<&str>) -> UserId {
    let id = UserId::now_v7();
    let user = User {
        id,
        email: format!("{id}@example.org"),
        name: "Ada".into(),
        password_hash: password_hash.map(str::to_owned),
        email_verified_at: None,
        role: Role::User,
        status: UserStatus::Active,
    };
    assert!(stores.accounts.create_user(user.clone()).await.unwrap());
    // Neither the id nor the address is taken twice, and that is no failure.
    assert!(!stores.accounts.create_user(user.clone()).await.unwrap());
    assert!(!stores.accounts.create_user(User { email: format!("b{id}@example.org"), ..user }).await.unwrap());
    id
}

over_every_store! {
    async fn an_identity_is_one_users_however_many_want_it_at_once(stores) {
        let users: Vec<_> = (0..20).map(|_| UserId::now_v7()).collect();
        let added = join_all(users.iter().map(|user| stores.identities.add(identity("1", *user)))).await;
        let owners: Vec<_> = added.into_iter().map(Result::unwrap).collect();
        assert!(owners.iter().all(|owner| *owner == owners[0]) && users.contains(&owners[0]), "{owners:?}");
        assert_eq!(stores.identities.find("https://id.example.org", "1").await.unwrap(), Some(owners[0]));
        assert_eq!(stores.identities.find("https://id.example.org", "2").await.unwrap(), None);
        assert_eq!(stores.identities.find("https://other.example.org", "1").await.unwrap(), None);
        // Nobody came to be that user.
        stores.identities.remove_orphan("https://id.example.org", "1", UserId::now_v7()).await.unwrap();
        assert!(stores.identities.find("https://id.example.org", "1").await.unwrap().is_some());
        stores.identities.remove_orphan("https://id.example.org", "1", owners[0]).await.unwrap();
        assert_eq!(stores.identities.find("https://id.example.org", "1").await.unwrap(), None);
        let ada = user(&stores, None).await;
        let whole = identity("1", ada);
        assert_eq!(stores.identities.add(whole.clone()).await.unwrap(), ada);
        stores.identities.remove_orphan("https://id.example.org", "1", ada).await.unwrap();
        assert_eq!(stores.identities.list(ada).await.unwrap(), [whole]);
    }

    async fn the_last_way_in_stays_whatever_goes_at_once(stores) {
        let ada = user(&stores, None).await;
        let all = [identity("a", ada), identity("b", ada), identity("c", ada)];
        for one in &all {
            stores.identities.add(one.clone()).await.unwrap();
        }
        let other = user(&stores, None).await;
        assert_eq!(stores.identities.remove(other, all[0].id).await.unwrap(), Unlinked::Unknown);
        let gone = join_all(all.iter().map(|one| stores.identities.remove(ada, one.id))).await;
        let left = stores.identities.list(ada).await.unwrap();
        assert!(!left.is_empty(), "{gone:?}");
        // Those that saw each other going may all have stayed; one after the other, all but one go.
        for one in &left {
            stores.identities.remove(ada, one.id).await.unwrap();
        }
        let left = stores.identities.list(ada).await.unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(stores.identities.remove(ada, left[0].id).await.unwrap(), Unlinked::LastWay);
        // With a password it is not the last.
        assert!(stores.identities.set_first_password(ada, "$argon2id$…".into()).await.unwrap());
        assert!(!stores.identities.set_first_password(ada, "$argon2id$other".into()).await.unwrap());
        let found = stores.accounts.find_user_by_id(ada).await.unwrap().unwrap();
        assert_eq!(found.password_hash.as_deref(), Some("$argon2id$…"));
        assert_eq!(stores.identities.remove(ada, left[0].id).await.unwrap(), Unlinked::Done);
        assert_eq!(stores.identities.remove(ada, left[0].id).await.unwrap(), Unlinked::Unknown);
    }

    async fn what_is_put_aside_is_taken_once_and_in_time(stores) {
        let ada = user(&stores, Some("$argon2id$…")).await;
        let aside = identity("1", ada);
        for (token, expires_at) in [("one", 2000), ("two", 1000)] {
            stores.identities.put_aside(hash_secret(token), aside.clone(), expires_at).await.unwrap();
        }
        assert_eq!(stores.identities.take(hash_secret("two"), 1000).await.unwrap(), None);
        let takes = join_all((0..10).map(|_| stores.identities.take(hash_secret("one"), 1999))).await;
        let taken: Vec<_> = takes.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(taken, std::slice::from_ref(&aside));
        stores.identities.add(aside.clone()).await.unwrap();
        stores.identities.put_aside(hash_secret("four"), aside.clone(), 2000).await.unwrap();
        stores.identities.delete_of_user(ada).await.unwrap();
        assert_eq!(stores.identities.list(ada).await.unwrap(), []);
        assert_eq!(stores.identities.take(hash_secret("four"), 0).await.unwrap(), None);
        stores.identities.put_aside(hash_secret("three"), aside, 1000).await.unwrap();
        stores.identities.delete_expired(1000).await.unwrap();
        assert_eq!(stores.identities.take(hash_secret("three"), 0).await.unwrap(), None);
    }
}
