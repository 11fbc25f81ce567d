//! The contracts of `AccountStore` and `ChatStore`.

use tessera::account::store::User;
use tessera::account::{Email, Role};
use tessera::chat::store::{FinishedReply, NewExchange};
use tessera::chat::{Author, MessageState, Usage};
use tessera::server::db::now_millis;
use tessera::server::state::Stores;
use uuid::Uuid;

use crate::contracts::over_every_store;

fn user_named(email: &str) -> User {
    User {
        id: Uuid::now_v7(),
        email: email.to_owned(),
        name: "Ada".into(),
        password_hash: "$argon2id$…".into(),
        role: Role::User,
    }
}

async fn new_user(stores: &Stores) -> Uuid {
    let user = user_named(&format!("{}@example.org", Uuid::now_v7().simple()));
    assert!(stores.accounts.create_user(user.clone()).await.unwrap());
    user.id
}

/// The first exchange of a conversation.
fn exchange(user: Uuid, text: &str) -> NewExchange {
    NewExchange {
        user,
        conversation: Uuid::now_v7(),
        new_title: Some(text.to_owned()),
        hidden: false,
        replaces: None,
        message_id: Uuid::now_v7(),
        text: text.to_owned(),
        reply_id: Uuid::now_v7(),
        provider: "openai".into(),
        model: "fake".into(),
        answer: None,
    }
}

/// The next one of the same conversation.
fn next(before: &NewExchange, text: &str) -> NewExchange {
    NewExchange { conversation: before.conversation, new_title: None, ..exchange(before.user, text) }
}

fn finished(exchange: &NewExchange, text: &str) -> FinishedReply {
    FinishedReply {
        id: exchange.reply_id,
        state: MessageState::Complete,
        text: text.to_owned(),
        provider: "gemini".into(),
        model: "other".into(),
        fallback: true,
        cached: false,
        credits: 1,
        error_code: None,
        usage: Some(Usage { input_tokens: 3, output_tokens: 5 }),
    }
}

/// Stores a whole exchange.
async fn say(stores: &Stores, exchange: NewExchange, answer: &str) -> NewExchange {
    stores.chats.begin_exchange(exchange.clone(), 40).await.unwrap().unwrap();
    assert!(stores.chats.finish_reply(finished(&exchange, answer)).await.unwrap());
    exchange
}

