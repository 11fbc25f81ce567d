//! Finding what was said: one suite over every store.

use std::collections::BTreeMap;

use rusqlite::params;
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::chat::server::store::{ConversationFilter, FinishedReply, NewBranch, NewExchange};
use tessera::chat::{ConversationChange, ConversationSummary};
use tessera::credits::Page;
use tessera::platform::ids::{ConversationId, MessageId, UserId};

use crate::contracts::over_every_store;
use crate::stores::{exchange, finished, new_user, next, pinned, say, titled};
use crate::support::TestApp;

async fn search(stores: &Stores, user: UserId, query: &str) -> Vec<ConversationSummary> {
    page(stores, user, query, None, None).await.items
}

async fn page(
    stores: &Stores,
    user: UserId,
    query: &str,
    pinned: Option<bool>,
    cursor: Option<&str>,
) -> Page<ConversationSummary> {
    let filter = ConversationFilter { query: query.to_owned(), pinned };
    stores.chats.list_conversations(user, &filter, cursor, 3).await.unwrap().unwrap()
}

fn titles(found: &[ConversationSummary]) -> Vec<&str> {
    found.iter().map(|found| found.title.as_str()).collect()
}

/// Indexes all that there is.
async fn index(stores: &Stores) {
    while stores.chats.index_pending().await.unwrap() > 0 {}
}

