//! Ways through the pages: the list of conversations without an end, what has changed meanwhile, and back after signing in.

use std::collections::BTreeSet;

use reqwest::Response;
use reqwest::header::{ETAG, IF_NONE_MATCH, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use tessera::account::Email;

use crate::stores::{exchange, say};
use crate::support::{PASSWORD, TestApp, User};

/// So many conversations of a user, "Topic 0" first.
async fn begin(app: &TestApp, user: &User, conversations: usize) -> Vec<String> {
    let stores = &app.state.stores;
    let owner = stores.accounts.find_user(&Email::parse(&user.email).unwrap()).await.unwrap().unwrap().id;
    let mut ids = Vec::new();
    for n in 0..conversations {
        ids.push(say(stores, exchange(owner, &format!("Topic {n}.")), "Well.").await.conversation.to_string());
    }
    ids
}

async fn page(request: reqwest::RequestBuilder) -> String {
    request.send().await.unwrap().text().await.unwrap().replace("<!>", "")
}

/// The topics to which a page has links.
fn topics(page: &str, ids: &[String]) -> BTreeSet<usize> {
    (0..ids.len()).filter(|n| page.contains(&format!("href=\"/chat/{}\"", ids[*n]))).collect()
}

fn cookie(response: &Response) -> String {
    response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_conversation_is_reached_from_the_list_also_without_a_script() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let ids = begin(&app, &user, 120).await;
    let (mut address, mut seen) = ("/chat".to_owned(), BTreeSet::new());
    for pages_left in [2, 1, 0] {
        let html = page(user.get(&address)).await;
        let shown = topics(&html, &ids);
        assert!(shown.is_disjoint(&seen), "{shown:?}");
        seen.extend(shown);
        assert_eq!(html.contains(">Newest conversations<"), address != "/chat");
        let link = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let next = link.map(|link| link.replace("&amp;", "&")).find(|link| link.starts_with("/chat?conversations="));
        let next = next.unwrap_or_default();
        assert_eq!(next.len() > "/chat?conversations=".len(), pages_left > 0, "{next}");
        address = next;
    }
    assert_eq!(seen.len(), 120);
    // One that the list does not show is called by its title all the same, and is in the list of its page.
    let html = page(user.get(&format!("/chat/{}", ids[0]))).await;
    assert!(html.contains("<title>Topic 0. · Tessera</title>"));
    assert_eq!(topics(&html, &ids).into_iter().next(), Some(0));
    // An address that somebody made up is no harm.
    assert_eq!(user.get("/chat?conversations=nonsense").send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_again_tells_what_has_changed_and_nothing_if_nothing_has() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let ids = begin(&app, &user, 60).await;
    let look = async |address: &str, tag: &str| user.get(address).header(IF_NONE_MATCH, tag).send().await.unwrap();
    let read = async |response: Response| {
        assert_eq!(response.status(), 200);
        let tag = response.headers()[ETAG].to_str().unwrap().to_owned();
        (response.json::<Value>().await.unwrap()["data"].clone(), tag)
    };
    let address = format!("/api/overview?conversation={}", ids[0]);
    let (before, tag) = read(look(&address, "\"none\"").await).await;
    assert_eq!(before["available"], 10);
    // The newest, and the one that was asked about.
    assert_eq!(before["conversations"].as_array().unwrap().len(), 51);
    assert_eq!(before["conversations"][50]["title"], "Topic 0.");
    assert_eq!(before["latest"]["state"], "complete");
    let again = look(&address, &tag).await;
    assert_eq!((again.status().as_u16(), again.bytes().await.unwrap().len()), (304, 0));
    let (_, said) = user.post_json("/api/chat", &json!({ "message": "On", "conversationId": ids[0] })).await;
    let (after, tag) = read(look(&address, &tag).await).await;
    assert_eq!((&after["available"], &after["latest"]["id"]), (&json!(9), &said["data"]["messageId"]));
    assert_eq!(after["conversations"][0]["id"], *ids[0]);
    // Somebody else's is not there, and their answers are never taken for this one's.
    let stranger = app.user().await;
    let response = stranger.get(&address).header(IF_NONE_MATCH, &tag).send().await.unwrap();
    let (theirs, _) = read(response).await;
    assert_eq!((&theirs["latest"], &theirs["conversations"]), (&Value::Null, &json!([])));
    assert_eq!(user.get_json("/api/overview?conversation=1").await.0, 400);
    assert_eq!(app.visitor().get_json("/api/overview").await.0, 401);
}

#[tokio::test]
async fn what_was_written_when_the_session_had_ended_comes_back_to_its_conversation() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let id = user.chat("First").await.1["data"]["conversationId"].as_str().unwrap().to_owned();
    let mut returning = app.visitor();
    let form = [("message", "<b> & 潮汐\nmore"), ("conversationId", &*id)];
    let refused = returning.post_form("/chat", &form).send().await.unwrap();
    let address = refused.headers()[LOCATION].to_str().unwrap();
    assert_eq!((refused.status().as_u16(), address), (303, &*format!("/sign-in?next=%2Fchat%2F{id}")));
    let unsent = cookie(&refused);
    let form = [("email", &*user.email), ("password", PASSWORD), ("next", &*format!("/chat/{id}"))];
    let signed_in = returning.post_form("/sign-in", &form).send().await.unwrap();
    assert_eq!(signed_in.headers()[LOCATION].to_str().unwrap(), format!("/chat/{id}"));
    returning.keep_cookie(&signed_in);
    let shown = returning.get(&format!("/chat/{id}")).header("cookie", &unsent).send().await.unwrap();
    assert!(shown.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    let html = shown.text().await.unwrap();
    assert!(html.contains(">\n&lt;b> &amp; 潮汐\nmore</textarea>"), "{html}");
    assert!(page(returning.get(&format!("/chat/{id}"))).await.contains("></textarea>"), "once");
    // What no cookie holds is not cut: it is left to the browser's way back.
    let long = "潮".repeat(1000);
    let refused = app.visitor().post_form("/chat", &[("message", &*long)]).send().await.unwrap();
    assert_eq!(refused.headers()[LOCATION], "/sign-in?next=%2Fchat");
    assert!(!refused.headers().contains_key(SET_COOKIE));
}

#[tokio::test]
async fn pages_show_who_is_signed_in_the_way_to_the_chat() {
    let app = TestApp::start().await;
    let (user, visitor) = (app.user().await, app.visitor());
    for path in ["/", "/nowhere", "/api/docs"] {
        for _ in 0..2 {
            let html = page(user.get(path)).await;
            assert!(!html.contains("href=\"/sign-in\"") && html.contains("href=\"/chat\""), "{path}");
            assert!(page(visitor.get(path)).await.contains("href=\"/sign-in\""), "{path}");
        }
    }
}

#[tokio::test]
async fn the_frame_of_a_page_is_as_it_was_left() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let root = |html: &str| html.split("<head>").next().unwrap().to_owned();
    assert!(!root(&page(user.get("/chat")).await).contains("data-sidebar-hidden"));
    let hidden = page(user.get("/chat").header("cookie", "sidebar=hidden")).await;
    assert!(root(&hidden).contains("data-sidebar-hidden"));
    let link = |html: &str| html.split("id=\"to-images\"").nth(1).unwrap().split('>').next().unwrap().to_owned();
    assert!(link(&page(user.get("/images")).await).contains("aria-current=\"page\""));
    assert!(link(&page(user.get("/chat")).await).contains("aria-current=\"false\""));
}
