//! What a reply has to write, with nothing else around it.

use std::time::Instant;

use tessera::account::Role;
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User;
use tessera::app::stores::Stores;
use tessera::chat::MessageState;
use tessera::chat::server::store::{FinishedReply, NewExchange};
use tessera::credits::server::store::{HoldEnd, HoldOutcome, NewHold, WorkKind};
use tessera::platform::amount::Amount;
use tessera::platform::ids::{ConversationId, MessageId, UserId, WorkId};
use uuid::Uuid;

pub async fn new_user(stores: &Stores) -> UserId {
    let user = User {
        id: UserId::now_v7(),
        email: format!("{}@example.org", Uuid::now_v7().simple()),
        name: "Bench".into(),
        password_hash: None,
        email_verified_at: None,
        role: Role::User,
        status: UserStatus::Active,
    };
    assert!(stores.accounts.create_user(user.clone()).await.unwrap());
    user.id
}

/// What every reply has to write, in microseconds.
pub async fn write_reply(stores: &Stores, user: UserId) -> f64 {
    let (message_id, id) = (MessageId::now_v7(), WorkId::now_v7());
    let hold = NewHold {
        id,
        owner: user.into(),
        user,
        kind: WorkKind::Chat,
        amount: Amount::credits(1),
        least: Amount::credits(1),
        ceiling: Amount::credits(1),
        price_version: String::new(),
        request_id: "bench".into(),
        idempotency: None,
        key: None,
        limits: Vec::new(),
        lease_until: i64::MAX,
    };
    let taken = hold.held();
    let exchange = NewExchange {
        user,
        conversation: ConversationId::now_v7(),
        new_title: Some("hello".into()),
        system_prompt: None,
        picked: None,
        hidden: true,
        replaces: None,
        message_id,
        text: "hello".into(),
        images: Vec::new(),
        reply_id: id.into(),
        provider: "openai".into(),
        model: "mock".into(),
        answer: None,
    };
    let reply = FinishedReply {
        id: id.into(),
        state: MessageState::Complete,
        text: "word1 word2 word3 word4 word5 word6 word7 word8 ".into(),
        calls: Vec::new(),
        thinking: None,
        provider: "openai".into(),
        model: "mock".into(),
        fallback_from: None,
        cached: false,
        cut: None,
        credits: Amount::credits(1),
        error_code: None,
        usage: None,
        price_version: None,
    };
    let begun = Instant::now();
    assert!(matches!(stores.credits.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
    stores.chats.begin_exchange(exchange, 0).await.unwrap().unwrap();
    assert!(stores.chats.finish_reply(reply).await.unwrap());
    stores.credits.end_hold(&taken, HoldEnd::Settle(Amount::MAX), None).await.unwrap();
    begun.elapsed().as_secs_f64() * 1e6
}
