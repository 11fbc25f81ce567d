//! Long conversations: a window of their newest messages, older ones on demand, and all of it in a file.

use reqwest::Method;
use serde_json::{Value, json};
use tessera::account::server::store::User as StoredUser;
use tessera::chat::server::store::{FinishedReply, NewExchange, Part};
use tessera::platform::ids::{ConversationId, MessageId};

use crate::contracts::over_every_store;
use crate::stores::{exchange, finished, new_user, next, say};
use crate::support::{TestApp, User, answer};

over_every_store! {
    async fn a_part_of_a_conversation_is_read_from_either_end(stores) {
        let user = new_user(&stores).await;
        let first = say(&stores, exchange(user, "0"), "1").await;
        for n in 1..4 {
            say(&stores, next(&first, &(2 * n).to_string()), &(2 * n + 1).to_string()).await;
        }
        let of = first.conversation;
        stores.chats.share_conversation(user, of, Some([7; 32])).await.unwrap();
        let read = async |part: Part| {
            let found = stores.chats.find_part(user, of, part).await.unwrap().unwrap();
            let shared = stores.chats.find_shared_part([7; 32], part).await.unwrap().unwrap();
            assert_eq!(found, shared);
            let said: String = found.messages.iter().map(|message| message.content.as_str()).collect();
            (said, found.next_cursor.map(|cursor| cursor.parse::<MessageId>().unwrap()))
        };
        let (said, cursor) = read(Part::Before(None, 3)).await;
        assert_eq!(said, "567");
        let (said, cursor) = read(Part::Before(cursor, 3)).await;
        assert_eq!(said, "234");
        let (said, cursor) = read(Part::Before(cursor, 2)).await;
        assert_eq!((said.as_str(), cursor), ("01", None), "no more, though it is as long as wanted");
        let (said, cursor) = read(Part::After(None, 5)).await;
        assert_eq!(said, "01234");
        let (said, cursor) = read(Part::After(cursor, 5)).await;
        assert_eq!((said.as_str(), cursor), ("567", None));
        assert_eq!(read(Part::ALL).await, ("01234567".to_owned(), None));
        assert_eq!(read(Part::Before(Some(first.message_id), 5)).await, (String::new(), None));
        assert!(stores.chats.find_part(new_user(&stores).await, of, Part::ALL).await.unwrap().is_none());
    }
}

/// A conversation of so many exchanges, each `question N` and `answer N` with some code.
async fn long_talk(app: &TestApp, user: &User, exchanges: usize) -> ConversationId {
    let email = tessera::account::Email::parse(&user.email).unwrap();
    let StoredUser { id: owner, .. } = app.state.stores.accounts.find_user(&email).await.unwrap().unwrap();
    let mut talk = NewExchange { new_title: Some("A long talk".to_owned()), ..exchange(owner, "question 0.") };
    let conversation = talk.conversation;
    for n in 0..exchanges {
        let text = format!("answer {n}.\n\n```rust\nlet answer = {n};\n```\n");
        let answer = FinishedReply {
            fallback_from: None,
            cached: true,
            credits: tessera::platform::amount::Amount::ZERO,
            ..finished(&talk, &text)
        };
        let said = NewExchange { answer: Some(answer), ..talk.clone() };
        app.state.stores.chats.begin_exchange(said, 0).await.unwrap().unwrap();
        talk = next(&talk, &format!("question {}.", n + 1));
    }
    conversation
}

/// The exchanges that a page shows.
fn shown(page: &str, exchanges: usize) -> Vec<usize> {
    (0..exchanges).filter(|n| page.contains(&format!(">question {n}.<"))).collect()
}

