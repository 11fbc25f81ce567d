//! A reply begins with its hold and ends with its settlement, in one step each, where a store has both.

use tessera::app::stores::Stores;
use tessera::chat::MessageState;
use tessera::chat::server::store::NewExchange;
use tessera::credits::Balance;
use tessera::credits::server::store::{HoldEnd, HoldOutcome, NewHold};
use tessera::platform::amount::Amount;
use tessera::platform::ids::{MessageId, UserId};

use crate::contracts::over_every_store;
use crate::ledger::{credits, hold_of};
use crate::stores::{exchange, finished, new_user, next};

/// The hold of a reply.
fn hold_for(exchange: &NewExchange, amount: i64) -> NewHold {
    NewHold { id: exchange.reply_id.into(), ..hold_of(exchange.user, amount) }
}

async fn state(stores: &Stores, user: UserId, reply: MessageId) -> Option<MessageState> {
    stores.chats.find_message(user, reply).await.unwrap().map(|reply| reply.message.state)
}

async fn balance(stores: &Stores, user: UserId) -> Balance {
    stores.credits.balance(user.into(), "r").await.unwrap()
}

/// Free credits of a new account, less what is held and spent.
fn left(held: i64, spent: i64) -> Balance {
    Balance { available: credits(10 - held - spent), held: credits(held), debt: Amount::ZERO }
}

over_every_store! {
    async fn what_is_not_paid_for_is_not_begun(stores) {
        let user = new_user(&stores).await;
        let begun = exchange(user, "tides");
        let hold = hold_for(&begun, 1);
        let Some((outcome, past)) = stores.chats.begin_paid(hold.clone(), begun.clone(), 40).await.unwrap() else {
            // The credits are kept apart: nothing was done.
            assert_eq!(balance(&stores, user).await, left(0, 0));
            assert_eq!(state(&stores, user, begun.reply_id).await, None);
            return;
        };
        assert!(matches!(outcome, HoldOutcome::Held { .. }) && past.is_some(), "{outcome:?}");
        assert_eq!(balance(&stores, user).await, left(1, 0));
        assert_eq!(state(&stores, user, begun.reply_id).await, Some(MessageState::Running));
        // More than there is: neither.
        let dear = next(&begun, "dear");
        let refused = stores.chats.begin_paid(hold_for(&dear, 10), dear.clone(), 40).await.unwrap();
        assert_eq!(refused, Some((HoldOutcome::Insufficient { available: credits(9) }, None)));
        assert_eq!(state(&stores, user, dear.reply_id).await, None);
        // In a conversation that is not there: the hold is for its holder to end.
        let lost = NewExchange { new_title: None, ..exchange(user, "lost") };
        let (outcome, past) = stores.chats.begin_paid(hold_for(&lost, 2), lost.clone(), 40).await.unwrap().unwrap();
        assert!(matches!(outcome, HoldOutcome::Held { .. }) && past.is_none(), "{outcome:?}");
        assert_eq!((balance(&stores, user).await, state(&stores, user, lost.reply_id).await), (left(3, 0), None));
        // What cannot be stored takes its hold with it: this message is there already.
        let twice = NewExchange { reply_id: MessageId::now_v7(), ..begun.clone() };
        stores.chats.begin_paid(hold_for(&twice, 1), twice.clone(), 40).await.unwrap_err();
        assert_eq!((balance(&stores, user).await, state(&stores, user, twice.reply_id).await), (left(3, 0), None));
    }

    async fn what_is_charged_for_is_stored(stores) {
        let user = new_user(&stores).await;
        let begun = exchange(user, "tides");
        let hold = hold_for(&begun, 3);
        let reply = finished(&begun, "The moon.");
        let Some(_) = stores.chats.begin_paid(hold.clone(), begun.clone(), 40).await.unwrap() else {
            stores.credits.hold(hold.clone()).await.unwrap();
            stores.chats.begin_exchange(begun.clone(), 40).await.unwrap().unwrap();
            assert_eq!(stores.chats.finish_paid(reply, hold.held().hold_id()).await.unwrap(), None);
            assert_eq!(balance(&stores, user).await, left(3, 0));
            assert_eq!(state(&stores, user, begun.reply_id).await, Some(MessageState::Running));
            return;
        };
        let hold = hold.held().hold_id();
        // The same end again is the same end.
        for _ in 0..2 {
            let ended = stores.chats.finish_paid(reply.clone(), hold).await.unwrap();
            assert_eq!(ended, Some((HoldEnd::Settle(credits(1)), left(0, 1))));
            assert_eq!(state(&stores, user, begun.reply_id).await, Some(MessageState::Complete));
        }
        let entries = stores.credits.ledger(user.into(), None, 100).await.unwrap().unwrap().items;
        assert_eq!(entries.len(), 3, "{entries:?}");
    }

    async fn what_has_ended_otherwise_is_not_charged_for(stores) {
        let user = new_user(&stores).await;
        let (given_up, deleted) = (exchange(user, "given up"), exchange(user, "deleted"));
        let unpaid = exchange(user, "unpaid");
        for begun in [&given_up, &deleted] {
            if stores.chats.begin_paid(hold_for(begun, 1), begun.clone(), 40).await.unwrap().is_none() {
                return;
            }
        }
        stores.chats.abandon_reply(given_up.reply_id).await.unwrap();
        stores.chats.delete_conversation(user, deleted.conversation).await.unwrap().unwrap();
        for begun in [&given_up, &deleted] {
            let hold = hold_for(begun, 1).held().hold_id();
            assert_eq!(stores.chats.finish_paid(finished(begun, "late"), hold).await.unwrap(), None);
        }
        assert_eq!(balance(&stores, user).await, left(2, 0), "both are for their holder to end");
        assert_eq!(state(&stores, user, given_up.reply_id).await, Some(MessageState::Failed));
        // Without a hold there is nothing to charge.
        stores.chats.begin_exchange(unpaid.clone(), 40).await.unwrap().unwrap();
        let none = hold_for(&unpaid, 1).held().hold_id();
        assert_eq!(stores.chats.finish_paid(finished(&unpaid, "free"), none).await.unwrap(), None);
    }
}