over_every_store! {
    async fn a_word_is_found_in_every_language(stores) {
        let user = new_user(&stores).await;
        for (title, answer) in [
            ("French", "Le CAFÉ de l'Étoile est ouvert."),
            ("Chinese", "我喜欢编程和潮汐。"),
            ("Japanese", "東京でﾊﾟｿｺﾝを買う"),
            ("Korean", "나는 한국어를 배운다"),
            ("German", "Die Straße nach München"),
            ("Signs", "a 🌊 of C++ and a_b"),
        ] {
            say(&stores, exchange(user, title), answer).await;
        }
        for (query, title) in [
            ("cafe", "French"), ("Café", "French"), ("cafe\u{301} DE", "French"), ("etoi", "French"), ("fren", "French"),
            ("编程", "Chinese"), ("喜欢编", "Chinese"), ("汐", "Chinese"), ("潮", "Chinese"), ("我喜欢编程和潮汐", "Chinese"),
            ("パソコン", "Japanese"), ("東京", "Japanese"), ("を買", "Japanese"),
            ("한국", "Korean"), ("국어", "Korean"), ("배운다", "Korean"),
            ("strasse", "German"), ("MUNCH", "German"), ("straße nach", "German"),
            ("🌊", "Signs"), ("c++", "Signs"), ("a_b", "Signs"),
        ] {
            assert_eq!(titles(&search(&stores, user, query).await), [title], "{query:?}");
        }
        for nothing in ["喜程", "ouvert est", "aſe", "traße", "c--", "a*b", "%", "\\", "\"", "' OR 1=1", "words:cafe", "*", "^", "cafe*"] {
            assert_eq!(titles(&search(&stores, user, nothing).await), [""; 0], "{nothing:?}");
        }
    }

    async fn a_search_tells_where_it_was_found(stores) {
        let user = new_user(&stores).await;
        let long = format!("{}, then the Tídes come in. {}", "before ".repeat(60), "after ".repeat(60));
        let first = say(&stores, exchange(user, "What comes?"), &long).await;
        let found = search(&stores, user, "tides").await;
        let snippet = found[0].snippet.as_deref().unwrap();
        assert_eq!(found[0].message_id, Some(first.reply_id.to_string()));
        assert!(snippet.starts_with('…') && snippet.ends_with('…') && snippet.contains("the Tídes come in."), "{snippet}");
        // The newest message that has it.
        let newest = say(&stores, next(&first, "tides again"), "yes").await;
        let found = search(&stores, user, "tides").await;
        assert_eq!(found[0].snippet.as_deref(), Some("tides again"));
        assert_eq!(found[0].message_id, Some(newest.message_id.to_string()));
        stores.chats.change_conversation(user, first.conversation, titled("Only the moon")).await.unwrap();
        let found = search(&stores, user, "moon").await;
        assert_eq!((&found[0].snippet, &found[0].message_id), (&None, &None), "a title is shown as it is");
        let all = stores.chats.list_conversations(user, &ConversationFilter::default(), None, 9).await.unwrap().unwrap();
        assert_eq!(all.items[0].snippet, None);
    }

    async fn the_index_follows_what_changes(stores) {
        let user = new_user(&stores).await;
        let first = say(&stores, exchange(user, "alpha"), "beta").await;
        let second = say(&stores, next(&first, "gamma"), "delta").await;
        index(&stores).await;
        let count = async |query: &str| search(&stores, user, query).await.len();
        for word in ["alpha", "beta", "gamma", "delta"] {
            assert_eq!(count(word).await, 1, "{word}");
        }
        // Another message takes the place of one, with what followed it.
        let edited = NewExchange { replaces: Some(second.message_id), ..next(&first, "epsilon") };
        stores.chats.begin_exchange(edited.clone(), 40).await.unwrap().unwrap();
        stores.chats.save_partial(edited.reply_id, "zeta".into()).await.unwrap();
        assert_eq!((count("gamma").await, count("delta").await, count("epsilon").await), (0, 0, 1));
        assert_eq!(count("zeta").await, 0, "it is being written");
        stores.chats.abandon_reply(edited.reply_id).await.unwrap();
        assert_eq!(count("zeta").await, 1, "what is left of it is there");
        // It is kept, and found as soon as it is shown.
        assert!(stores.chats.choose_version(user, first.conversation, second.message_id).await.unwrap());
        assert_eq!((count("gamma").await, count("delta").await, count("epsilon").await), (1, 1, 0));
        assert!(stores.chats.choose_version(user, first.conversation, edited.message_id).await.unwrap());
        // Another title.
        let rename = async |title: &str| stores.chats.change_conversation(user, first.conversation, titled(title)).await.unwrap();
        rename("Eta").await;
        index(&stores).await;
        rename("Theta").await;
        assert_eq!((count("eta").await, count("theta").await, count("alpha").await), (0, 1, 1));
        rename("Theta").await;
        stores.chats.change_conversation(user, first.conversation, ConversationChange { title: None, ..pinned(true) }).await.unwrap();
        assert_eq!(count("theta").await, 1);
        // A branch is found by itself.
        let branch = NewBranch { user, id: ConversationId::now_v7(), of: first.conversation, until: first.reply_id };
        stores.chats.branch_conversation(branch).await.unwrap().unwrap();
        assert_eq!((count("beta").await, count("epsilon").await), (2, 1));
        stores.chats.delete_conversation(user, first.conversation).await.unwrap().unwrap();
        assert_eq!((count("beta").await, count("epsilon").await, count("theta").await), (1, 0, 1), "the branch's");
        stores.chats.delete_conversation(user, branch.id).await.unwrap().unwrap();
        assert_eq!((count("beta").await, count("theta").await), (0, 0));
        index(&stores).await;
        // A known answer is found too; what clients of /v1 say is not.
        let known = NewExchange { answer: None, ..exchange(user, "iota") };
        let known = NewExchange { answer: Some(finished(&known, "kappa")), ..known };
        stores.chats.begin_exchange(known, 40).await.unwrap().unwrap();
        say(&stores, NewExchange { hidden: true, ..exchange(user, "lambda") }, "mu").await;
        assert_eq!((count("kappa").await, count("lambda").await, count("mu").await), (1, 0, 0));
    }

    async fn a_search_is_listed_and_paged_as_all_is(stores) {
        let (user, other) = (new_user(&stores).await, new_user(&stores).await);
        let mut begun = Vec::new();
        for n in 0..8 {
            begun.push(say(&stores, exchange(user, &format!("number {n}")), "the same word").await);
            say(&stores, exchange(other, "theirs"), "the same word").await;
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        // Not this one: its words are in another order.
        say(&stores, exchange(user, "other"), "the word same").await;
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        say(&stores, next(&begun[2], "more"), "of it").await;
        stores.chats.change_conversation(user, begun[4].conversation, pinned(true)).await.unwrap();
        let all = async |pinned: Option<bool>| {
            let (mut found, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let next = page(&stores, user, "same word", pinned, cursor.as_deref()).await;
                assert!(next.items.len() <= 3);
                found.extend(next.items.into_iter().map(|item| item.title));
                cursor = next.next_cursor;
                if cursor.is_none() {
                    return found;
                }
            }
        };
        let newest_first = |numbers: &[u8]| numbers.iter().map(|n| format!("number {n}")).collect::<Vec<_>>();
        assert_eq!(all(None).await, newest_first(&[2, 7, 6, 5, 4, 3, 1, 0]));
        assert_eq!(all(Some(true)).await, newest_first(&[4]));
        assert_eq!(all(Some(false)).await, newest_first(&[2, 7, 6, 5, 3, 1, 0]));
        let filter = ConversationFilter { query: "same".to_owned(), pinned: None };
        assert!(stores.chats.list_conversations(user, &filter, Some("x"), 3).await.unwrap().is_none());
    }
}

/// Each waits for the one before it, and nobody else does.
#[tokio::test(flavor = "multi_thread")]
async fn many_searches_of_one_user_leave_the_server_to_others() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let email = tessera::account::Email::parse(&user.email).unwrap();
    let owner = app.state.stores.accounts.find_user(&email).await.unwrap().unwrap().id;
    for n in 0..500 {
        let begun = exchange(owner, &format!("question {n}"));
        let answer = FinishedReply {
            cached: true,
            credits: tessera::platform::amount::Amount::ZERO,
            ..finished(&begun, &"潮汐 and more words. ".repeat(40))
        };
        let begun = NewExchange { answer: Some(answer), ..begun };
        app.state.stores.chats.begin_exchange(begun, 0).await.unwrap().unwrap();
    }
    let searches: Vec<_> = (0..40)
        .map(|n| {
            let user = user.clone();
            let query = if n % 2 == 0 { "more words" } else { "%E6%BD%AE%E6%B1%90" };
            tokio::spawn(async move { user.get_json(&format!("/api/conversations?q={query}")).await })
        })
        .collect();
    let other = app.user().await;
    assert_eq!(app.visitor().get("/readyz").send().await.unwrap().status(), 200);
    assert_eq!(other.get_json("/api/conversations?q=words").await.1["data"]["items"], serde_json::json!([]));
    for search in searches {
        let (status, page) = search.await.unwrap();
        assert_eq!((status, page["data"]["items"].as_array().map(Vec::len)), (200, Some(50)), "{page}");
        assert!(page["data"]["items"][0]["snippet"].as_str().unwrap().contains("潮汐 and more words."));
    }
}