over_every_store! {
    async fn an_address_has_one_account(stores) {
        let accounts = stores.accounts;
        let tries: Vec<_> = (0..10).map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.create_user(user_named("ada@example.org")).await.unwrap() })
        }).collect();
        let mut made = 0;
        for task in tries { made += usize::from(task.await.unwrap()); }
        assert_eq!(made, 1);
        let email = Email::parse("ada@example.org").unwrap();
        let found = accounts.find_user(&email).await.unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.role), ("Ada", Role::User));
        assert!(accounts.set_role(&email, Role::Admin).await.unwrap());
        assert_eq!(accounts.find_user(&email).await.unwrap().unwrap().role, Role::Admin);
        let nobody = Email::parse("nobody@example.org").unwrap();
        assert!(accounts.find_user(&nobody).await.unwrap().is_none());
        assert!(!accounts.set_role(&nobody, Role::Admin).await.unwrap());
    }

    async fn a_session_lasts_until_it_ends_or_runs_out(stores) {
        let user = new_user(&stores).await;
        let (accounts, now) = (stores.accounts, now_millis());
        accounts.create_session([1; 32], user, now + 1000).await.unwrap();
        accounts.create_session([2; 32], user, now + 1000).await.unwrap();
        accounts.create_session([3; 32], user, now - 1).await.unwrap();
        let signed_in = async |token| accounts.find_session([token; 32], now).await.unwrap().map(|user| user.id);
        assert_eq!(signed_in(1).await, Some(user));
        assert_eq!(signed_in(3).await, None);
        assert_eq!(signed_in(9).await, None);
        accounts.delete_session([2; 32]).await.unwrap();
        accounts.delete_session([2; 32]).await.unwrap();
        assert_eq!(signed_in(2).await, None);
        accounts.delete_expired_sessions(now + 1000).await.unwrap();
        assert_eq!(signed_in(1).await, None);
    }

    async fn a_conversation_is_its_messages_in_their_order(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let first = say(&stores, exchange(user, "one"), "first answer").await;
        let second = next(&first, "two");
        let chats = stores.chats;
        let past = chats.begin_exchange(second.clone(), 40).await.unwrap().unwrap();
        let said: Vec<_> = past.iter().map(|message| (message.author, message.content.as_str())).collect();
        assert_eq!(said, [(Author::User, "one"), (Author::Assistant, "first answer")]);
        let shorter = chats.begin_exchange(next(&first, "three"), 1).await.unwrap().unwrap();
        assert_eq!(shorter[0].content, "two", "the newest, without replies that are being written");
        let found = chats.find_conversation(user, first.conversation).await.unwrap().unwrap();
        assert_eq!(found.title, "one");
        let seen: Vec<_> = found.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(seen, ["one", "first answer", "two", "", "three", ""]);
        let reply = &found.messages[1];
        assert_eq!((reply.provider.as_deref(), reply.model.as_deref(), reply.credits), (Some("gemini"), Some("other"), 1));
        assert_eq!((reply.state, reply.usage), (MessageState::Complete, Some(Usage { input_tokens: 3, output_tokens: 5 })));
        assert!(chats.find_message(user, first.reply_id).await.unwrap().unwrap().fallback);
        // What belongs to somebody else is not there.
        assert!(chats.find_conversation(other, first.conversation).await.unwrap().is_none());
        assert!(chats.find_message(other, first.reply_id).await.unwrap().is_none());
        assert!(chats.begin_exchange(NewExchange { user: other, ..next(&first, "mine") }, 40).await.unwrap().is_none());
        assert!(!chats.rename_conversation(other, first.conversation, "mine".into()).await.unwrap());
        assert!(chats.delete_conversation(other, first.conversation).await.unwrap().is_none());
        assert!(!chats.request_stop(other, second.reply_id).await.unwrap());
    }

    async fn a_replaced_message_takes_what_follows_along(stores) {
        let user = new_user(&stores).await;
        let first = say(&stores, exchange(user, "one"), "1").await;
        let second = say(&stores, next(&first, "two"), "2").await;
        say(&stores, next(&first, "three"), "3").await;
        let chats = stores.chats;
        let nothing = NewExchange { replaces: Some(second.reply_id), ..next(&first, "no") };
        assert!(chats.begin_exchange(nothing, 40).await.unwrap().is_none(), "a reply is not replaced");
        let edited = NewExchange { replaces: Some(second.message_id), ..next(&first, "two, better") };
        let past = chats.begin_exchange(edited, 40).await.unwrap().unwrap();
        assert_eq!(past.len(), 2);
        let found = chats.find_conversation(user, first.conversation).await.unwrap().unwrap();
        let seen: Vec<_> = found.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(seen, ["one", "1", "two, better", ""]);
    }

    async fn an_answer_that_is_known_is_stored_in_one_step(stores) {
        let user = new_user(&stores).await;
        let mut asked = exchange(user, "one");
        let answer = FinishedReply { cached: true, credits: 0, fallback: false, ..finished(&asked, "known") };
        asked.answer = Some(answer);
        let chats = stores.chats;
        chats.begin_exchange(asked.clone(), 0).await.unwrap().unwrap();
        let reply = chats.find_message(user, asked.reply_id).await.unwrap().unwrap().message;
        assert_eq!((reply.state, reply.content.as_str(), reply.credits), (MessageState::Complete, "known", 0));
        assert!(reply.cached && reply.usage.is_some());
        // What was said so far, as the next exchange would be told.
        let past = chats.find_past(user, asked.conversation, None, 40).await.unwrap().unwrap();
        assert_eq!(past.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(), ["one", "known"]);
        assert!(chats.find_past(user, asked.conversation, Some(asked.message_id), 40).await.unwrap().unwrap().is_empty());
        assert!(chats.find_past(user, asked.conversation, Some(asked.reply_id), 40).await.unwrap().is_none());
        assert!(chats.find_past(Uuid::now_v7(), asked.conversation, None, 40).await.unwrap().is_none());
    }

    async fn a_reply_ends_once(stores) {
        let user = new_user(&stores).await;
        let asked = exchange(user, "one");
        let chats = stores.chats;
        chats.begin_exchange(asked.clone(), 40).await.unwrap().unwrap();
        chats.save_partial(asked.reply_id, "half".into()).await.unwrap();
        let running = chats.find_message(user, asked.reply_id).await.unwrap().unwrap();
        assert_eq!((running.message.content.as_str(), running.message.state), ("half", MessageState::Running));
        assert!(chats.finish_reply(finished(&asked, "whole")).await.unwrap());
        assert!(chats.finish_reply(finished(&asked, "whole")).await.unwrap(), "the same end again");
        assert!(!chats.finish_reply(finished(&asked, "other")).await.unwrap());
        chats.save_partial(asked.reply_id, "late".into()).await.unwrap();
        // Given up for dead after it ended well: what it cost stands.
        assert_eq!(chats.abandon_reply(asked.reply_id).await.unwrap(), Some(1));
        let found = chats.find_message(user, asked.reply_id).await.unwrap().unwrap().message;
        assert_eq!((found.content.as_str(), found.state, found.error_code), ("whole", MessageState::Complete, None));
    }

    async fn an_abandoned_reply_keeps_its_text_and_is_free(stores) {
        let user = new_user(&stores).await;
        let chats = stores.chats;
        let (with_text, without) = (exchange(user, "one"), exchange(user, "two"));
        for asked in [&with_text, &without] {
            chats.begin_exchange(asked.clone(), 40).await.unwrap().unwrap();
        }
        chats.save_partial(with_text.reply_id, "half".into()).await.unwrap();
        for (asked, state, text) in [(&with_text, MessageState::Incomplete, "half"), (&without, MessageState::Failed, "")] {
            assert_eq!(chats.abandon_reply(asked.reply_id).await.unwrap(), Some(0));
            assert!(!chats.finish_reply(finished(asked, "too late")).await.unwrap());
            let found = chats.find_message(user, asked.reply_id).await.unwrap().unwrap().message;
            assert_eq!((found.state, found.content.as_str()), (state, text));
            assert_eq!(found.error_code.as_deref(), Some("unavailable"));
        }
        assert_eq!(chats.abandon_reply(Uuid::now_v7()).await.unwrap(), None);
    }

    async fn a_reply_stops_when_asked_to_or_when_it_is_gone(stores) {
        let user = new_user(&stores).await;
        let chats = stores.chats;
        let (goes_on, asked, deleted) = (exchange(user, "a"), exchange(user, "b"), exchange(user, "c"));
        for exchange in [&goes_on, &asked, &deleted] {
            chats.begin_exchange(exchange.clone(), 40).await.unwrap().unwrap();
        }
        let all = vec![goes_on.reply_id, asked.reply_id, deleted.reply_id];
        assert!(chats.stop_requests(all.clone()).await.unwrap().is_empty());
        assert!(chats.request_stop(user, asked.reply_id).await.unwrap());
        assert_eq!(chats.delete_conversation(user, deleted.conversation).await.unwrap(), Some(vec![deleted.reply_id]));
        assert_eq!(chats.stop_requests(all).await.unwrap(), [asked.reply_id, deleted.reply_id]);
        assert!(!chats.finish_reply(finished(&deleted, "too late")).await.unwrap());
        assert!(chats.finish_reply(finished(&asked, "stopped")).await.unwrap());
        assert!(!chats.request_stop(user, asked.reply_id).await.unwrap(), "it has ended");
    }

    async fn conversations_are_listed_newest_first_and_found_by_what_was_said(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let mut exchanges = Vec::new();
        for n in 0..7 {
            exchanges.push(say(&stores, exchange(user, &format!("Title {n}")), &format!("answer {n} 100% (a.b)")).await);
            say(&stores, exchange(other, "Title of somebody else"), "answer").await;
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        // The oldest is spoken in again: now it is the newest.
        say(&stores, next(&exchanges[0], "more"), "of it").await;
        let chats = stores.chats;
        let list = async |query: &str, cursor: Option<&str>| {
            let page = chats.list_conversations(user, query, cursor, 3).await.unwrap().unwrap();
            (page.items.into_iter().map(|item| item.title).collect::<Vec<_>>(), page.next_cursor)
        };
        let (mut titles, mut cursor) = list("", None).await;
        while let Some(next) = cursor {
            let (more, after) = list("", Some(&next)).await;
            titles.extend(more);
            cursor = after;
        }
        assert_eq!(titles, ["Title 0", "Title 6", "Title 5", "Title 4", "Title 3", "Title 2", "Title 1"]);
        assert_eq!(list("TITLE 4", None).await.0, ["Title 4"]);
        assert_eq!(list("answer 5", None).await.0, ["Title 5"]);
        assert_eq!(list("100% (a.b)", None).await.0.len(), 3);
        for nothing in ["100%x", "a_b", "a*b", "somebody", "\\"] {
            assert!(list(nothing, None).await.0.is_empty(), "{nothing:?}");
        }
        assert!(chats.list_conversations(user, "", Some("x"), 3).await.unwrap().is_none());
        assert!(chats.rename_conversation(user, exchanges[3].conversation, "Renamed".into()).await.unwrap());
        assert_eq!(list("renamed", None).await.0, ["Renamed"]);
        assert_eq!(chats.delete_conversation(user, exchanges[3].conversation).await.unwrap(), Some(vec![]));
        assert!(chats.find_message(user, exchanges[3].reply_id).await.unwrap().is_none());
        assert!(list("renamed", None).await.0.is_empty());
    }
}
