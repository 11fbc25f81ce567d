//! `OpenAI`'s Responses, as its clients meet them, and the contract of the store that keeps them.

use serde_json::{Value, json};
use tessera::openai_api::responses::store::StoredResponse;
use tessera::platform::ids::{MessageId, UserId};

use crate::contracts::over_every_store;
use crate::support::{TestApp, User, answer};

const RESPONSES: &str = "/v1/responses";

fn stored(user: UserId, created_at: i64) -> StoredResponse {
    StoredResponse {
        id: MessageId::now_v7(),
        user,
        previous: None,
        input: "[{\"type\":\"message\"}]".into(),
        response: "{\"output\":[]}".into(),
        created_at,
    }
}

over_every_store! {
    async fn a_response_is_kept_as_it_is_and_is_one_users(stores) {
        let (store, ada, bob) = (stores.responses, UserId::now_v7(), UserId::now_v7());
        let first = stored(ada, 1000);
        let second = StoredResponse { previous: Some(first.id), ..stored(ada, 2000) };
        for response in [&first, &second] {
            store.add(response.clone(), u64::MAX).await.unwrap();
        }
        // The same again, as a repeated request has it.
        store.add(StoredResponse { response: "{}".into(), ..first.clone() }, u64::MAX).await.unwrap();
        assert_eq!(store.find(ada, first.id, 999).await.unwrap(), Some(first.clone()));
        assert_eq!(store.find(ada, second.id, 0).await.unwrap(), Some(second.clone()));
        assert_eq!(store.find(ada, first.id, 1000).await.unwrap(), None, "too old");
        assert_eq!(store.find(bob, first.id, 0).await.unwrap(), None);
        assert_eq!(store.list(ada, MessageId::min(), 1).await.unwrap(), std::slice::from_ref(&first));
        assert_eq!(store.list(ada, first.id, 9).await.unwrap(), std::slice::from_ref(&second));
        assert!(!store.delete(bob, first.id).await.unwrap());
        assert!(store.delete(ada, first.id).await.unwrap());
        assert!(!store.delete(ada, first.id).await.unwrap());
        assert_eq!(store.list(ada, MessageId::min(), 9).await.unwrap(), [second]);
    }

    async fn of_too_many_the_oldest_go(stores) {
        let (store, ada, bob) = (stores.responses, UserId::now_v7(), UserId::now_v7());
        let kept: Vec<_> = (1..=4).map(|time| stored(ada, time)).collect();
        let (other, most) = (stored(bob, 1), 2 * kept[0].bytes() as u64);
        store.add(other.clone(), most).await.unwrap();
        for response in &kept {
            store.add(response.clone(), most).await.unwrap();
        }
        assert_eq!(store.list(ada, MessageId::min(), 9).await.unwrap(), kept[2..]);
        assert_eq!(store.list(bob, MessageId::min(), 9).await.unwrap(), [other]);
        store.add(stored(ada, 5), most - 1).await.unwrap();
        assert_eq!(store.list(ada, MessageId::min(), 9).await.unwrap().len(), 1);
    }

    async fn responses_go_with_their_user_and_with_their_time(stores) {
        let (store, ada, bob) = (stores.responses, UserId::now_v7(), UserId::now_v7());
        let (old, new, other) = (stored(ada, 1000), stored(ada, 2000), stored(bob, 2000));
        for response in [&old, &new, &other] {
            store.add(response.clone(), u64::MAX).await.unwrap();
        }
        store.forget_before(1000).await.unwrap();
        assert_eq!(store.list(ada, MessageId::min(), 9).await.unwrap(), [new]);
        store.delete_of_user(ada).await.unwrap();
        assert_eq!(store.list(ada, MessageId::min(), 9).await.unwrap(), []);
        assert_eq!(store.list(bob, MessageId::min(), 9).await.unwrap(), [other]);
    }
}

async fn program(app: &TestApp) -> (User, User) {
    let user = app.user().await;
    (user.with_key(&json!({})).await, user)
}

async fn ask(program: &User, body: &Value) -> Value {
    let mut body = body.clone();
    body["model"] = "tessera".into();
    let (status, response) = program.post_json(RESPONSES, &body).await;
    assert_eq!(status, 200, "{response}");
    response
}

async fn get(program: &User, path: &str) -> (u16, Value) {
    program.get_json(&format!("{RESPONSES}/{path}")).await
}

/// All that is kept of a user.
pub async fn kept_of(app: &TestApp, user: &User) -> Vec<StoredResponse> {
    let id = user.id().await.parse().unwrap();
    app.state.stores.responses.list(id, MessageId::min(), 100).await.unwrap()
}

fn asked(app: &TestApp) -> Value {
    app.upstream.seen.last.lock().unwrap().clone().unwrap().1["messages"].take()
}