/// What an earlier version stored is indexed while the server runs, and begins at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_the_index_is_found_in_sqlite() {
    let data = TempDir::new().unwrap();
    let (user, conversation, hidden) = (UserId::now_v7(), ConversationId::now_v7(), ConversationId::now_v7());
    let running = MessageId::now_v7();
    {
        let db = rusqlite::Connection::open(data.path().join("tessera.db")).unwrap();
        for step in [
            include_str!("../../src/platform/db/sqlite_1.sql"),
            include_str!("../../src/platform/db/sqlite_2.sql"),
            include_str!("../../src/platform/db/sqlite_3.sql"),
            include_str!("../../src/platform/db/sqlite_4.sql"),
        ] {
            db.execute_batch(step).unwrap();
        }
        db.execute_batch("PRAGMA user_version = 4; BEGIN").unwrap();
        db.execute("INSERT INTO users VALUES (?1, 'ada@example.org', 'Ada', 'x', 'USER', 0)", [user]).unwrap();
        for (id, title, is_hidden) in [(conversation, "Mosaics", false), (hidden, "Program", true)] {
            db.execute(
                "INSERT INTO conversations (id, user_id, title, created_at, updated_at, hidden) VALUES (?1, ?2, ?3, 0, 0, ?4)",
                params![id, user, title, is_hidden],
            )
            .unwrap();
            for n in 0..1000 {
                db.execute(
                    "INSERT INTO messages (id, conversation_id, author, content, state, created_at) VALUES (?1, ?2, 'user', ?3, ?4, 0)",
                    params![
                        if n == 7 && !is_hidden { running } else { MessageId::now_v7() },
                        id,
                        format!("{title} 第{n}号 of a thousand"),
                        if n == 7 { "running" } else { "complete" }
                    ],
                )
                .unwrap();
            }
        }
        db.execute_batch("COMMIT").unwrap();
    }
    let vars = BTreeMap::from([("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned())]);
    let stores = Stores::open(&Config::from_vars(&vars).unwrap()).await.unwrap();
    index(&stores).await;
    for (query, found) in
        [("mosa", 1), ("第999号", 1), ("第0号 of a", 1), ("第7号 of", 0), ("program", 0), ("thousand", 1)]
    {
        assert_eq!(search(&stores, user, query).await.len(), found, "{query}");
    }
    // Its server was stopped for the update.
    stores.chats.abandon_reply(running).await.unwrap();
    assert_eq!(search(&stores, user, "第7号 of").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_the_index_is_found_in_mongodb() {
    use mongodb::bson::{Document, doc};

    let server = crate::mongod::Mongod::start(crate::mongod::Kind::Standalone).await;
    let uri = server.uri();
    let before = crate::contracts::open_at(&uri).await;
    let user = new_user(&before).await;
    let first = say(&before, exchange(user, "Mosaics"), "第0号 of many").await;
    for n in 1..150 {
        say(&before, next(&first, &format!("第{n}号?")), "It is so.").await;
    }
    // As an earlier version left it.
    let client = mongodb::Client::with_uri_str(&uri).await.unwrap();
    let database = client.default_database().unwrap_or_else(|| client.database("tessera"));
    for collection in ["messages", "conversations"] {
        let bare = doc! { "$unset": { "words": "", "unindexed": "" } };
        database.collection::<Document>(collection).update_many(doc! {}, bare).await.unwrap();
    }
    let meta = database.collection::<Document>("meta");
    meta.delete_one(doc! { "_id": "search" }).await.unwrap();
    meta.update_one(doc! { "_id": "schema" }, doc! { "$set": { "version": 3_i64 } }).await.unwrap();
    let stores = crate::contracts::open_at(&uri).await;
    index(&stores).await;
    for (query, found) in [("mosa", 1), ("第149号", 1), ("第0号 of", 1), ("it is", 1), ("is it", 0)] {
        assert_eq!(search(&stores, user, query).await.len(), found, "{query}");
    }
}
