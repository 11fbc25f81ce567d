//! What is looked up in one go is what several looks would have found.

use tessera::account::server::plans::Period;
use tessera::account::server::sessions::Preferences;
use tessera::account::server::sessions::store::{Known, Session};
use tessera::chat::MAX_PINNED;
use tessera::chat::server::store::ConversationFilter;
use tessera::credits::server::budgets::BudgetPlan;
use tessera::credits::server::store::{HoldEnd, HoldOutcome};
use tessera::platform::amount::Amount;
use tessera::platform::db::now_millis;
use tessera::platform::ids::{ImageId, OwnerId};

use crate::contracts::over_every_store;
use crate::ledger::hold_of;
use crate::stores::{exchange, new_user, pinned};

fn session(token: u8, now: i64) -> Session {
    Session {
        token: [token; 32],
        device: "Firefox on Linux".into(),
        address: "192.0.2.7".into(),
        created_at: now,
        last_used_at: now,
        confirmed_at: now,
        expires_at: now + 1000,
    }
}

over_every_store! {
    async fn with_a_session_comes_what_is_known_of_its_user(stores) {
        let (user, other, now) = (new_user(&stores).await, new_user(&stores).await, now_millis());
        stores.sessions.create(user, session(1, now), 3).await.unwrap();
        stores.sessions.create(other, session(2, now), 3).await.unwrap();
        let look = async |token: u8, at: i64| stores.sessions.find_signed_in([token; 32], at).await.unwrap();
        let bare = look(1, now).await.unwrap();
        assert_eq!((bare.user.id, bare.session, bare.periods.len(), bare.known), (user, session(1, now), 0, Known::default()));
        let budgets = BudgetPlan { time_zone: "Europe/Berlin".to_owned(), budgets: Vec::new() };
        stores.credits.set_budgets(user.into(), user, budgets.clone()).await.unwrap();
        let chosen = Preferences { provider: Some("openai".to_owned()), ..Preferences::default() };
        stores.accounts.set_profile(user, None, &chosen).await.unwrap();
        let avatar = ImageId::now_v7();
        stores.images.set_avatar(user, Some(avatar)).await.unwrap();
        let period = |id: &str, from: i64| Period {
            id: id.to_owned(), name: "pro".to_owned(), per_minute: 60, from, until: from + 9, is_prepaid: false,
        };
        for (id, from) in [("b", 20), ("a", 10)] {
            stores.plans.set_period(user, period(id, from)).await.unwrap();
        }
        let found = look(1, now).await.unwrap();
        let known = Known { budgets, provider: chosen.provider, avatar: Some(avatar) };
        assert_eq!((found.known, found.periods.len()), (known, 2));
        assert!(found.periods.contains(&period("a", 10)) && found.periods.contains(&period("b", 20)));
        let others = look(2, now).await.unwrap();
        assert_eq!((others.user.id, others.known, others.periods), (other, Known::default(), Vec::new()));
        assert!(look(1, now + 1000).await.is_none() && look(3, now).await.is_none());
        stores.sessions.delete([1; 32]).await.unwrap();
        assert!(look(1, now).await.is_none());
    }

    async fn the_list_beside_a_page_is_what_is_pinned_and_a_page_of_the_others(stores) {
        let (user, other, chats) = (new_user(&stores).await, new_user(&stores).await, stores.chats.clone());
        for n in 0..9 {
            let new = exchange(user, &format!("talk {n}"));
            let id = new.conversation;
            chats.begin_exchange(new, 0).await.unwrap().unwrap();
            if n % 3 == 0 {
                chats.change_conversation(user, id, pinned(true)).await.unwrap();
            }
        }
        chats.begin_exchange(exchange(other, "not of this user"), 0).await.unwrap().unwrap();
        let list = async |is_pinned: bool, after: Option<&str>, limit: usize| {
            let filter = ConversationFilter { pinned: Some(is_pinned), ..ConversationFilter::default() };
            chats.list_conversations(user, &filter, after, limit).await.unwrap().unwrap()
        };
        let above = list(true, None, MAX_PINNED).await.items;
        let mut after: Option<String> = None;
        for has_more in [true, false] {
            let (beside, others) = (
                chats.list_sidebar(user, after.as_deref(), 4).await.unwrap(),
                list(false, after.as_deref(), 4).await,
            );
            assert_eq!((&beside.items[..3], &beside.items[3..]), (&above[..], &others.items[..]));
            assert_eq!(beside.next_cursor, others.next_cursor);
            assert_eq!(others.next_cursor.is_some(), has_more);
            after = others.next_cursor;
        }
        let lost = chats.list_sidebar(user, Some("none of ours"), 4).await.unwrap();
        assert_eq!((lost.items, lost.next_cursor), (above, None));
    }

    async fn a_statement_is_the_account_with_its_open_holds_and_entries(stores) {
        let (store, owner) = (stores.credits, OwnerId::now_v7());
        let new = async || store.statement(owner, "first", None, 9).await.unwrap().unwrap();
        let opened = new().await;
        assert_eq!((opened.state.balance.available, opened.open.len(), opened.entries.items.len()), (Amount::credits(10), 0, 1));
        let (one, two) = (hold_of(owner, 3), hold_of(owner, 4));
        for hold in [&one, &two] {
            assert!(matches!(store.hold(hold.clone()).await.unwrap(), HoldOutcome::Held { .. }));
        }
        // Once, also where it is said twice, and never more than is held.
        for _ in 0..2 {
            let settled = store.settle_stored(&one.held(), Amount::credits(5)).await.unwrap().unwrap();
            assert_eq!((settled.0, settled.1.available), (HoldEnd::Settle(Amount::credits(3)), Amount::credits(3)));
        }
        let found = new().await;
        assert_eq!(found.state, store.account(owner, "then").await.unwrap());
        assert_eq!(found.open, [two.id]);
        assert_eq!(found.entries, store.ledger(owner, None, 9).await.unwrap().unwrap());
        assert!(store.statement(owner, "then", Some("none of ours"), 9).await.unwrap().is_none());
    }
}
