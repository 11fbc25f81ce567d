//! The contracts of `AccountStore` and `ChatStore`.

use std::collections::HashSet;

use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::{StoredKey, User};
use tessera::account::{Email, Role, Scope};
use tessera::app::stores::Stores;
use tessera::chat::server::attachments::Image;
use tessera::chat::server::store::{Changed, ConversationFilter, FinishedReply, NewBranch, NewExchange, Part};
use tessera::chat::{Author, ConversationChange, CutReason, MAX_PINNED, Message, MessageState, Thinking, Usage};
use tessera::platform::amount::Amount;
use tessera::platform::db::now_millis;
use tessera::platform::ids::{ApiKeyId, AttachmentId, ConversationId, MessageId, UserId};
use tessera::platform::secret::hash_secret;
use uuid::Uuid;

use crate::contracts::over_every_store;

fn user_named(email: &str) -> User {
    User {
        id: UserId::now_v7(),
        email: email.to_owned(),
        name: "Ada".into(),
        password_hash: Some("$argon2id$…".into()),
        email_verified_at: None,
        role: Role::User,
        status: UserStatus::Active,
    }
}

const USAGE: Usage = Usage {
    input_tokens: 3,
    output_tokens: 5,
    cached_input_tokens: Some(1),
    cache_write_tokens: Some(2),
    cache_write_1h_tokens: Some(1),
    reasoning_tokens: Some(2),
    estimated: true,
};

pub async fn new_user(stores: &Stores) -> UserId {
    let user = user_named(&format!("{}@example.org", Uuid::now_v7().simple()));
    assert!(stores.accounts.create_user(user.clone()).await.unwrap());
    user.id
}

/// The first exchange of a conversation.
pub fn exchange(user: UserId, text: &str) -> NewExchange {
    NewExchange {
        user,
        conversation: ConversationId::now_v7(),
        new_title: Some(text.to_owned()),
        hidden: false,
        system_prompt: None,
        picked: None,
        replaces: None,
        message_id: MessageId::now_v7(),
        text: text.to_owned(),
        images: Vec::new(),
        reply_id: MessageId::now_v7(),
        provider: "openai".into(),
        model: "fake".into(),
        answer: None,
    }
}

fn image(bytes: &[u8]) -> Image {
    Image { id: AttachmentId::now_v7(), media_type: "image/png".into(), bytes: bytes.into(), same_as: None }
}

/// The next one of the same conversation.
pub fn next(before: &NewExchange, text: &str) -> NewExchange {
    NewExchange { conversation: before.conversation, new_title: None, ..exchange(before.user, text) }
}

pub fn finished(exchange: &NewExchange, text: &str) -> FinishedReply {
    FinishedReply {
        id: exchange.reply_id,
        state: MessageState::Complete,
        text: text.to_owned(),
        calls: vec![],
        thinking: Some(Thinking { text: "Hmm.".to_owned(), millis: 1500 }),
        provider: "gemini".into(),
        model: "other".into(),
        fallback_from: Some("local".into()),
        cached: false,
        cut: Some(CutReason::Credits),
        credits: Amount::credits(1),
        error_code: None,
        usage: Some(USAGE),
        price_version: Some("590e18fd26".into()),
    }
}

pub fn titled(title: &str) -> ConversationChange {
    ConversationChange { title: Some(title.to_owned()), ..ConversationChange::default() }
}

pub fn pinned(pinned: bool) -> ConversationChange {
    ConversationChange { pinned: Some(pinned), ..ConversationChange::default() }
}

fn prompted(prompt: &str) -> ConversationChange {
    ConversationChange { system_prompt: Some(prompt.to_owned()), ..ConversationChange::default() }
}

/// Stores a whole exchange.
pub async fn say(stores: &Stores, exchange: NewExchange, answer: &str) -> NewExchange {
    stores.chats.begin_exchange(exchange.clone(), 40).await.unwrap().unwrap();
    assert!(stores.chats.finish_reply(finished(&exchange, answer)).await.unwrap());
    exchange
}

