//! What people read of their credits: a line for each piece of work, which says what it was and leads to it.

use reqwest::Method;
use serde_json::json;

use crate::mongod::{Kind, Mongod};
use crate::support::{TestApp, User, answer};

/// The lines of the table, newest first.
async fn lines(user: &User) -> Vec<String> {
    let page = user.get("/dashboard").send().await.unwrap().text().await.unwrap();
    let body = page.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    body.split("<tr ").skip(1).map(str::to_owned).collect()
}

async fn each_piece_of_work_is_one_line(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let user = app.user().await;
    let (_, chat) = user.chat("Why are there tides?").await;
    let conversation = chat["data"]["conversationId"].as_str().unwrap();
    let (_, image) = user.make_image("a <b>fox</b>").await;
    let image = image["data"]["id"].as_str().unwrap();
    assert_eq!(user.chat("#status=500").await.0, 502);
    let mut events = user.chat_stream(&json!({"message": "#tokens=0 #stall"})).await;
    let (_, start) = events.next_named("start").await;

    let [held, failed, painted, replied, welcome] = &*lines(&user).await else { panic!("{:?}", lines(&user).await) };
    assert!(held.contains("On hold") && held.contains("1 held<"), "{held}");
    assert!(failed.contains("Released") && failed.contains("1 held, then released"), "{failed}");
    assert!(failed.contains("#status=500") && failed.contains("Failed"), "{failed}");
    assert!(painted.contains(&format!("href=\"/images/{image}\"")) && painted.contains("a &lt;b&gt;fox"), "{painted}");
    assert!(painted.contains(">Image<") && !painted.contains("Answer"), "{painted}");
    assert!(replied.contains(&format!("href=\"/chat/{conversation}\"")), "{replied}");
    assert!(replied.contains("Why are there tides?") && replied.contains(">Answer<"), "{replied}");
    assert!(welcome.contains("Welcome credits") && !welcome.contains("<a "), "{welcome}");

    // Programs read the entries, and which work each is of.
    let (_, page) = user.get_json("/api/credits/ledger").await;
    let entries = page["data"]["items"].as_array().unwrap();
    let of = |id: &str| entries.iter().filter(|entry| entry["workId"] == id).count();
    assert_eq!((entries.len(), of(chat["data"]["messageId"].as_str().unwrap()), of(image)), (8, 2, 2), "{page}");

    // What is gone has no name any more, and leads nowhere.
    let stop = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
    assert_eq!(user.post_json(&stop, &json!({})).await.0, 200);
    assert_eq!(answer(user.request(Method::DELETE, &format!("/api/conversations/{conversation}"))).await.0, 200);
    let [stopped, _, _, replied, _] = &*lines(&user).await else { panic!("{:?}", lines(&user).await) };
    assert!(stopped.contains("Released") && stopped.contains("Stopped"), "{stopped}");
    assert!(replied.contains(">Answer<") && !replied.contains("<a "), "{replied}");
    app.assert_books_balance().await;
}

#[tokio::test]
async fn each_piece_of_work_is_one_line_over_sqlite() {
    each_piece_of_work_is_one_line(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_piece_of_work_is_one_line_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    each_piece_of_work_is_one_line(&[("MONGODB_URI", &mongod.uri())]).await;
}
