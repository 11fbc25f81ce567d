//! Replies whose price is per token: what is shown, held, told while they run, and charged in the end.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tessera::credits::server::store::{HoldId, HoldOutcome, NewHold};
use tessera::generation::BreakerState;
use tessera::platform::amount::Amount;
use tessera::platform::ids::{UserId, WorkId};
use tokio::time::sleep;

use crate::fake_gemini::FakeGemini;
use crate::ledger::hold_of;
use crate::servers::until;
use crate::support::{TestApp, User, answer};

/// A file of prices that is there as long as this is.
pub struct Prices(NamedTempFile);

impl Prices {
    /// For a million tokens, in credits.
    pub fn of(text: &str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Self(file)
    }

    /// A thousandth of a credit for a token of input, a hundredth for one of output.
    pub fn usual() -> Self {
        Self::of("[[model]]\nname = \"fake-model\"\ninput = 1000\ncached_input = 100\noutput = 10000\n")
    }

    pub fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

/// With answers of at most 200 tokens, which are 2 credits.
async fn start(prices: &Prices, more: &[(&str, &str)]) -> TestApp {
    let vars = [&[("PRICES_FILE", prices.path()), ("MAX_OUTPUT_TOKENS", "200")], more].concat();
    TestApp::start_with(&vars).await
}

pub fn amount(value: &Value) -> Amount {
    Amount::parse(&value.to_string()).unwrap_or_else(|| panic!("{value} is no amount"))
}

pub async fn user_id(user: &User) -> UserId {
    user.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().parse().unwrap()
}

/// A reply that has ended, once its hold has too.
async fn ended(user: &User, id: &str) -> Value {
    for _ in 0..400 {
        let (status, message) = user.get_json(&format!("/api/chat/{id}")).await;
        assert_eq!(status, 200, "{message}");
        if message["data"]["state"] != "running" && user.credits().await["held"] == 0 {
            return message["data"].clone();
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("a reply goes on");
}

/// What the ledger says was charged for a reply, and by which price.
async fn settled(app: &TestApp, user: &User, id: &str) -> Option<(Amount, Option<String>)> {
    let hold = HoldId { id: id.parse::<WorkId>().unwrap(), owner: user_id(user).await.into() };
    let entry = app.state.stores.credits.find_settlement(hold).await.unwrap()?;
    Some((-entry.amount, entry.price_version))
}

/// Streams a message to its end: the start, and the last event with its data.
async fn stream(user: &User, body: &Value) -> (Value, Vec<(String, Value)>) {
    let mut events = user.chat_stream(body).await;
    let (_, start) = events.next_named("start").await;
    let all = events.all().await.into_iter();
    (start, all.map(|event| (event.event, serde_json::from_str(&event.data).unwrap_or_default())).collect())
}

fn text_of(events: &[(String, Value)]) -> String {
    events.iter().filter(|(name, _)| name == "token").map(|(_, data)| data["text"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_says_is_charged_where_it_can_be() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    let (start, events) = stream(&user, &json!({"message": "#tokens=20 #cached=6"})).await;
    let (name, done) = events.last().unwrap();
    // 5 of input, 6 of what is cached, and 20 of output.
    assert_eq!((name.as_str(), amount(&done["credits"]).to_string().as_str()), ("done", "0.2056"), "{done}");
    assert_eq!(amount(&done["remainingCredits"]), Amount::credits(10) - amount(&done["credits"]));
    assert!(amount(&start["credits"]) > Amount::credits(2), "{start}");
    let usage = json!({"inputTokens": 11, "outputTokens": 20, "cachedInputTokens": 6});
    assert_eq!(done["usage"], usage);
    let id = start["messageId"].as_str().unwrap();
    let message = ended(&user, id).await;
    let version = message["priceVersion"].as_str().unwrap().to_owned();
    assert_eq!((&message["credits"], &message["usage"]), (&done["credits"], &usage));
    let (charged, by) = settled(&app, &user, id).await.unwrap();
    assert_eq!((charged, by), (amount(&done["credits"]), Some(version.clone())));
    let told: Vec<_> =
        events.iter().filter(|(name, _)| name == "usage").map(|(_, data)| amount(&data["credits"])).collect();
    assert!(!told.is_empty() && told.is_sorted() && told.len() < 20, "{told:?}");
    let (_, watched) = user.get_json("/api/providers").await;
    assert_eq!(watched["data"][0]["price"]["version"], version.as_str());
    assert_eq!(watched["data"][0]["price"]["rates"]["cachedInput"], 100);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_cannot_be_are_not_charged() {
    let prices = Prices::usual();
    let app = start(&prices, &[("FREE_CREDITS", "1000")]).await;
    let user = app.user().await;
    let mut costs = Vec::new();
    for usage in [
        "0/0",
        "-1/-1",
        "1000000000/20",
        "11/1000000000",
        "\"11\"/\"20\"",
        "11/0",
        "0/20",
        "1e9/1e9",
        "null/null",
        "[]/{}",
        "11.5/20",
        "99999999999999999999/3",
    ] {
        // As long, whatever stands there.
        let message = format!("#tokens=20 #usage={usage} {}", "x".repeat(48 - usage.len()));
        let (start, events) = stream(&user, &json!({ "message": message })).await;
        let done = &events.last().unwrap().1;
        assert_eq!(done["usage"]["estimated"], true, "{usage}: {done}");
        // A word with its number is two tokens here, and the last blank one.
        assert_eq!(done["usage"]["outputTokens"], 41, "{usage}: {done}");
        let (charged, most) = (amount(&done["credits"]), amount(&start["credits"]));
        assert!(charged > Amount::from_micros(400_000) && charged < Amount::from_micros(460_000), "{usage}: {done}");
        assert!(charged < most);
        costs.push(charged);
    }
    let (_, events) = stream(&user, &json!({"message": "#tokens=20 #nousage"})).await;
    assert_eq!(events.last().unwrap().1["usage"]["estimated"], true);
    costs.push(amount(&events.last().unwrap().1["credits"]));
    assert_eq!(Amount::credits(1000) - amount(&user.credits().await["available"]), costs.into_iter().sum());
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_keeps_no_limit_is_not_paid_beyond_what_was_shown() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    let (start, events) = stream(&user, &json!({"message": "#tokens=500"})).await;
    let done = &events.last().unwrap().1;
    let (charged, most) = (amount(&done["credits"]), amount(&start["credits"]));
    assert!(charged >= Amount::credits(2) && charged <= most, "{charged} of {most}");
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_where_the_credits_do_and_says_so() {
    let prices = Prices::usual();
    let app = start(&prices, &[("FREE_CREDITS", "1")]).await;
    let user = app.user().await;
    let (start, events) = stream(&user, &json!({"message": "#tokens=90 #pause=2"})).await;
    let (name, done) = events.last().unwrap();
    assert_eq!((name.as_str(), &done["cut"], &done["cutReason"]), ("done", &json!(true), &json!("credits")), "{done}");
    assert!(amount(&start["credits"]) > Amount::credits(2), "what was shown is the most it could have cost");
    let charged = amount(&done["credits"]);
    assert!(charged > Amount::from_micros(950_000) && charged <= Amount::credits(1), "{charged}");
    assert_eq!(Amount::credits(1) - charged, amount(&user.credits().await["available"]));
    let (_, asked) = app.upstream.seen.last.lock().unwrap().clone().unwrap();
    let limit = asked["max_completion_tokens"].as_u64().unwrap();
    assert!((80..100).contains(&limit), "it is told what is paid for: {limit}");
    until(|| app.upstream.seen.open.load(Ordering::SeqCst) == 0).await;
    let message = ended(&user, start["messageId"].as_str().unwrap()).await;
    assert_eq!((&message["state"], &message["cutReason"]), (&json!("complete"), &json!("credits")));
    assert_eq!(message["content"], text_of(&events));
    assert!(message["content"].as_str().unwrap().ends_with(' '), "no half of a small piece: {message}");
    // And there is nothing left for another one.
    let (status, refused) = user.chat("Hello").await;
    assert_eq!((status, &refused["code"]), (402, &json!("insufficient_credits")));
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_one_piece_is_cut_down_to_what_is_paid_for() {
    let prices = Prices::usual();
    let app = start(&prices, &[("FREE_CREDITS", "1")]).await;
    let user = app.user().await;
    let (_, events) = stream(&user, &json!({"message": "#tokens=90 #whole"})).await;
    let done = &events.last().unwrap().1;
    assert_eq!(done["cutReason"], "credits", "{done}");
    let text = text_of(&events);
    assert!(text.starts_with("word1 word2 ") && text.len() < 500, "{text}");
    assert!(amount(&done["credits"]) <= Amount::credits(1));
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_grows_while_there_is_more() {
    let prices = Prices::usual();
    let app = start(&prices, &[("FREE_CREDITS", "3")]).await;
    let user = app.user().await;
    // The first holds what both would need; it ends soon, and what it gives back the second takes.
    let mut first = user.chat_stream(&json!({"message": "#tokens=3 #pause=100"})).await;
    first.next_named("start").await;
    let second = json!({"message": "#tokens=90 #pause=10 #usage=11/150"});
    let (start, events) = stream(&user, &second).await;
    let done = &events.last().unwrap().1;
    assert_eq!((&done["cut"], text_of(&events).ends_with("word90 ")), (&Value::Null, true), "{done}");
    let id = start["messageId"].as_str().unwrap();
    ended(&user, id).await;
    assert!(user.ledger_kinds().await.contains(&"extend".to_owned()));
    assert!(amount(&done["credits"]) > Amount::from_micros(1_500_000), "{done}");
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_pays_more_than_they_said() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    let (status, refused) = user.post_json("/api/chat", &json!({"message": "Hello", "maxCredits": 0.5})).await;
    assert_eq!((status, &refused["field"]), (400, &json!("maxCredits")), "{refused}");
    let (start, events) = stream(&user, &json!({"message": "#tokens=90", "maxCredits": 0.9})).await;
    let done = &events.last().unwrap().1;
    assert_eq!((&start["credits"], &done["cutReason"]), (&json!(0.9), &json!("maximum")), "{done}");
    assert!(amount(&done["credits"]) <= amount(&json!(0.9)));
    // One that is large changes nothing.
    let (start, _) = stream(&user, &json!({"message": "#tokens=3", "maxCredits": 9})).await;
    assert!(amount(&start["credits"]) < Amount::credits(3));
    // Where the price is flat, too.
    let flat = TestApp::start().await;
    let user = flat.user().await;
    assert_eq!(user.post_json("/api/chat", &json!({"message": "Hello", "maxCredits": 0.5})).await.0, 400);
    assert_eq!(user.post_json("/api/chat", &json!({"message": "Hello", "maxCredits": 1})).await.0, 200);
    assert_eq!(user.post_json("/api/chat", &json!({"message": "/image a fox", "maxCredits": 1})).await.0, 400);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_costs_what_was_used_and_nothing_before_the_first_word() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=90 #pause=30"})).await;
    let (_, start) = events.next_named("start").await;
    for _ in 0..10 {
        events.next_named("token").await;
    }
    let id = start["messageId"].as_str().unwrap();
    answer(user.post(&format!("/api/chat/{id}/stop"))).await;
    let message = ended(&user, id).await;
    let credits = amount(&message["credits"]);
    assert_eq!(message["state"], "stopped");
    assert!(credits >= Amount::from_micros(200_000) && credits < Amount::credits(1), "{message}");
    assert_eq!(message["usage"]["estimated"], true);
    assert_eq!(settled(&app, &user, id).await.unwrap().0, credits);
    let mut events = user.chat_stream(&json!({"message": "#tokens=0 #stall"})).await;
    let (_, start) = events.next_named("start").await;
    let id = start["messageId"].as_str().unwrap();
    answer(user.post(&format!("/api/chat/{id}/stop"))).await;
    assert_eq!(ended(&user, id).await["credits"], 0);
    assert_eq!(Amount::credits(10) - credits, amount(&user.credits().await["available"]));
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_or_is_empty_is_free() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    for message in
        ["#tokens=9 #cut", "#tokens=9 #error", "#empty", "#tokens=9 #blocked", "#status=500", "#empty #finish=length"]
    {
        let (start, events) = stream(&user, &json!({ "message": message })).await;
        let (name, error) = events.last().unwrap();
        assert_eq!((name.as_str(), &error["charged"]), ("error", &json!(false)), "{message}");
        assert_eq!(ended(&user, start["messageId"].as_str().unwrap()).await["credits"], 0, "{message}");
    }
    assert_eq!(user.credits().await["available"], 10);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_is_free_and_deleting_costs_what_was_read() {
    let prices = Prices::usual();
    let app = start(&prices, &[("CHAT_CACHE", "shared")]).await;
    let user = app.user().await;
    let (_, first) = user.chat("#tokens=9").await;
    let (_, second) = user.chat("#tokens=9").await;
    assert_eq!((&first["data"]["cached"], &second["data"]["cached"]), (&json!(false), &json!(true)));
    assert_eq!(second["data"]["credits"], 0);
    let before = amount(&user.credits().await["available"]);
    assert_eq!(before, Amount::credits(10) - amount(&first["data"]["credits"]));
    let mut events = user.chat_stream(&json!({"message": "#tokens=90 #pause=30"})).await;
    let (_, start) = events.next_named("start").await;
    for _ in 0..10 {
        events.next_named("token").await;
    }
    let path = format!("/api/conversations/{}", start["conversationId"].as_str().unwrap());
    assert_eq!(answer(user.request(reqwest::Method::DELETE, &path)).await.0, 200);
    let paid = before - amount(&user.credits().await["available"]);
    assert!(paid >= Amount::from_micros(200_000) && paid < Amount::credits(1), "{paid}");
    app.assert_books_balance().await;
}

/// Its server died too: what was read of it, nobody knows, and what is held may be much more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_while_it_ran_is_free_where_nobody_knows_how_much_was_read() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    let (_, started) = user.chat("#tokens=2").await;
    let id = started["data"]["messageId"].as_str().unwrap();
    let version =
        user.get_json(&format!("/api/chat/{id}")).await.1["data"]["priceVersion"].as_str().unwrap().to_owned();
    let (credits, owner) = (&app.state.stores.credits, user_id(&user).await);
    let before = user.credits().await["available"].clone();
    let hold = NewHold { price_version: version, lease_until: 1, ..hold_of(owner, 2) };
    let taken = hold.held();
    assert!(matches!(credits.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
    credits.mark_published(taken.hold_id()).await.unwrap();
    while user.credits().await["held"] != 0 {
        sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(user.credits().await["available"], before);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_tells_what_the_whole_conversation_has_cost() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    let (_, first) = user.chat("#tokens=20").await;
    let conversation = first["data"]["conversationId"].as_str().unwrap();
    let (_, second) =
        user.post_json("/api/chat", &json!({"message": "#tokens=30", "conversationId": conversation})).await;
    let sum = amount(&first["data"]["credits"]) + amount(&second["data"]["credits"]);
    assert!(sum > amount(&second["data"]["credits"]) && amount(&second["data"]["credits"]).is_positive());
    let receipt =
        user.get_json(&format!("/api/chat/{}/receipt", second["data"]["messageId"].as_str().unwrap())).await.1;
    assert_eq!(amount(&receipt["data"]["conversationCredits"]), sum, "{receipt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_told_the_prices_that_hold() {
    let prices = Prices::of("[chat]\nflat = 3.5\n");
    let app = TestApp::start_with(&[("PRICES_FILE", prices.path())]).await;
    let page = async || app.visitor().get("/").send().await.unwrap().text().await.unwrap();
    let flat = page().await;
    assert!(flat.contains(">3.5<") && flat.contains("Whichever model"), "{flat}");
    std::fs::write(prices.path(), "[[model]]\nname = \"fake-model\"\ninput = 1000\noutput = 10000\n").unwrap();
    while !page().await.contains("By model and length") {
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_answers_at_the_price_of_who_was_asked_first() {
    let prices = Prices::of(
        "[[model]]\nname = \"gemini-3.8-flash\"\ninput = 1000\noutput = 20000\n\n[[model]]\nname = \"fake-model\"\ninput = 9000\noutput = 90000\n",
    );
    let gemini = FakeGemini::start().await;
    let base = gemini.base_url();
    let more = [
        ("CHAT_PROVIDERS", "gemini,openai"),
        ("GEMINI_API_KEY", "k"),
        ("GEMINI_BASE_URL", &*base),
        ("FREE_CREDITS", "100"),
    ];
    let app = start(&prices, &more).await;
    let user = app.user().await;
    let (start, events) = stream(&user, &json!({"message": "#tokens=20 gemini: #status=503"})).await;
    let done = &events.last().unwrap().1;
    assert!(events.iter().any(|(name, _)| name == "fallback"));
    // 11 of input and 20 of output, at the price of the first.
    assert_eq!(done["credits"], 0.411, "{done}");
    let message = ended(&user, start["messageId"].as_str().unwrap()).await;
    let (_, listed) = user.get_json("/api/providers").await;
    assert_eq!(message["priceVersion"], listed["data"][0]["price"]["version"]);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_used_up_cuts_too() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    let program = user.with_key(&json!({ "budget": 1 })).await;
    let (_, events) = stream(&program, &json!({"message": "#tokens=90"})).await;
    let done = &events.last().unwrap().1;
    assert_eq!(done["cutReason"], "budget", "{done}");
    assert!(amount(&done["credits"]) <= Amount::credits(1));
    assert_eq!(program.chat("Hello").await.0, 402);
    app.assert_books_balance().await;
}

/// What is refused or cut for lack of credits says nothing of who would have answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_lack_of_credits_is_no_failure_of_a_provider() {
    let prices = Prices::usual();
    let app = start(&prices, &[("FREE_CREDITS", "1"), ("CHAT_TIMEOUT_SECS", "2")]).await;
    for n in 0..12 {
        let user = app.user().await;
        let message = if n % 2 == 0 { "#tokens=90" } else { "#empty #finish=length" };
        stream(&user, &json!({ "message": message })).await;
        for _ in 0..3 {
            user.post_json("/api/chat", &json!({"message": "Hello", "maxCredits": 0.01})).await;
            user.chat(&format!("#tokens=1 {}", "word ".repeat(300))).await;
        }
    }
    let poor = start(&prices, &[("FREE_CREDITS", "0.1")]).await;
    let user = poor.user().await;
    for _ in 0..30 {
        assert_eq!(user.chat("Hello").await.0, 402);
    }
    assert_eq!(poor.upstream.calls(), 0);
    for app in [&app, &poor] {
        assert_eq!(app.state.chat.providers()[0].breaker_state(), BreakerState::Closed);
        let left = (0..100).filter(|_| app.state.generation.retries.spend()).count();
        assert!(left >= 30, "{left} retries are left");
        app.assert_books_balance().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_pay_by_the_same_rules() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    let body = |message: &str| json!({"model": "tessera", "messages": [{"role": "user", "content": message}]});
    let (status, whole) = program.post_json("/v1/chat/completions", &body("#tokens=20")).await;
    // 11 of input and 20 of output.
    assert_eq!(
        (status, &whole["tessera"]["credits"], &whole["usage"]["completion_tokens"]),
        (200, &json!(0.211), &json!(20)),
        "{whole}"
    );
    assert_eq!(amount(&whole["tessera"]["remainingCredits"]), amount(&user.credits().await["available"]));
    let mut streamed = body("#tokens=20");
    streamed["stream"] = true.into();
    streamed["stream_options"] = json!({"include_usage": true});
    let text = program.post("/v1/chat/completions").json(&streamed).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("\"credits\":0.211"), "{text}");
    assert_eq!(user.credits().await["available"], 9.578);
    let mut limited = body("#tokens=90");
    limited["max_credits"] = json!(0.9);
    let (_, cut) = program.post_json("/v1/chat/completions", &limited).await;
    assert_eq!(
        (&cut["choices"][0]["finish_reason"], &cut["tessera"]["cutReason"]),
        (&json!("length"), &json!("maximum")),
        "{cut}"
    );
    limited["max_credits"] = json!(0.1);
    let (status, refused) = program.post_json("/v1/chat/completions", &limited).await;
    assert_eq!((status, &refused["error"]["param"]), (400, &json!("max_credits")), "{refused}");
    // Longer than a flat price takes.
    let long = "A long context. ".repeat(5000);
    let (status, answered) = program.post_json("/v1/chat/completions", &body(&format!("{long}#tokens=1"))).await;
    assert_eq!(status, 402, "it has its price: {answered}");
    let (status, refused) = program.post_json("/v1/chat/completions", &body(&long.repeat(10))).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("context_length_exceeded")), "{refused}");
    app.assert_books_balance().await;
}

/// A client that is gone before it has taken anything pays nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_is_free() {
    let prices = Prices::usual();
    let app = start(&prices, &[]).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    let body = json!({"model": "tessera", "messages": [{"role": "user", "content": "#tokens=50 #pause=20"}]});
    let asking = program.post("/v1/chat/completions").json(&body).send();
    assert!(tokio::time::timeout(Duration::from_millis(400), asking).await.is_err());
    for _ in 0..400 {
        if user.credits().await["held"] == 0 {
            break;
        }
        sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(user.credits().await["available"], 10);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_says_what_is_held_then() {
    let prices = Prices::usual();
    let app = start(&prices, &[("FREE_CREDITS", "100")]).await;
    let user = app.user().await;
    let message = "#tokens=20 What is a tessera?";
    let (status, told) = user.post_json("/api/chat/estimate", &json!({ "message": message })).await;
    let told = &told["data"];
    assert_eq!(status, 200, "{told}");
    let [least, about, most] = ["least", "about", "most"].map(|name| amount(&told[name]));
    assert!(least <= about && about <= most, "{told}");
    assert_eq!((&told["price"]["kind"], &told["price"]["rates"]["output"]), (&json!("tokens"), &json!(10000)));
    assert_eq!((&told["available"], &told["context"]["window"]), (&json!(100), &json!(128_000)));
    assert_eq!(told["context"]["tokens"], told["context"]["message"]);
    let (start, events) = stream(&user, &json!({"message": message, "maxCredits": told["most"]})).await;
    assert_eq!(start["credits"], told["most"]);
    assert!(amount(&events.last().unwrap().1["credits"]) <= about);
    // What was said before goes along, and is paid for again.
    let body =
        json!({"message": message, "conversationId": start["conversationId"], "images": 2, "systemPrompt": null});
    let (_, next) = user.post_json("/api/chat/estimate", &body).await;
    let context = &next["data"]["context"];
    assert!(context["history"].as_u64().unwrap() > 40 && context["images"].as_u64().unwrap() > 1000, "{next}");
    assert!(amount(&next["data"]["most"]) > most);
    assert_eq!(context["leftOut"], 0);
    let begins = json!({"message": "", "systemPrompt": "Be brief.", "images": ["a", "b"]});
    let (_, begins) = user.post_json("/api/chat/estimate", &begins).await;
    assert!(begins["data"]["context"]["system"].as_u64().unwrap() > 5, "{begins}");
    // Of others nothing is told.
    let stranger = app.user().await;
    assert_eq!(stranger.post_json("/api/chat/estimate", &body).await.0, 404);
    let reader = user.with_key(&json!({"scopes": ["read"]})).await;
    assert_eq!(reader.post_json("/api/chat/estimate", &json!({"message": "x"})).await.0, 200);
    assert_eq!(user.credits().await["held"], 0);
    let flat = TestApp::start().await;
    let (_, told) = flat.user().await.post_json("/api/chat/estimate", &json!({ "message": message })).await;
    assert_eq!(json!([1, 1, 1]), json!([told["data"]["least"], told["data"]["about"], told["data"]["most"]]));
    assert_eq!((&told["data"]["price"]["kind"], &told["data"]["price"]["credits"]), (&json!("flat"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_may_be_as_long_as_the_window() {
    let prices = Prices::of("[[model]]\nname = \"fake-model\"\ninput = 10\noutput = 100\n");
    let app = start(&prices, &[("OPENAI_CONTEXT_TOKENS", "20000")]).await;
    let user = app.user().await;
    // More than MAX_MESSAGE_CHARS, and than the 48 KiB of a flat price.
    let long = "A long message. ".repeat(3200);
    let (status, first) = user.chat(&format!("{long} #tokens=3")).await;
    assert_eq!(status, 200, "{first}");
    let body = json!({"message": "#tokens=3", "conversationId": first["data"]["conversationId"]});
    assert_eq!(user.post_json("/api/chat", &body).await.0, 200);
    let (_, asked) = app.upstream.seen.last.lock().unwrap().clone().unwrap();
    assert_eq!(asked["messages"].as_array().unwrap().len(), 3, "all of it goes along");
    let (status, refused) = user.chat(&long.repeat(2)).await;
    assert_eq!((status, &refused["field"]), (400, &json!("message")), "{refused}");
    // What does not fit any more is left out.
    let body = json!({"message": format!("{long} #tokens=3"), "conversationId": first["data"]["conversationId"]});
    assert_eq!(user.post_json("/api/chat", &body).await.0, 200);
    let (_, asked) = app.upstream.seen.last.lock().unwrap().clone().unwrap();
    assert!(asked["messages"].as_array().unwrap().len() < 5);
    app.assert_books_balance().await;
    // At a flat price it may not.
    let flat = TestApp::start().await;
    assert_eq!(flat.user().await.chat(&long).await.0, 400);
}