over_every_store! {
    async fn messages_are_in_the_order_in_which_they_were_stored(stores) {
        let user = new_user(&stores).await;
        // Made by clocks that run backwards.
        let mut ids: Vec<MessageId> = (0..8).map(|_| MessageId::now_v7()).collect();
        let mut with_ids = |exchange: NewExchange| {
            let (reply_id, message_id) = (ids.pop().unwrap(), ids.pop().unwrap());
            NewExchange { message_id, reply_id, ..exchange }
        };
        let one = say(&stores, with_ids(exchange(user, "one")), "1").await;
        let two = say(&stores, with_ids(next(&one, "two")), "2").await;
        let three = with_ids(next(&one, "three"));
        let past = stores.chats.begin_exchange(three.clone(), 3).await.unwrap().unwrap();
        let said: Vec<_> = past.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(said, ["1", "two", "2"]);
        stores.chats.finish_reply(finished(&three, "3")).await.unwrap();
        let read = async |id| {
            let found = stores.chats.find_conversation(user, id).await.unwrap().unwrap();
            found.messages.into_iter().map(|message| message.content).collect::<Vec<_>>()
        };
        assert_eq!(read(one.conversation).await, ["one", "1", "two", "2", "three", "3"]);
        let past = stores.chats.find_past(user, one.conversation, Some(two.message_id), 40).await.unwrap().unwrap();
        assert_eq!(past.messages.len(), 2);
        let branch = NewBranch { user, id: ConversationId::now_v7(), of: one.conversation, until: two.reply_id };
        stores.chats.branch_conversation(branch).await.unwrap().unwrap();
        assert_eq!(read(branch.id).await, ["one", "1", "two", "2"]);
        let four = NewExchange { replaces: Some(two.message_id), ..with_ids(next(&one, "four")) };
        say(&stores, four, "4").await;
        assert_eq!(read(one.conversation).await, ["one", "1", "four", "4"]);
        // It goes on where it is, in both.
        say(&stores, next(&one, "five"), "5").await;
        say(&stores, NewExchange { conversation: branch.id, ..next(&one, "six") }, "6").await;
        assert_eq!(read(one.conversation).await, ["one", "1", "four", "4", "five", "5"]);
        assert_eq!(read(branch.id).await, ["one", "1", "two", "2", "six", "6"]);
    }

    async fn a_reply_is_stored_with_what_it_calls(stores) {
        let user = new_user(&stores).await;
        let asked = exchange(user, "look");
        stores.chats.begin_exchange(asked.clone(), 40).await.unwrap().unwrap();
        let call = |id: &str| tessera::chat::ToolCall {
            id: id.to_owned(), name: "look".to_owned(), arguments: "{\"at\":1".to_owned(),
        };
        let reply = FinishedReply { calls: vec![call("a"), call("b")], ..finished(&asked, "") };
        assert!(stores.chats.finish_reply(reply).await.unwrap());
        let found = stores.chats.find_message(user, asked.reply_id).await.unwrap().unwrap();
        assert_eq!((found.conversation, found.message.calls), (asked.conversation, vec![call("a"), call("b")]));
        let asked = stores.chats.find_message(user, asked.message_id).await.unwrap().unwrap();
        assert!(asked.message.calls.is_empty());
    }

    async fn a_key_is_stored_with_what_it_may(stores) {
        let user = new_user(&stores).await;
        for (number, scopes) in [Scope::ALL.to_vec(), vec![Scope::Read], vec![Scope::Spend, Scope::Manage]].into_iter().enumerate() {
            let hash = hash_secret(&Uuid::now_v7().to_string());
            let key = StoredKey {
                id: ApiKeyId::now_v7(),
                name: format!("key {number}"),
                hint: "abcd".into(),
                per_minute: Some(5),
                budget: None,
                scopes,
                expires_at: (number > 0).then_some(1_800_000_000_000),
                created_at: now_millis(),
                last_used_at: None,
            };
            stores.accounts.create_key(hash, user, key.clone(), 20).await.unwrap();
            let (owner, found) = stores.accounts.find_key(hash).await.unwrap().unwrap();
            assert_eq!((owner.id, &found), (user, &key));
            assert_eq!(stores.accounts.list_keys(user).await.unwrap()[number], key);
        }
    }

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

    async fn a_user_has_so_many_keys_and_no_more(stores) {
        fn key() -> StoredKey {
            let id = ApiKeyId::now_v7();
            let (name, hint) = ("A key".to_owned(), "abcd".to_owned());
            StoredKey {
                id,
                name,
                hint,
                per_minute: None,
                budget: None,
                scopes: Scope::ALL.to_vec(),
                expires_at: None,
                created_at: now_millis(),
                last_used_at: None,
            }
        }
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let accounts = stores.accounts;
        let tries: Vec<_> = (0..24).map(|number| {
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.create_key([number; 32], user, key(), 7).await.unwrap() })
        }).collect();
        let mut made = 0;
        for task in tries { made += usize::from(task.await.unwrap()); }
        let keys = accounts.list_keys(user).await.unwrap();
        assert_eq!((made, keys.len()), (7, 7));
        // One that is gone makes room for one; who has more than there may be gets none.
        assert!(accounts.delete_key(user, keys[3].id).await.unwrap());
        assert!(!accounts.create_key([30; 32], user, key(), 6).await.unwrap());
        assert!(accounts.create_key([31; 32], user, key(), 7).await.unwrap());
        assert!(!accounts.create_key([32; 32], user, key(), 7).await.unwrap());
        assert!(!accounts.create_key([33; 32], user, key(), 3).await.unwrap());
        assert!(accounts.create_key([34; 32], other, key(), 7).await.unwrap());
    }

    async fn a_conversation_is_its_messages_in_their_order(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let first = say(&stores, exchange(user, "one"), "first answer").await;
        let second = next(&first, "two");
        let chats = stores.chats;
        let past = chats.begin_exchange(second.clone(), 40).await.unwrap().unwrap().messages;
        let said: Vec<_> = past.iter().map(|message| (message.author, message.content.as_str())).collect();
        assert_eq!(said, [(Author::User, "one"), (Author::Assistant, "first answer")]);
        let shorter = chats.begin_exchange(next(&first, "three"), 1).await.unwrap().unwrap();
        assert_eq!(shorter.messages[0].content, "two", "the newest, without replies that are being written");
        let found = chats.find_conversation(user, first.conversation).await.unwrap().unwrap();
        assert_eq!(found.title, "one");
        let seen: Vec<_> = found.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(seen, ["one", "first answer", "two", "", "three", ""]);
        let reply = &found.messages[1];
        assert_eq!((reply.provider.as_deref(), reply.model.as_deref(), reply.credits), (Some("gemini"), Some("other"), Amount::credits(1)));
        assert_eq!((reply.state, reply.usage), (MessageState::Complete, Some(USAGE)));
        assert_eq!((reply.fallback_from.as_deref(), reply.cut), (Some("local"), true));
        assert_eq!((reply.cut_reason, reply.price_version.as_deref()), (Some(CutReason::Credits), Some("590e18fd26")));
        // What belongs to somebody else is not there.
        assert!(chats.find_conversation(other, first.conversation).await.unwrap().is_none());
        assert!(chats.find_message(other, first.reply_id).await.unwrap().is_none());
        let asked = vec![first.reply_id, MessageId::now_v7(), second.message_id];
        let titles = chats.find_titles(user, asked.clone()).await.unwrap();
        let of: HashSet<_> = titles.iter().map(|(message, conversation, _)| (*message, *conversation)).collect();
        assert_eq!(of, HashSet::from([(first.reply_id, first.conversation), (second.message_id, first.conversation)]));
        assert!(titles.iter().all(|(_, _, title)| *title == found.title), "{titles:?}");
        assert!(chats.find_titles(other, asked).await.unwrap().is_empty());
        assert!(chats.begin_exchange(NewExchange { user: other, ..next(&first, "mine") }, 40).await.unwrap().is_none());
        for change in [titled("mine"), pinned(true), prompted("mine")] {
            assert_eq!(chats.change_conversation(other, first.conversation, change).await.unwrap(), Changed::NotFound);
        }
        assert!(chats.delete_conversation(other, first.conversation).await.unwrap().is_none());
        assert!(!chats.request_stop(other, second.reply_id).await.unwrap());
    }

    async fn images_go_where_their_message_goes(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let first = say(&stores, exchange(user, "one"), "1").await;
        let shown = [image(b"one"), image(&[7].repeat(300_000))];
        let second = NewExchange { images: shown.to_vec(), ..next(&first, "look") };
        say(&stores, second.clone(), "I see").await;
        let chats = stores.chats;
        let find = async |user, image: &Image| chats.find_attachment(user, image.id).await.unwrap();
        for image in &shown {
            assert_eq!(find(user, image).await.as_ref(), Some(image));
            assert_eq!(find(other, image).await, None, "not somebody else's");
        }
        let references = [shown[0].reference(), shown[1].reference()];
        let images_of = |messages: Vec<Message>| messages.into_iter().map(|message| message.images).collect::<Vec<_>>();
        let found = chats.find_conversation(user, first.conversation).await.unwrap().unwrap();
        assert_eq!(images_of(found.messages), [vec![], vec![], references.to_vec(), vec![]]);
        assert_eq!(chats.find_message(user, second.message_id).await.unwrap().unwrap().message.images, references);
        let past = chats.find_past(user, first.conversation, None, 40).await.unwrap().unwrap();
        assert_eq!(past.messages[2].images, references);
        let branch = NewBranch { user, id: ConversationId::now_v7(), of: first.conversation, until: second.reply_id };
        assert_eq!((chats.image_bytes(user).await.unwrap(), chats.image_bytes(other).await.unwrap()), (300_003, 0));
        chats.branch_conversation(branch).await.unwrap().unwrap();
        assert_eq!(chats.image_bytes(user).await.unwrap(), 300_003, "a branch shows the same");
        // Another message takes its place, with one of the images.
        let copy = Image { id: AttachmentId::now_v7(), same_as: Some(shown[0].id), ..shown[0].clone() };
        let third = NewExchange {
            images: vec![copy.clone()],
            replaces: Some(second.message_id),
            ..next(&first, "look again")
        };
        chats.begin_exchange(third, 40).await.unwrap().unwrap();
        // What it showed is kept with it, and what both show takes its room once.
        assert_eq!(find(user, &shown[1]).await, Some(shown[1].clone()));
        assert_eq!(find(user, &copy).await, Some(Image { same_as: None, ..copy.clone() }));
        assert_eq!(chats.image_bytes(user).await.unwrap(), 300_003);
        let gone = Image { id: AttachmentId::now_v7(), same_as: Some(AttachmentId::now_v7()), ..image(b"gone") };
        let fourth = NewExchange { images: vec![gone.clone()], ..next(&first, "what is not there any more") };
        chats.begin_exchange(fourth, 40).await.unwrap().unwrap();
        assert_eq!(find(user, &gone).await.map(|found| found.bytes), Some(gone.bytes));
        let theirs = Image { id: AttachmentId::now_v7(), same_as: Some(shown[1].id), ..image(b"mine") };
        let stolen = NewExchange { images: vec![theirs.clone()], ..exchange(other, "of somebody else") };
        chats.begin_exchange(stolen.clone(), 40).await.unwrap().unwrap();
        assert_eq!(find(other, &theirs).await.map(|found| found.bytes), Some(theirs.bytes));
        chats.delete_conversation(other, stolen.conversation).await.unwrap().unwrap();
        chats.delete_conversation(user, first.conversation).await.unwrap().unwrap();
        for image in [&copy, &shown[0], &shown[1]] {
            assert_eq!(find(user, image).await, None, "all versions go with their conversation");
        }
        // The branch still shows them, until it goes too.
        chats.forget_unshown(i64::MAX).await.unwrap();
        assert_eq!(chats.image_bytes(user).await.unwrap(), 300_003);
        let branched = chats.find_conversation(user, branch.id).await.unwrap().unwrap();
        let copies: Vec<AttachmentId> = branched.messages[2].images.iter().map(|image| image.id.parse().unwrap()).collect();
        for (copy, image) in copies.iter().zip(&shown) {
            let found = chats.find_attachment(user, *copy).await.unwrap().unwrap();
            assert_eq!((found.bytes, found.media_type), (image.bytes.clone(), image.media_type.clone()));
        }
        assert_eq!(copies.len(), 2);
        chats.delete_conversation(user, branch.id).await.unwrap().unwrap();
        assert_eq!(chats.find_attachment(user, copies[0]).await.unwrap(), None);
        assert_eq!(chats.image_bytes(user).await.unwrap(), 0, "nothing is left of what is deleted");
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
        assert_eq!(past.messages.len(), 2);
        let found = chats.find_conversation(user, first.conversation).await.unwrap().unwrap();
        let seen: Vec<_> = found.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(seen, ["one", "1", "two, better", ""]);
    }

    async fn what_was_replaced_is_kept_and_can_be_chosen(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let one = say(&stores, exchange(user, "one"), "1").await;
        let two = say(&stores, next(&one, "two"), "2").await;
        let three = say(&stores, next(&one, "three"), "3").await;
        let chats = stores.chats.clone();
        let id = one.conversation;
        let find = async || chats.find_conversation(user, id).await.unwrap().unwrap();
        let read = async || find().await.messages.into_iter().map(|message| message.content).collect::<Vec<_>>();
        let choose = async |message| chats.choose_version(user, id, message).await.unwrap();
        let replace = |message, text: &str| NewExchange { replaces: Some(message), ..next(&one, text) };
        let versions = async |at: usize| find().await.messages[at].versions.clone();
        assert_eq!(versions(2).await, [""; 0], "nothing was replaced");
        let other_two = say(&stores, replace(two.message_id, "two?"), "2?").await;
        assert_eq!(read().await, ["one", "1", "two?", "2?"]);
        let both = [two.message_id.to_string(), other_two.message_id.to_string()];
        assert_eq!((versions(2).await, versions(0).await, versions(3).await), (both.to_vec(), vec![], vec![]));
        // With the rest of its path; that goes on where it ends.
        assert!(choose(two.message_id).await);
        assert_eq!(read().await, ["one", "1", "two", "2", "three", "3"]);
        assert_eq!(versions(2).await, both);
        let past = chats.find_past(user, id, None, 40).await.unwrap().unwrap();
        assert_eq!(past.messages.last().unwrap().content, "3");
        let four = next(&one, "four");
        let past = chats.begin_exchange(four.clone(), 2).await.unwrap().unwrap();
        assert_eq!(past.messages.iter().map(|said| said.content.as_str()).collect::<Vec<_>>(), ["three", "3"]);
        assert_eq!(read().await, ["one", "1", "two", "2", "three", "3", "four", ""]);
        // What is being written goes on where it is not seen, and only what is replaced is to be stopped.
        assert!(choose(other_two.message_id).await);
        assert_eq!(read().await, ["one", "1", "two?", "2?"]);
        let running = async |from| chats.running_replies(user, id, from).await.unwrap();
        assert_eq!(running(None).await, [four.reply_id], "deleting stops all");
        assert_eq!(running(Some(one.message_id)).await, []);
        assert_eq!(running(Some(other_two.message_id)).await, []);
        assert_eq!(running(Some(three.message_id)).await, [four.reply_id]);
        assert!(chats.finish_reply(finished(&four, "4")).await.unwrap());
        assert!(choose(four.reply_id).await);
        assert_eq!(read().await.last().unwrap(), "4");
        // One that is not shown is replaced where it stands.
        assert!(choose(other_two.message_id).await);
        let again = replace(three.message_id, "three!");
        let past = chats.find_past(user, id, Some(three.message_id), 40).await.unwrap().unwrap();
        assert_eq!(past.messages.len(), 4);
        assert_eq!(chats.begin_exchange(again.clone(), 40).await.unwrap().unwrap(), past);
        assert_eq!(read().await, ["one", "1", "two", "2", "three!", ""]);
        assert_eq!(versions(4).await, [three.message_id.to_string(), again.message_id.to_string()]);
        // One that failed without a word is no version, once another is there.
        chats.abandon_reply(again.reply_id).await.unwrap();
        assert_eq!(versions(4).await.len(), 2);
        let last = say(&stores, replace(again.message_id, "three."), "3.").await;
        assert_eq!(versions(4).await, [three.message_id.to_string(), last.message_id.to_string()]);
        // Part by part, as all of it.
        let part = chats.find_part(user, id, Part::Before(None, 3)).await.unwrap().unwrap();
        let seen: Vec<_> = part.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(seen, ["2", "three.", "3."]);
        let before = part.next_cursor.unwrap().parse().unwrap();
        let part = chats.find_part(user, id, Part::Before(Some(before), 9)).await.unwrap().unwrap();
        assert_eq!((part.messages.len(), part.next_cursor), (3, None));
        assert_eq!(part.messages[2].versions, both);
        // A branch is made of any version, and has none itself.
        let branch = NewBranch { user, id: ConversationId::now_v7(), of: id, until: four.reply_id };
        chats.branch_conversation(branch).await.unwrap().unwrap();
        let branched = chats.find_conversation(user, branch.id).await.unwrap().unwrap().messages;
        let seen: Vec<_> = branched.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(seen, ["one", "1", "two", "2", "three", "3", "four", "4"]);
        assert!(branched.iter().all(|message| message.versions.is_empty()));
        // Strangers see what its owner sees.
        let secret = hash_secret("secret");
        assert!(chats.share_conversation(user, id, Some(secret)).await.unwrap());
        let shared = chats.find_shared(secret).await.unwrap().unwrap();
        assert_eq!(shared.messages.len(), 6);
        assert!(chats.is_shared(secret, last.reply_id).await.unwrap());
        assert!(!chats.is_shared(secret, other_two.reply_id).await.unwrap());
        // The first one too.
        let other_one = say(&stores, replace(one.message_id, "one?"), "1?").await;
        assert_eq!(read().await, ["one?", "1?"]);
        assert_eq!(versions(0).await, [one.message_id.to_string(), other_one.message_id.to_string()]);
        assert!(choose(other_two.reply_id).await);
        assert_eq!(read().await, ["one", "1", "two?", "2?"]);
        // Only one's own, and only what is there.
        assert!(!chats.choose_version(other, id, two.message_id).await.unwrap());
        assert!(!choose(MessageId::now_v7()).await);
        assert!(!choose(branched[0].id.parse().unwrap()).await);
        assert!(chats.delete_conversation(user, id).await.unwrap().is_some());
        for reply in [one.reply_id, two.reply_id, other_two.reply_id, four.reply_id, last.reply_id] {
            assert!(chats.find_message(user, reply).await.unwrap().is_none(), "all versions are deleted");
        }
    }

    async fn an_answer_that_is_known_is_stored_in_one_step(stores) {
        let user = new_user(&stores).await;
        let mut asked = exchange(user, "one");
        let answer = FinishedReply { cached: true, credits: Amount::ZERO, fallback_from: None, ..finished(&asked, "known") };
        asked.answer = Some(answer);
        let chats = stores.chats;
        chats.begin_exchange(asked.clone(), 0).await.unwrap().unwrap();
        let reply = chats.find_message(user, asked.reply_id).await.unwrap().unwrap().message;
        assert_eq!((reply.state, reply.content.as_str(), reply.credits), (MessageState::Complete, "known", Amount::ZERO));
        assert!(reply.cached && reply.usage.is_some() && reply.thinking.is_some());
        // What was said so far, as the next exchange would be told.
        let past = chats.find_past(user, asked.conversation, None, 40).await.unwrap().unwrap().messages;
        assert_eq!(past.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(), ["one", "known"]);
        let before = chats.find_past(user, asked.conversation, Some(asked.message_id), 40).await.unwrap().unwrap();
        assert!(before.messages.is_empty());
        assert!(chats.find_past(user, asked.conversation, Some(asked.reply_id), 40).await.unwrap().is_none());
        assert!(chats.find_past(UserId::now_v7(), asked.conversation, None, 40).await.unwrap().is_none());
    }

    async fn a_reply_ends_once(stores) {
        let user = new_user(&stores).await;
        let asked = exchange(user, "one");
        let chats = stores.chats;
        chats.begin_exchange(asked.clone(), 40).await.unwrap().unwrap();
        chats.save_partial(asked.reply_id, "half".into()).await.unwrap();
        let running = chats.find_message(user, asked.reply_id).await.unwrap().unwrap();
        assert_eq!((running.message.content.as_str(), running.message.state), ("half", MessageState::Running));
        chats.assign_reply(asked.reply_id, "second".into(), "its-model".into()).await.unwrap();
        let assigned = chats.find_message(user, asked.reply_id).await.unwrap().unwrap().message;
        assert_eq!((assigned.provider.as_deref(), assigned.model.as_deref()), (Some("second"), Some("its-model")));
        assert!(chats.finish_reply(finished(&asked, "whole")).await.unwrap());
        assert!(chats.finish_reply(finished(&asked, "whole")).await.unwrap(), "the same end again");
        assert!(!chats.finish_reply(finished(&asked, "other")).await.unwrap());
        chats.save_partial(asked.reply_id, "late".into()).await.unwrap();
        chats.assign_reply(asked.reply_id, "late".into(), "late".into()).await.unwrap();
        // Given up for dead after it ended well: what it cost stands.
        assert_eq!(chats.abandon_reply(asked.reply_id).await.unwrap(), Some(Amount::credits(1)));
        let found = chats.find_message(user, asked.reply_id).await.unwrap().unwrap().message;
        assert_eq!((found.content.as_str(), found.state, found.error_code), ("whole", MessageState::Complete, None));
        assert_eq!(found.thinking, Some(Thinking { text: "Hmm.".to_owned(), millis: 1500 }));
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
            assert_eq!(chats.abandon_reply(asked.reply_id).await.unwrap(), Some(Amount::ZERO));
            assert!(!chats.finish_reply(finished(asked, "too late")).await.unwrap());
            let found = chats.find_message(user, asked.reply_id).await.unwrap().unwrap().message;
            assert_eq!((found.state, found.content.as_str()), (state, text));
            assert_eq!(found.error_code.as_deref(), Some("unavailable"));
        }
        assert_eq!(chats.abandon_reply(MessageId::now_v7()).await.unwrap(), None);
    }

    async fn what_is_being_written_is_found_before_it_goes(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let first = say(&stores, exchange(user, "one"), "1").await;
        let (second, third) = (next(&first, "two"), next(&first, "three"));
        let chats = stores.chats;
        for exchange in [&second, &third] {
            chats.begin_exchange(exchange.clone(), 40).await.unwrap().unwrap();
        }
        let running = async |user, from| chats.running_replies(user, first.conversation, from).await.unwrap();
        let mut all = running(user, None).await;
        all.sort();
        assert_eq!(all, [second.reply_id, third.reply_id]);
        assert_eq!(running(user, Some(third.message_id)).await, [third.reply_id]);
        assert_eq!(running(user, Some(first.message_id)).await.len(), 2);
        for nothing in [third.reply_id, MessageId::now_v7()] {
            assert!(running(user, Some(nothing)).await.is_empty(), "that cannot be replaced");
        }
        assert!(running(other, None).await.is_empty());
        assert!(chats.finish_reply(finished(&third, "3")).await.unwrap());
        assert_eq!(running(user, None).await, [second.reply_id]);
    }

    async fn a_hidden_reply_that_is_being_written_is_not_forgotten(stores) {
        let user = new_user(&stores).await;
        let hidden = NewExchange { hidden: true, ..exchange(user, "one") };
        let chats = stores.chats;
        chats.begin_exchange(hidden.clone(), 40).await.unwrap().unwrap();
        chats.forget_hidden(i64::MAX).await.unwrap();
        assert!(chats.find_message(user, hidden.reply_id).await.unwrap().is_some());
        assert!(chats.running_replies(user, hidden.conversation, None).await.unwrap().is_empty(), "nobody can delete it");
        assert!(chats.finish_reply(finished(&hidden, "1")).await.unwrap());
        chats.forget_hidden(i64::MAX).await.unwrap();
        assert!(chats.find_message(user, hidden.reply_id).await.unwrap().is_none());
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
            let filter = ConversationFilter { query: query.to_owned(), pinned: None };
            let page = chats.list_conversations(user, &filter, cursor, 3).await.unwrap().unwrap();
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
        assert!(chats.list_conversations(user, &ConversationFilter::default(), Some("x"), 3).await.unwrap().is_none());
        let renamed = chats.change_conversation(user, exchanges[3].conversation, titled("Renamed")).await.unwrap();
        assert_eq!(renamed, Changed::Done);
        assert_eq!(list("renamed", None).await.0, ["Renamed"]);
        assert_eq!(chats.delete_conversation(user, exchanges[3].conversation).await.unwrap(), Some(vec![]));
        assert!(chats.find_message(user, exchanges[3].reply_id).await.unwrap().is_none());
        assert!(list("renamed", None).await.0.is_empty());
    }

    async fn what_is_asked_in_a_conversation_is_kept_until_something_else_is(stores) {
        let (user, chats) = (new_user(&stores).await, &stores.chats);
        let first = NewExchange { picked: Some("a/b".into()), ..exchange(user, "one") };
        chats.begin_exchange(first.clone(), 40).await.unwrap().unwrap();
        let picked = async || chats.find_conversation(user, first.conversation).await.unwrap().unwrap().picked;
        assert_eq!(picked().await.as_deref(), Some("a/b"));
        for (said, kept) in [(None, "a/b"), (Some("c"), "c"), (Some("tessera"), "tessera"), (None, "tessera")] {
            let next = NewExchange { picked: said.map(str::to_owned), ..next(&first, "more") };
            chats.begin_exchange(next, 40).await.unwrap().unwrap();
            assert_eq!(picked().await.as_deref(), Some(kept), "{said:?}");
        }
    }

    async fn a_system_prompt_comes_with_the_past(stores) {
        let user = new_user(&stores).await;
        let first = NewExchange { system_prompt: Some("Be brief.".into()), ..exchange(user, "one") };
        let chats = stores.chats.clone();
        let past = chats.begin_exchange(first.clone(), 40).await.unwrap().unwrap();
        assert_eq!((past.system_prompt.as_deref(), past.messages.len()), (Some("Be brief."), 0));
        let id = first.conversation;
        let told = async || {
            let past = chats.find_past(user, id, None, 40).await.unwrap().unwrap().system_prompt;
            let begun = chats.begin_exchange(next(&first, "more"), 40).await.unwrap().unwrap().system_prompt;
            let shown = chats.find_conversation(user, id).await.unwrap().unwrap().system_prompt;
            assert!(past == begun && begun == shown, "{past:?} {begun:?} {shown:?}");
            shown
        };
        assert_eq!(told().await.as_deref(), Some("Be brief."));
        assert_eq!(chats.change_conversation(user, id, titled("Renamed")).await.unwrap(), Changed::Done);
        assert_eq!(told().await.as_deref(), Some("Be brief."), "what is not named stays");
        assert_eq!(chats.change_conversation(user, id, prompted("Rhyme.")).await.unwrap(), Changed::Done);
        assert_eq!(told().await.as_deref(), Some("Rhyme."));
        assert_eq!(chats.change_conversation(user, id, prompted("")).await.unwrap(), Changed::Done);
        assert_eq!(told().await, None);
        assert_eq!(chats.find_conversation(user, id).await.unwrap().unwrap().title, "Renamed");
    }

    async fn so_many_conversations_are_pinned_and_no_more(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let chats = stores.chats.clone();
        let mut ids = Vec::new();
        for n in 0..MAX_PINNED + 5 {
            let asked = exchange(user, &format!("number {n}"));
            chats.begin_exchange(asked.clone(), 40).await.unwrap().unwrap();
            ids.push(asked.conversation);
        }
        // All at once, and each twice.
        let tries: Vec<_> = ids.iter().chain(&ids).map(|id| {
            let (chats, id) = (chats.clone(), *id);
            tokio::spawn(async move { chats.change_conversation(user, id, pinned(true)).await.unwrap() })
        }).collect();
        let mut refused = 0;
        for task in tries { refused += usize::from(task.await.unwrap() == Changed::TooManyPinned); }
        assert_eq!(refused, 10);
        let list = async |user: UserId, pinned: bool| {
            let filter = ConversationFilter { query: String::new(), pinned: Some(pinned) };
            chats.list_conversations(user, &filter, None, 100).await.unwrap().unwrap().items
        };
        let above = list(user, true).await;
        assert_eq!((above.len(), list(user, false).await.len()), (MAX_PINNED, 5));
        assert!(above.iter().all(|item| item.pinned));
        assert!(above.is_sorted_by(|a, b| a.updated_at >= b.updated_at));
        let all = chats.list_conversations(user, &ConversationFilter::default(), None, 100).await.unwrap().unwrap();
        assert_eq!(all.items.len(), MAX_PINNED + 5, "unless only the others are wanted, all are listed");
        // One more only for another one.
        let left: ConversationId = list(user, false).await[0].id.parse().unwrap();
        let taken: ConversationId = above[7].id.parse().unwrap();
        let change = async |id, change| chats.change_conversation(user, id, change).await.unwrap();
        assert_eq!(change(left, ConversationChange { pinned: Some(true), ..titled("no") }).await, Changed::TooManyPinned);
        assert_ne!(chats.find_conversation(user, left).await.unwrap().unwrap().title, "no", "nothing of it is done");
        assert_eq!(change(taken, pinned(true)).await, Changed::Done, "it is pinned already");
        assert_eq!(change(taken, pinned(false)).await, Changed::Done);
        assert_eq!(change(left, pinned(true)).await, Changed::Done);
        assert!(chats.find_conversation(user, left).await.unwrap().unwrap().pinned);
        // Somebody else's are not counted, and a deleted one leaves its place.
        let theirs = exchange(other, "theirs");
        chats.begin_exchange(theirs.clone(), 40).await.unwrap().unwrap();
        assert_eq!(chats.change_conversation(other, theirs.conversation, pinned(true)).await.unwrap(), Changed::Done);
        chats.delete_conversation(user, left).await.unwrap().unwrap();
        assert_eq!(change(taken, pinned(true)).await, Changed::Done);
        assert_eq!(list(user, true).await.len(), MAX_PINNED);
    }

    async fn a_branch_is_a_free_copy_up_to_a_message(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let prompted = NewExchange { system_prompt: Some("Be brief.".into()), ..exchange(user, "one") };
        let first = say(&stores, prompted, "1").await;
        let second = say(&stores, next(&first, "two"), "2").await;
        let running = next(&first, "three");
        let chats = stores.chats;
        chats.begin_exchange(running.clone(), 40).await.unwrap().unwrap();
        let until = |until| NewBranch { user, id: ConversationId::now_v7(), of: first.conversation, until };
        for nothing in [
            until(MessageId::now_v7()),
            until(running.reply_id),
            NewBranch { user: other, ..until(first.reply_id) },
            NewBranch { of: ConversationId::now_v7(), ..until(first.reply_id) },
        ] {
            assert!(chats.branch_conversation(nothing).await.unwrap().is_none(), "{nothing:?}");
        }
        let branch = until(first.reply_id);
        let made = chats.branch_conversation(branch).await.unwrap().unwrap();
        assert_eq!((made.id.clone(), made.title.as_str(), made.pinned), (branch.id.to_string(), "one (branch)", false));
        let copy = chats.find_conversation(user, branch.id).await.unwrap().unwrap();
        assert_eq!(copy.system_prompt.as_deref(), Some("Be brief."));
        let original = chats.find_conversation(user, first.conversation).await.unwrap().unwrap();
        assert_eq!(original.messages.len(), 6);
        assert_eq!(copy.messages.len(), 2);
        for (copied, message) in copy.messages.iter().zip(&original.messages) {
            assert_ne!(copied.id, message.id);
            let same = tessera::chat::Message { id: message.id.clone(), credits: message.credits, ..copied.clone() };
            assert_eq!((&same, copied.credits), (message, Amount::ZERO));
        }
        // Each goes on by itself, also after a question alone.
        let asked = NewExchange { conversation: branch.id, ..next(&first, "other") };
        assert_eq!(chats.begin_exchange(asked, 40).await.unwrap().unwrap().messages.len(), 2);
        let question = until(second.message_id);
        chats.branch_conversation(question).await.unwrap().unwrap();
        chats.delete_conversation(user, first.conversation).await.unwrap().unwrap();
        let copy = chats.find_conversation(user, question.id).await.unwrap().unwrap();
        assert_eq!(copy.messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(), ["one", "1", "two"]);
    }

    async fn a_shared_conversation_has_one_link_until_it_ends(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let first = say(&stores, exchange(user, "one"), "1").await;
        let second = say(&stores, exchange(user, "two"), "2").await;
        let chats = stores.chats;
        let share = async |who, id, token: Option<u8>| chats.share_conversation(who, id, token.map(|byte| [byte; 32])).await.unwrap();
        let behind = async |token: u8| chats.find_shared([token; 32]).await.unwrap().map(|found| found.title);
        let is_shared = async |id: ConversationId| chats.find_conversation(user, id).await.unwrap().unwrap().shared;
        assert_eq!(behind(1).await, None);
        assert!(!share(other, first.conversation, Some(1)).await && !share(other, first.conversation, None).await);
        assert!(!is_shared(first.conversation).await);
        assert!(share(user, first.conversation, Some(1)).await && share(user, second.conversation, Some(2)).await);
        assert_eq!((behind(1).await.as_deref(), behind(2).await.as_deref()), (Some("one"), Some("two")));
        assert!(is_shared(first.conversation).await);
        assert!(share(user, first.conversation, Some(3)).await, "a new link");
        assert_eq!((behind(1).await, behind(3).await.as_deref()), (None, Some("one")));
        assert!(share(user, first.conversation, None).await && share(user, first.conversation, None).await);
        assert_eq!(behind(3).await, None);
        assert!(!is_shared(first.conversation).await);
        chats.delete_conversation(user, second.conversation).await.unwrap().unwrap();
        assert_eq!(behind(2).await, None);
    }
}