#[tokio::test]
async fn a_response_is_whole_kept_and_deleted() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let response = ask(&program, &json!({ "input": "Hello", "metadata": { "a": "b" }, "temperature": 0.1 })).await;
    let id = response["id"].as_str().unwrap();
    assert!(id.starts_with("resp_"), "{response}");
    let text = json!({ "type": "output_text", "text": "word1 word2 word3 ", "annotations": [], "logprobs": [] });
    let message = json!({
        "id": response["output"][0]["id"], "type": "message", "status": "completed", "role": "assistant",
        "content": [text],
    });
    assert_eq!(response["output"], json!([message]));
    for (field, value) in [
        ("object", json!("response")),
        ("status", json!("completed")),
        ("model", json!("fake-model")),
        ("metadata", json!({ "a": "b" })),
        ("temperature", json!(0.1)),
        ("top_p", json!(1.0)),
        ("store", json!(true)),
        ("error", Value::Null),
        ("incomplete_details", Value::Null),
        ("tessera", json!({ "credits": 1, "remainingCredits": 9, "cached": false })),
    ] {
        assert_eq!(response[field], value, "{field}");
    }
    assert_eq!((&response["usage"]["input_tokens"], &response["usage"]["total_tokens"]), (&json!(11), &json!(14)));
    assert_eq!(get(&program, id).await, (200, response.clone()));
    assert_eq!(answer(program.post(&format!("{RESPONSES}/{id}/cancel"))).await, (200, response.clone()));
    let (status, items) = get(&program, &format!("{id}/input_items")).await;
    assert_eq!((status, &items["has_more"]), (200, &json!(false)));
    assert_eq!(items["data"][0]["content"], json!([{ "type": "input_text", "text": "Hello" }]));
    assert_eq!((&items["first_id"], &items["data"][0]["role"]), (&items["data"][0]["id"], &json!("user")));
    for (query, field) in
        [("?stream=true", "stream"), ("/input_items?limit=0", "limit"), ("/input_items?order=x", "order")]
    {
        let (status, refused) = get(&program, &format!("{id}{query}")).await;
        assert_eq!((status, &refused["error"]["param"]), (400, &json!(field)), "{query}: {refused}");
    }
    // Nobody else has it.
    let (stranger, _) = crate::kept_responses::program(&app).await;
    for path in [id.to_owned(), format!("{id}/input_items")] {
        assert_eq!(get(&stranger, &path).await.0, 404, "{path}");
    }
    let delete = |user: &User| user.request(reqwest::Method::DELETE, &format!("{RESPONSES}/{id}"));
    assert_eq!(answer(delete(&stranger)).await.0, 404);
    let gone = json!({ "id": id, "object": "response", "deleted": true });
    assert_eq!(answer(delete(&program)).await, (200, gone));
    let (status, missing) = get(&program, id).await;
    assert_eq!((status, &missing["error"]["message"]), (404, &json!(format!("Response with id '{id}' not found."))));
    assert_eq!(user.credits().await["available"], 9);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_stream_has_its_events_in_their_order_and_is_kept() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let body = json!({ "model": "tessera", "input": "Hello", "stream": true });
    let text = program.post(RESPONSES).json(&body).send().await.unwrap().text().await.unwrap();
    let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let data: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(names, expected);
    for (number, (name, data)) in names.iter().zip(&data).enumerate() {
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(name), &json!(number)));
    }
    let item = &data[2]["item"]["id"];
    assert!(data[3..9].iter().all(|data| data["item_id"] == *item && data["output_index"] == 0), "{data:?}");
    assert_eq!(data[7]["text"], "word1 word2 word3 ");
    let whole = &data[10]["response"];
    assert_eq!((&whole["id"], &whole["output"][0]), (&data[0]["response"]["id"], &data[9]["item"]));
    assert_eq!(get(&program, whole["id"].as_str().unwrap()).await, (200, whole.clone()));
}