/// The address of the link with this text.
fn link(page: &str, text: &str) -> Option<String> {
    let end = page.find(&format!(">{text}<"))?;
    let start = page[..end].rfind("href=\"")? + "href=\"".len();
    page[start..end].split('"').next().map(|address| address.replace("&amp;", "&"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_the_newest_messages_and_leads_to_the_older_ones() {
    let app = TestApp::start().await;
    let (user, stranger) = (app.user().await, app.user().await);
    let id = long_talk(&app, &user, 50).await;
    let page = async |address: &str| user.get(address).send().await.unwrap().text().await.unwrap();
    let first = page(&format!("/chat/{id}")).await;
    assert_eq!(shown(&first, 50), (30..50).collect::<Vec<_>>());
    assert!(!first.contains("Newest messages<"));
    let older = link(&first, "Older messages").unwrap();
    assert!(older.starts_with(&format!("/chat/{id}?before=")), "{older}");
    let second = page(&older).await;
    assert_eq!(shown(&second, 50), (10..30).collect::<Vec<_>>());
    assert_eq!(link(&second, "Newest messages"), Some(format!("/chat/{id}")));
    let last = page(&link(&second, "Older messages").unwrap()).await;
    assert_eq!(shown(&last, 50), (0..10).collect::<Vec<_>>());
    assert_eq!(user.get(&format!("/chat/{id}?before=x")).send().await.unwrap().status(), 400);
    assert_eq!(stranger.get(&older).send().await.unwrap().status(), 404);
    // It does not grow with the conversation.
    let longer = long_talk(&app, &user, 300).await;
    let long_page = page(&format!("/chat/{longer}")).await;
    assert_eq!(shown(&long_page, 300), (280..300).collect::<Vec<_>>());
    assert!(long_page.len() < first.len() + 10_000, "{} and {}", long_page.len(), first.len());
    let chinese = user.get(&format!("/chat/{id}")).header("accept-language", "zh").send().await.unwrap();
    assert!(link(&chinese.text().await.unwrap(), "更早的消息").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_gives_the_newest_messages_and_a_cursor_to_the_older_ones() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let id = long_talk(&app, &user, 50).await;
    let path = format!("/api/conversations/{id}");
    let read = async |query: &str| {
        let (status, answer) = user.get_json(&format!("{path}{query}")).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    };
    let newest = read("").await;
    assert_eq!(newest["messages"].as_array().unwrap().len(), 40);
    assert!(newest["messages"][39]["html"].as_str().unwrap().contains("answer 49."));
    let (mut all, mut cursor) = (Vec::<Value>::new(), String::new());
    loop {
        let part = read(&format!("?limit=7{cursor}")).await;
        let messages = part["messages"].as_array().unwrap();
        assert!((1..=7).contains(&messages.len()));
        all.splice(0..0, messages.iter().cloned());
        match &part["nextCursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            Value::Null => break,
            other => panic!("{other}"),
        }
    }
    let said: Vec<&str> = all.iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(said.len(), 100);
    assert!(said.iter().enumerate().all(|(at, said)| said.contains(&format!(" {}.", at / 2))), "{said:?}");
    for (query, field) in [("?limit=0", "limit"), ("?limit=101", "limit"), ("?cursor=x", "cursor")] {
        let (status, refused) = user.get_json(&format!("{path}{query}")).await;
        assert_eq!((status, &refused["field"]), (400, &json!(field)), "{query}");
    }

    // The file has all of it.
    let exported = user.get(&format!("{path}/export?format=json")).send().await.unwrap();
    let exported: Value = exported.json().await.unwrap();
    let without_html: Vec<&str> =
        exported["messages"].as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(without_html, said);
    let markdown = user.get(&format!("{path}/export")).send().await.unwrap().text().await.unwrap();
    let places: Vec<usize> = (0..50).map(|n| markdown.find(&format!("\nanswer {n}.")).unwrap()).collect();
    assert!(places.is_sorted());

    // What is done to a message does not depend on the window: an old one is branched from, and replaced.
    let old = &all[10];
    let branch = json!({"messageId": all[11]["id"]});
    let (status, made) = user.post_json(&format!("{path}/branch"), &branch).await;
    assert_eq!(status, 201, "{made}");
    let branch = format!("/api/conversations/{}", made["data"]["id"].as_str().unwrap());
    assert_eq!(user.get_json(&branch).await.1["data"]["messages"].as_array().unwrap().len(), 12);
    let edited = json!({"message": "another question", "conversationId": id, "replaces": old["id"]});
    assert_eq!(user.post_json("/api/chat", &edited).await.0, 200);
    let now = read("").await;
    assert_eq!((now["messages"].as_array().unwrap().len(), &now["nextCursor"]), (12, &Value::Null));
    assert_eq!(now["messages"][10]["content"], "another question");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_conversation_is_read_from_page_to_page_but_not_without_end() {
    let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "5")]).await;
    let user = app.user().await;
    let id = long_talk(&app, &user, 50).await;
    let shared = answer(user.request(Method::POST, &format!("/api/conversations/{id}/share"))).await.1;
    let address = shared["data"]["url"].as_str().unwrap().strip_prefix("http://localhost:3000").unwrap().to_owned();
    let visitor = app.visitor();
    let read = async |address: &str| {
        let response = visitor.get(address).send().await.unwrap();
        assert_eq!(response.status(), 200, "{address}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        response.text().await.unwrap()
    };
    let first = read(&address).await;
    assert_eq!(shown(&first, 50), (0..20).collect::<Vec<_>>());
    assert_eq!(link(&first, "From the beginning"), None);
    let second = read(&link(&first, "Next messages").unwrap()).await;
    assert_eq!(shown(&second, 50), (20..40).collect::<Vec<_>>());
    assert_eq!(link(&second, "From the beginning"), Some(address.clone()));
    let last = read(&link(&second, "Next messages").unwrap()).await;
    assert_eq!((shown(&last, 50), link(&last, "Next messages")), ((40..50).collect::<Vec<_>>(), None));
    assert_eq!(visitor.get(&format!("{address}?after=x")).send().await.unwrap().status(), 400);
    // Three times what a user may spend in a minute, whatever is asked for.
    let mut refused = 0;
    for n in 0..20 {
        let address = if n % 2 == 0 { address.clone() } else { format!("/share/guess{n}") };
        let response = visitor.get(&address).send().await.unwrap();
        let is_refused = response.status() == 429;
        assert_eq!(response.headers().contains_key("retry-after"), is_refused);
        refused += usize::from(is_refused);
    }
    assert!(refused >= 5, "{refused}");
    assert_eq!(user.get(&format!("/chat/{id}")).send().await.unwrap().status(), 200, "others are not concerned");
}
