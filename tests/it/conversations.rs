//! What people do with conversations: system prompts, pins, branches, exports and links to show them to others.

use reqwest::Method;
use reqwest::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::mongod::{Kind, Mongod};
use crate::responses::{ChatAnswer, Conversation, ShareLink, data, items, refusal};
use crate::support::{TestApp, User, answer};

async fn ask(user: &User, body: Value) -> ChatAnswer {
    data(user.post_json("/api/chat", &body).await)
}

async fn patch(user: &User, id: &str, body: Value) -> (u16, Value) {
    answer(user.request(Method::PATCH, &format!("/api/conversations/{id}")).json(&body)).await
}

async fn read(user: &User, id: &str) -> Conversation {
    data(user.get_json(&format!("/api/conversations/{id}")).await)
}

async fn share(user: &User, id: &str) -> (u16, Value) {
    answer(user.post(&format!("/api/conversations/{id}/share"))).await
}

/// The turns of the request that the provider saw last.
fn seen(app: &TestApp) -> Vec<(String, String)> {
    let last = app.upstream.seen.last.lock().unwrap();
    let messages = last.as_ref().unwrap().1["messages"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    messages.iter().map(|turn| (text(&turn["role"]), text(&turn["content"]))).collect()
}

#[tokio::test]
async fn the_model_is_told_the_system_prompt_first() {
    let app = TestApp::start_with(&[("CHAT_CACHE", "shared")]).await;
    let user = app.user().await;
    let question = json!({"message": "question", "systemPrompt": "  Answer in French. "});
    let first = ask(&user, question.clone()).await;
    let turn = |role: &str, content: &str| (role.to_owned(), content.to_owned());
    assert_eq!(seen(&app), [turn("system", "Answer in French."), turn("user", "question")]);
    let id = first.conversation_id;
    assert_eq!(read(&user, &id).await.system_prompt.as_deref(), Some("Answer in French."));
    assert_eq!(items::<Conversation>(user.get_json("/api/conversations").await)[0].system_prompt, None);

    // The same question under another prompt is another question.
    assert!(ask(&user, question).await.cached);
    assert!(!ask(&user, json!({"message": "question"})).await.cached);
    assert_eq!(seen(&app), [turn("user", "question")]);

    assert_eq!(patch(&user, &id, json!({"systemPrompt": "Answer in verse."})).await.0, 200);
    ask(&user, json!({"message": "more", "conversationId": id})).await;
    assert_eq!(seen(&app)[0], turn("system", "Answer in verse."));
    assert_eq!(seen(&app).len(), 4);
    assert_eq!(patch(&user, &id, json!({"systemPrompt": " "})).await.0, 200);
    assert_eq!(read(&user, &id).await.system_prompt, None);
    ask(&user, json!({"message": "still more", "conversationId": id})).await;
    assert_eq!(seen(&app)[0], turn("user", "question"));

    let long = "é".repeat(4001);
    let refused = user.post_json("/api/chat", &json!({"message": "x", "systemPrompt": long})).await;
    assert_eq!(refusal(refused), "400 invalid_input: systemPrompt");
    let both = json!({"message": "x", "conversationId": id, "systemPrompt": "Twice."});
    assert_eq!(refusal(user.post_json("/api/chat", &both).await), "400 invalid_input: systemPrompt");
    assert_eq!(refusal(patch(&user, &id, json!({"systemPrompt": long})).await), "400 invalid_input: systemPrompt");
    assert_eq!(patch(&user, &id, json!({"systemPrompt": "é".repeat(4000)})).await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_change_names_what_it_changes_and_is_its_owners() {
    let app = TestApp::start().await;
    let (user, stranger) = (app.user().await, app.user().await);
    let id = ask(&user, json!({"message": "hello"})).await.conversation_id;
    assert_eq!(refusal(patch(&user, &id, json!({})).await), "400 invalid_input: body");
    assert_eq!(refusal(patch(&user, &id, json!({"pinned": "yes"})).await), "400 invalid_input: pinned");
    let half = patch(&user, &id, json!({"title": " ", "pinned": true})).await;
    assert_eq!(refusal(half), "400 invalid_input: title");
    assert!(!read(&user, &id).await.pinned, "all or nothing");
    for change in [json!({"pinned": true}), json!({"systemPrompt": "Obey me."})] {
        assert_eq!(patch(&stranger, &id, change).await.0, 404);
    }
    assert_eq!(patch(&user, &id, json!({"title": "Both", "pinned": true})).await.0, 200);
    let shown = read(&user, &id).await;
    assert_eq!((shown.title.as_str(), shown.pinned, shown.system_prompt), ("Both", true, None));
}

#[tokio::test]
async fn pinned_conversations_come_first() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(ask(&user, json!({"message": format!("topic {n}")})).await.conversation_id);
    }
    assert_eq!(patch(&user, &ids[0], json!({"pinned": true})).await.0, 200);
    let list = async |query: &str| {
        let found: Vec<Conversation> = items(user.get_json(&format!("/api/conversations{query}")).await);
        found.into_iter().map(|conversation| conversation.id).collect::<Vec<_>>()
    };
    assert_eq!(list("?pinned=true").await, [ids[0].clone()]);
    assert_eq!(list("?pinned=false").await, [ids[2].clone(), ids[1].clone()]);
    assert_eq!(list("?pinned=true&q=nothing").await, Vec::<String>::new());
    assert_eq!(list("").await.len(), 3);
    assert_eq!(refusal(user.get_json("/api/conversations?pinned=x").await), "400 invalid_input: pinned");
    let page = user.get("/chat").send().await.unwrap().text().await.unwrap();
    let at = |id: &str| page.find(&format!("href=\"/chat/{id}\"")).unwrap();
    assert!(at(&ids[0]) < at(&ids[2]) && at(&ids[2]) < at(&ids[1]));
}

#[tokio::test]
async fn a_branch_costs_nothing_and_goes_its_own_way() {
    let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "6")]).await;
    let (user, stranger) = (app.user().await, app.user().await);
    let first = ask(&user, json!({"message": "one", "systemPrompt": "Be brief."})).await;
    let id = first.conversation_id;
    ask(&user, json!({"message": "two", "conversationId": id})).await;
    let path = format!("/api/conversations/{id}/branch");
    let body = json!({"messageId": first.message_id});
    let (status, made) = user.post_json(&path, &body).await;
    assert_eq!(status, 201, "{made}");
    let branch: Conversation = data((status, made));
    assert_eq!(branch.title, "one (branch)");
    let branch = branch.id.as_str();
    let shown = read(&user, branch).await;
    assert_eq!(shown.said(), ["one", "word1 word2 word3 "]);
    assert_eq!((shown.messages[1].credits, shown.system_prompt.as_deref()), (0, Some("Be brief.")));
    assert_eq!(user.credits().await["available"], 8);
    ask(&user, json!({"message": "three", "conversationId": branch})).await;
    assert_eq!(read(&user, &id).await.messages.len(), 4);
    assert_eq!(read(&user, branch).await.messages.len(), 4);

    assert_eq!(stranger.post_json(&path, &body).await.0, 404);
    assert_eq!(user.post_json(&format!("/api/conversations/{branch}/branch"), &body).await.0, 404, "of another one");
    for odd in [json!({"messageId": "x"}), json!({})] {
        assert_eq!(refusal(user.post_json(&path, &odd).await), "400 invalid_input: messageId");
    }
    let mut events = user.chat_stream(&json!({"message": "#stall", "conversationId": id})).await;
    let (_, start) = events.next_named("start").await;
    let unfinished = user.post_json(&path, &json!({"messageId": start["messageId"]})).await;
    assert_eq!(refusal(unfinished), "409 conflict");
    // It writes as much as many messages, so it counts as one.
    assert_eq!(user.post_json(&path, &body).await.0, 201);
    assert_eq!(user.post_json(&path, &body).await.0, 429);
    let stop = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
    assert_eq!(user.post_json(&stop, &json!({})).await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_conversation_is_exported_whole() {
    let app = TestApp::start().await;
    let (user, stranger) = (app.user().await, app.user().await);
    let asked = ask(&user, json!({"message": "What is a tessera?", "systemPrompt": "Be brief."})).await;
    let id = asked.conversation_id;
    assert_eq!(patch(&user, &id, json!({"title": "Ü/../\"x\"\\; mosaic"})).await.0, 200);
    let path = format!("/api/conversations/{id}/export");
    let response = user.get(&format!("{path}?format=markdown")).send().await.unwrap();
    let header = |response: &reqwest::Response, name| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header(&response, CONTENT_TYPE), "text/markdown; charset=utf-8");
    assert_eq!(
        header(&response, CONTENT_DISPOSITION),
        "attachment; filename=\"x-mosaic.md\"; filename*=UTF-8''%C3%9C-x-mosaic.md"
    );
    assert_eq!(header(&response, CACHE_CONTROL), "no-store");
    let text = response.text().await.unwrap();
    for part in [
        "# Ü/../",
        "## System prompt\n\nBe brief.",
        "## You · 20",
        "What is a tessera?",
        "## openai · fake-model · 20",
        "word1",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let response = user.get(&format!("{path}?format=json")).send().await.unwrap();
    assert_eq!(header(&response, CONTENT_TYPE), "application/json");
    assert!(header(&response, CONTENT_DISPOSITION).ends_with("mosaic.json"));
    let exported: Conversation = response.json().await.unwrap();
    assert_eq!((exported.system_prompt.as_deref(), &exported.id), (Some("Be brief."), &id));
    let reply = &exported.messages[1];
    assert_eq!(
        (reply.provider.as_deref(), reply.model.as_deref(), reply.credits),
        (Some("openai"), Some("fake-model"), 1)
    );
    assert_eq!(refusal(user.get_json(&format!("{path}?format=pdf")).await), "400 invalid_input: format");
    assert!(user.get(&path).send().await.unwrap().text().await.unwrap().starts_with("# "), "Markdown by itself");
    assert_eq!(stranger.get_json(&path).await.0, 404);
    assert_eq!(app.visitor().get_json(&path).await.0, 401);
}

#[tokio::test]
async fn a_link_shows_a_conversation_to_anybody_until_it_is_revoked() {
    let app = TestApp::start().await;
    let (user, stranger, visitor) = (app.user().await, app.user().await, app.visitor());
    let asked = ask(&user, json!({"message": "<b>bold</b> question", "systemPrompt": "A secret of mine."})).await;
    let id = asked.conversation_id;
    let title = "</title><script>alert(1)</script><img src=x onerror=alert(1)>";
    assert_eq!(patch(&user, &id, json!({"title": title})).await.0, 200);
    assert!(!read(&user, &id).await.shared);
    assert_eq!(share(&stranger, &id).await.0, 404);
    assert_eq!(share(&visitor, &id).await.0, 401);

    let share_again = async || {
        let link: ShareLink = data(share(&user, &id).await);
        link.url.strip_prefix("http://localhost:3000").unwrap().to_owned()
    };
    let shared = share_again().await;
    assert_eq!(shared.len(), "/share/".len() + 43, "256 bits");
    assert!(read(&user, &id).await.shared);
    assert!(items::<Conversation>(user.get_json("/api/conversations").await)[0].shared);

    // What is being written is not shown, nor what failed before its first word.
    ask_and_fail(&user, &id).await;
    let mut events = user.chat_stream(&json!({"message": "#stall #tokens=1 half", "conversationId": id})).await;
    let (_, start) = events.next_named("start").await;
    events.next_named("token").await;
    let response = visitor.get(&shared).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-robots-tag"), "noindex");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert!(header("content-security-policy").contains("script-src 'none'"));
    let page = response.text().await.unwrap();
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>"), "{page}");
    assert!(page.contains("&lt;script>alert(1)") || page.contains("&lt;script&gt;alert(1)"), "{page}");
    assert!(page.contains(r#"<meta name="robots" content="noindex""#), "{page}");
    assert!(page.contains("bold&lt;/b") && page.contains("word1 word2 word3") && page.contains("fake-model"));
    assert_eq!(page.matches("data-author=\"assistant\"").count(), 1);
    for private in [user.email.as_str(), "Ada", "credit", "A secret of mine.", &id] {
        assert!(!page.contains(private), "{private:?} in {page}");
    }
    let stop = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
    assert_eq!(user.post_json(&stop, &json!({})).await.0, 200);
    let page = visitor.get(&shared).send().await.unwrap().text().await.unwrap();
    assert_eq!(page.matches("data-author=\"assistant\"").count(), 2, "as it is now");

    let gone = async |path: &str| {
        let response = visitor.get(path).send().await.unwrap();
        assert_eq!(response.headers()["x-robots-tag"], "noindex");
        response.status() == 404
    };
    let newer = share_again().await;
    assert!(gone(&shared).await, "a new link ends the one before");
    assert!(!gone(&newer).await);
    let revoke = |who: &User| answer(who.request(Method::DELETE, &format!("/api/conversations/{id}/share")));
    assert_eq!(revoke(&stranger).await.0, 404);
    assert!(!gone(&newer).await);
    assert_eq!(revoke(&user).await.0, 200);
    assert_eq!(revoke(&user).await.0, 200, "it has ended already");
    assert!(gone(&newer).await);
    assert!(!read(&user, &id).await.shared);
    for odd in ["/share/x", "/share/%00", &format!("/share/{}", "A".repeat(5000))] {
        assert!(gone(odd).await, "{odd}");
    }
    let last = share_again().await;
    assert_eq!(answer(user.request(Method::DELETE, &format!("/api/conversations/{id}"))).await.0, 200);
    assert!(gone(&last).await, "deleted with its conversation");
}

/// A reply without a word.
async fn ask_and_fail(user: &User, conversation: &str) {
    let body = json!({"message": "#status=500", "conversationId": conversation});
    assert_eq!(user.post_json("/api/chat", &body).await.0, 502);
}

/// Those that a program made through `/v1`.
#[tokio::test]
async fn hidden_conversations_are_nowhere_to_be_seen() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let asked = ask(&user, json!({"message": "hidden question"})).await;
    let id = asked.conversation_id;
    let ShareLink { url: link } = data(share(&user, &id).await);
    assert_eq!(patch(&user, &id, json!({"pinned": true})).await.0, 200);
    let database = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    assert_eq!(database.execute("UPDATE conversations SET hidden = 1", []).unwrap(), 1);
    let path = format!("/api/conversations/{id}");
    for list in ["/api/conversations", "/api/conversations?q=hidden", "/api/conversations?pinned=true"] {
        assert!(items::<Conversation>(user.get_json(list).await).is_empty(), "{list}");
    }
    assert!(!user.get("/chat").send().await.unwrap().text().await.unwrap().contains("hidden question"));
    for page in [&format!("/chat/{id}"), link.strip_prefix("http://localhost:3000").unwrap()] {
        assert_eq!(user.get(page).send().await.unwrap().status(), 404, "{page}");
    }
    for part in [path.clone(), format!("{path}/export")] {
        assert_eq!(user.get_json(&part).await.0, 404, "{part}");
    }
    let body = json!({"messageId": asked.message_id});
    assert_eq!(user.post_json(&format!("{path}/branch"), &body).await.0, 404);
    assert_eq!(patch(&user, &id, json!({"title": "mine"})).await.0, 404);
    assert_eq!(share(&user, &id).await.0, 404);
    assert_eq!(answer(user.request(Method::DELETE, &path)).await.0, 404);
    assert_eq!(user.post_json("/api/chat", &json!({"message": "more", "conversationId": id})).await.0, 404);
}

async fn messages(user: &User, id: &str) -> Vec<Value> {
    user.get_json(&format!("/api/conversations/{id}")).await.1["data"]["messages"].as_array().unwrap().clone()
}

async fn show_images_to_strangers(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let (user, visitor) = (app.user().await, app.visitor());
    let (status, told) = user.chat("/image a fox").await;
    assert_eq!(status, 200, "{told}");
    let id = told["data"]["conversationId"].as_str().unwrap().to_owned();
    let other = user.make_image("something else").await.1["data"]["id"].as_str().unwrap().to_owned();
    let link = share(&user, &id).await.1["data"]["url"].as_str().unwrap().to_owned();
    let shared = link.strip_prefix("http://localhost:3000").unwrap();
    let page = visitor.get(shared).send().await.unwrap().text().await.unwrap();
    let sources: Vec<_> = page.split(&format!("src=\"{shared}/images/")).skip(1).collect();
    assert_eq!(sources.len(), 1, "{page}");
    let (image, file) = sources[0].split('"').next().unwrap().split_once('/').unwrap();
    assert!(page.contains(&format!("href=\"{shared}/images/{image}/file\"")), "{page}");
    let own = user.get(&format!("/chat/{id}")).send().await.unwrap().text().await.unwrap();
    assert!(own.contains(&format!("href=\"/images/{image}\"")), "{own}");
    assert!(own.contains("2 credits · image · "), "{own}");
    let get = async |image: &str| visitor.get(&format!("{shared}/images/{image}/{file}")).send().await.unwrap();
    let response = get(image).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let bytes = response.bytes().await.unwrap();
    assert_eq!(bytes, user.get(&format!("/api/images/{image}/file")).send().await.unwrap().bytes().await.unwrap());
    // None that was made elsewhere, and nothing without the link.
    for odd in [other.as_str(), "0199c1d2-7f00-7000-8000-1234567890ab", "x"] {
        assert_eq!(get(odd).await.status(), 404, "{odd}");
    }
    assert_eq!(
        visitor.get(&format!("/share/{}/images/{image}/{file}", "A".repeat(43))).send().await.unwrap().status(),
        404
    );
    // A branch, and a branch of that, show what they took along, and nothing that came later.
    let body = json!({"message": "/image a hen", "conversationId": id});
    let (_, later) = user.post_json("/api/chat", &body).await;
    let (_, later) = user.get_json(&format!("/api/chat/{}", later["data"]["messageId"].as_str().unwrap())).await;
    let later = later["data"]["content"].as_str().unwrap().split("/api/images/").nth(1).unwrap()[..36].to_owned();
    assert_eq!(get(&later).await.status(), 200);
    let mut branch = (id.clone(), told["data"]["messageId"].as_str().unwrap().to_owned());
    for _ in 0..2 {
        let body = json!({"messageId": branch.1});
        let (status, made) = user.post_json(&format!("/api/conversations/{}/branch", branch.0), &body).await;
        assert_eq!(status, 201, "{made}");
        let made = made["data"]["id"].as_str().unwrap().to_owned();
        let last = messages(&user, &made).await.pop().unwrap();
        let link = share(&user, &made).await.1["data"]["url"].as_str().unwrap().to_owned();
        let shared = link.strip_prefix("http://localhost:3000").unwrap();
        assert!(
            visitor
                .get(shared)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap()
                .contains(&format!("{shared}/images/{image}/"))
        );
        for (image, status) in [(image, 200), (later.as_str(), 404), (other.as_str(), 404)] {
            let path = format!("{shared}/images/{image}/{file}");
            assert_eq!(visitor.get(&path).send().await.unwrap().status(), status, "{path}");
        }
        branch = (made, last["id"].as_str().unwrap().to_owned());
    }
    // What was replaced is shown no more.
    let question = &messages(&user, &id).await[2]["id"];
    let body = json!({"message": "another question", "conversationId": id, "replaces": question});
    assert_eq!(user.post_json("/api/chat", &body).await.0, 200);
    assert_eq!(get(&later).await.status(), 404);
    // Until it is chosen.
    let chosen = user.post_json(&format!("/api/conversations/{id}/versions"), &json!({"messageId": question})).await;
    assert_eq!((chosen.0, get(&later).await.status()), (200, reqwest::StatusCode::OK));
    answer(user.request(Method::DELETE, &format!("/api/conversations/{id}/share"))).await;
    assert_eq!(get(image).await.status(), 404);
}

#[tokio::test]
async fn a_shared_conversation_shows_strangers_the_images_that_were_made_in_it() {
    show_images_to_strangers(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_conversation_shows_its_images_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    show_images_to_strangers(&[("MONGODB_URI", &mongod.uri())]).await;
}