#[tokio::test]
async fn a_talk_goes_on_from_a_response_without_its_instructions() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let first = ask(&program, &json!({ "input": "One", "instructions": "In verse." })).await;
    let second = ask(&program, &json!({ "input": "Two", "previous_response_id": first["id"] })).await;
    assert_eq!(second["previous_response_id"], first["id"]);
    let said = |role: &str, content: &str| json!({ "role": role, "content": content });
    let answered = said("assistant", "word1 word2 word3 ");
    assert_eq!(asked(&app), json!([said("user", "One"), answered, said("user", "Two")]));
    ask(&program, &json!({ "input": "Three", "instructions": "In prose.", "previous_response_id": second["id"] }))
        .await;
    let whole = json!([
        said("system", "In prose."),
        said("user", "One"),
        answered,
        said("user", "Two"),
        answered,
        said("user", "Three")
    ]);
    assert_eq!(asked(&app), whole);
    // By its items, as some clients send it.
    let reference = json!({ "type": "item_reference", "id": first["output"][0]["id"] });
    let named =
        json!({ "input": [{ "role": "user", "content": "One" }, reference, { "role": "user", "content": "Two" }] });
    let third = ask(&program, &named).await;
    assert_eq!(asked(&app), json!([said("user", "One"), answered, said("user", "Two")]));
    // They are read page by page, with what the reference stood for.
    let items = format!("{}/input_items", third["id"].as_str().unwrap());
    let (_, page) = get(&program, &format!("{items}?limit=2&order=asc")).await;
    let texts = |page: &Value| -> Vec<String> {
        let items = page["data"].as_array().unwrap().iter();
        items.map(|item| item["content"][0]["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (texts(&page), &page["has_more"]),
        (vec!["One".to_owned(), "word1 word2 word3 ".to_owned()], &json!(true))
    );
    let (_, rest) = get(&program, &format!("{items}?order=asc&after={}", page["last_id"].as_str().unwrap())).await;
    assert_eq!((texts(&rest), &rest["has_more"]), (vec!["Two".to_owned()], &json!(false)));
    // What it stood for stays, also where that is gone.
    let delete = program.request(reqwest::Method::DELETE, &format!("{RESPONSES}/{}", first["id"].as_str().unwrap()));
    assert_eq!(answer(delete).await.0, 200);
    ask(&program, &json!({ "input": "Three", "previous_response_id": third["id"] })).await;
    assert_eq!(asked(&app)[1], answered);
    let broken = json!({ "model": "tessera", "input": "Three", "previous_response_id": second["id"] });
    let (status, refused) = program.post_json(RESPONSES, &broken).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("previous_response_not_found")), "{refused}");
}

#[tokio::test]
async fn what_is_not_kept_or_not_ones_own_cannot_be_gone_on_with() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let unkept = ask(&program, &json!({ "input": "One", "store": false })).await;
    let id = unkept["id"].as_str().unwrap();
    assert_eq!(get(&program, id).await.0, 404);
    let kept = ask(&program, &json!({ "input": "One" })).await;
    let (stranger, other) = crate::kept_responses::program(&app).await;
    let calls = app.upstream.calls();
    for (who, previous) in [(&program, id), (&stranger, kept["id"].as_str().unwrap()), (&program, "nonsense")] {
        let body = json!({ "model": "tessera", "input": "Two", "previous_response_id": previous });
        let (status, refused) = who.post_json(RESPONSES, &body).await;
        let (param, code) = (&refused["error"]["param"], &refused["error"]["code"]);
        assert_eq!(
            (status, param.as_str(), code.as_str()),
            (400, Some("previous_response_id"), Some("previous_response_not_found"))
        );
    }
    for (who, item) in [(&program, &unkept["output"][0]["id"]), (&stranger, &kept["output"][0]["id"])] {
        let input = json!([{ "type": "item_reference", "id": item }, { "role": "user", "content": "Two" }]);
        let (status, refused) = who.post_json(RESPONSES, &json!({ "model": "tessera", "input": input })).await;
        assert_eq!((status, &refused["error"]["param"]), (400, &json!("input")), "{refused}");
    }
    assert_eq!((app.upstream.calls(), &user.credits().await["available"]), (calls, &json!(8)));
    assert_eq!(other.credits().await["available"], 10);
}

#[tokio::test]
async fn after_thirty_days_it_is_gone() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let kept = ask(&program, &json!({ "input": "One" })).await;
    app.state.stores.responses.forget_before(i64::MAX).await.unwrap();
    assert_eq!(get(&program, kept["id"].as_str().unwrap()).await.0, 404);
    assert_eq!(kept_of(&app, &user).await, []);
}

#[tokio::test]
async fn what_takes_too_much_room_is_refused_before_it_costs_anything() {
    let app = TestApp::start_with(&[("ATTACHMENT_QUOTA_MIB", "1")]).await;
    let (program, user) = program(&app).await;
    let body = json!({ "model": "tessera", "input": "Hello", "metadata": { "x": "y".repeat(1_100_000) } });
    let (status, refused) = program.post_json(RESPONSES, &body).await;
    assert_eq!((status, &refused["error"]["param"]), (400, &json!("store")), "{refused}");
    assert_eq!(user.ledger_kinds().await, ["grant"]);
    let mut unkept = body;
    unkept["store"] = false.into();
    assert_eq!(program.post_json(RESPONSES, &unkept).await.0, 200);
}

#[tokio::test]
async fn a_response_that_was_cut_says_so() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let cut = ask(&program, &json!({ "input": "#tokens=2 #finish=length" })).await;
    assert_eq!(
        (&cut["status"], &cut["incomplete_details"]),
        (&json!("incomplete"), &json!({ "reason": "max_output_tokens" }))
    );
    let body = json!({ "model": "tessera", "input": "#tokens=2 #finish=length", "stream": true });
    let stream = program.post(RESPONSES).json(&body).send().await.unwrap().text().await.unwrap();
    assert!(stream.contains("event: response.incomplete\n") && !stream.contains("response.completed"), "{stream}");
}
