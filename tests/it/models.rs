//! Providers and models as data: the file, what it offers while the server runs, and what each name stands for.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::app::config::Config;
use tokio::time::sleep;

use crate::fake_openai::FakeOpenAi;
use crate::support::{TestApp, User};

/// A file of providers, in a folder of its own.
struct File {
    path: PathBuf,
    _folder: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("providers.toml");
        fs::write(&path, text).unwrap();
        Self { path, _folder: folder }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Waits until the server has taken what is written.
    async fn write(&self, app: &TestApp, text: &str) {
        let before = app.state.chat.models.now();
        fs::write(&self.path, text).unwrap();
        for _ in 0..1500 {
            if !Arc::ptr_eq(&before, &app.state.chat.models.now()) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("the file was not taken");
    }
}

/// A provider of two models at this server.
fn two_models(upstream: &FakeOpenAi) -> String {
    let base_url = upstream.base_url();
    format!(
        r#"
[[provider]]
name = "router"
kind = "openai"
base_url = "{base_url}"
key = "ROUTER_API_KEY"
headers = {{ "X-Title" = "Tessera" }}
[[provider.model]]
name = "meta/large"
label = "Large"
context_tokens = 128000
max_output_tokens = 64
sees_images = true
thinks = true
calls_tools = true
[[provider.model]]
name = "small"
"#
    )
}

const KEY: (&str, &str) = ("ROUTER_API_KEY", "hunter2-hunter2");

async fn start(text: &str, vars: &[(&str, &str)]) -> (TestApp, File) {
    let file = File::new(text);
    let all = [&[("PROVIDERS_FILE", file.path()), KEY], vars].concat();
    (TestApp::start_with(&all).await, file)
}

/// What the server was asked for, and with which headers.
fn asked(upstream: &FakeOpenAi) -> (String, String) {
    let seen = upstream.seen.last.lock().unwrap();
    let (headers, body) = seen.as_ref().unwrap();
    (body["model"].as_str().unwrap().to_owned(), headers["authorization"].to_str().unwrap().to_owned())
}

async fn say(user: &User, body: Value) -> Value {
    let (status, answer) = user.post_json("/api/chat", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

fn problems(text: &str) -> Vec<String> {
    let file = File::new(text);
    let vars = [("PROVIDERS_FILE", file.path()), ("GOOD_API_KEY", "k"), ("PLAIN", "x")];
    let vars: BTreeMap<_, _> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::from_vars(&vars).err().unwrap_or_default()
}

#[test]
fn whatever_is_wrong_with_the_file_is_told_with_its_line_and_its_field() {
    let good = "[[provider]]\nname = \"a\"\nkind = \"openai\"\n[[provider.model]]\nname = \"m\"\n";
    assert_eq!(problems(good), [""; 0]);
    let with = |line: &str| good.replacen("[[provider.model]]", &format!("{line}\n[[provider.model]]"), 1);
    let of_model = |line: &str| format!("{good}{line}\n");
    for (text, place) in [
        ("[[provider]\n".to_owned(), "1: "),
        (good.replace("name = \"a\"\n", ""), "1: provider 1: name is missing"),
        (good.replace("\"a\"", "\"a b\""), "2: provider \"a b\": name: \"a b\" is not a name"),
        (good.replace("\"a\"", "\"tessera\""), "2: provider \"tessera\": name: \"tessera\" stands for all models"),
        (format!("{good}{good}"), "7: provider \"a\": name: \"a\" is there already"),
        (good.replace("kind = \"openai\"\n", ""), "1: provider \"a\": kind is missing: one of "),
        (good.replace("openai", "clippy"), "3: provider \"a\": kind: \"clippy\" is not one of "),
        (with("color = 1"), "4: provider \"a\": color: is not one of name, kind, base_url"),
        (with("base_url = \"ftp://ada:hunter2@x\""), "4: provider \"a\": base_url: is not an http or https URL"),
        (with("key = \"sk-hunter2\""), "4: provider \"a\": key: name the variable that has it"),
        (with("key = 7"), "4: provider \"a\": key: name the variable that has it"),
        (with("key = \"NO_SUCH_KEY\""), "4: provider \"a\": key: the variable NO_SUCH_KEY is not set"),
        (with("key = \"PLAIN\""), "4: provider \"a\": key: PLAIN: the name of a variable with a secret ends in _KEY"),
        (good.replace("openai", "gemini"), "1: provider \"a\": key is missing"),
        (with("headers = { \"a b\" = \"hunter2\" }"), "4: provider \"a\": headers: a b: is not the name of a header"),
        (with("headers = { a = \"hunter2\\n\" }"), "4: provider \"a\": headers: a: has what no header can have"),
        (with("headers = { Host = \"x\" }"), "4: provider \"a\": headers: Host: is set for each request by itself"),
        (with("headers = { Content-Length = \"3\" }"), "4: provider \"a\": headers: Content-Length: is set for each"),
        (
            with("headers = { Authorization = \"Bearer hunter2\" }"),
            "4: provider \"a\": headers: Authorization: name the",
        ),
        (with("headers = { X-Api-Key = \"hunter2\" }"), "4: provider \"a\": headers: X-Api-Key: name the variable"),
        (with("headers = { a = \"$NO_SUCH_KEY\" }"), "4: provider \"a\": headers: a: the variable NO_SUCH_KEY is not"),
        (with("list = 1"), "4: provider \"a\": list: 1 is not true"),
        (with("leave_out = \"seed\""), "4: provider \"a\": leave_out: \"seed\" is not a list"),
        (with("weight = 0"), "4: provider \"a\": weight: "),
        (with("weight = 1001"), "4: provider \"a\": weight: is not a whole number from 1 to 1000"),
        (with("weight = 1.5"), "4: provider \"a\": weight: "),
        ("[[provider]]\nname = \"a\"\nkind = \"openai\"\n".to_owned(), "1: provider \"a\": has no models"),
        ("[[provider]]\nname = \"a\"\nkind = \"local\"\n".to_owned(), "1: provider \"a\": file is missing"),
        (of_model("size = 3"), "6: provider \"a\": model \"m\": size: is not one of name, label"),
        (good.replace("\"m\"", "\"m m\""), "5: provider \"a\": model \"m m\": name: is not the name"),
        (of_model("context_tokens = 0"), "6: provider \"a\": model \"m\": context_tokens: it is not a number"),
        (of_model("max_output_tokens = 1.5"), "6: provider \"a\": model \"m\": max_output_tokens: it is not"),
        (of_model("thinks = \"yes\""), "6: provider \"a\": model \"m\": thinks: is not true or false"),
        (of_model("[[provider.model]]\nname = \"m\""), "7: provider \"a\": model \"m\": name: \"m\" is there already"),
        (of_model("[[alias]]\nname = \"x\""), "6: alias \"x\": models is missing"),
        (of_model("[[alias]]\nname = \"a\"\nmodels = [\"a\"]"), "7: alias \"a\": name: \"a\" is there already"),
        (of_model("[[alias]]\nname = \"x\"\nmodels = [\"b/m\"]"), "8: alias \"x\": models: \"b/m\" names no provider"),
        (of_model("[[alias]]\nname = \"x\"\nmodels = [\"a/n\"]"), "8: alias \"x\": models: \"a/n\" is no model of"),
        (of_model("[[alias]]\nname = \"x\"\nmodels = [\"a\", \"a\"]"), "8: alias \"x\": models: \"a\" is there twice"),
        ("only = true\n".to_owned(), "1: only: no provider of this file names a model"),
        (format!("wrong = 1\n{good}"), "1: wrong: is not one of only, provider, alias"),
    ] {
        let told = problems(&text);
        let expected = format!("PROVIDERS_FILE: providers.toml:{place}");
        assert!(told.iter().any(|told| told.starts_with(&expected)), "{expected}\n{told:#?}\n{text}");
        assert!(told.iter().all(|told| !told.contains("hunter2")), "{told:#?}");
    }
    let vars = BTreeMap::from([("PROVIDERS_FILE".to_owned(), "/nowhere/p.toml".to_owned())]);
    assert_eq!(Config::from_vars(&vars).unwrap_err(), ["PROVIDERS_FILE: /nowhere/p.toml: is not there"]);
}

#[tokio::test]
async fn two_models_of_one_provider_are_asked_by_name_with_its_key() {
    let router = FakeOpenAi::start().await;
    let (app, _file) = start(&two_models(&router), &[]).await;
    let user = app.user().await;
    let listed = user.get_json("/api/providers").await.1["data"].clone();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["router/meta/large", "router/small", "openai"], "the file comes first");
    let large = &listed[0];
    assert_eq!((&large["label"], &large["contextTokens"]), (&json!("Large"), &json!(128_000)));
    assert_eq!(
        (&large["thinks"], &large["callsTools"], &large["seesImages"]),
        (&json!(true), &json!(true), &json!(true))
    );
    for (body, model) in [
        (json!({ "message": "a" }), "meta/large"),
        (json!({ "message": "b", "provider": "router" }), "meta/large"),
        (json!({ "message": "c", "provider": "router/small" }), "small"),
        (json!({ "message": "d", "provider": "router", "model": "small" }), "small"),
        (json!({ "message": "e", "model": "small" }), "small"),
        (json!({ "message": "f", "model": "router/meta/large" }), "meta/large"),
        (json!({ "message": "g", "model": "meta/large" }), "meta/large"),
    ] {
        let answer = say(&user, body.clone()).await;
        assert_eq!((&answer["provider"], answer["model"].as_str()), (&json!("router"), Some(model)), "{body}");
        assert_eq!(asked(&router), (model.to_owned(), "Bearer hunter2-hunter2".to_owned()), "{body}");
    }
    assert_eq!(app.upstream.calls(), 0);
    let answer = say(&user, json!({ "message": "h", "provider": "openai" })).await;
    assert_eq!((&answer["model"], app.upstream.calls()), (&json!("fake-model"), 1), "that of the variables is there");
    for (body, field) in [
        (json!({ "message": "x", "provider": "nobody" }), "provider"),
        (json!({ "message": "x", "model": "nothing" }), "model"),
        (json!({ "message": "x", "provider": "router", "model": "fake-model" }), "model"),
    ] {
        let (status, refused) = user.post_json("/api/chat", &body).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some(field)), "{refused}");
    }
    let limit = { router.seen.last.lock().unwrap().as_ref().unwrap().1["max_completion_tokens"].clone() };
    assert_eq!(limit, 64, "the model's own limit");
    app.assert_books_balance().await;
}

#[tokio::test]
async fn v1_lists_models_and_aliases_and_takes_every_name() {
    let router = FakeOpenAi::start().await;
    let text = format!(
        "{}[[alias]]\nname = \"best\"\nlabel = \"The best\"\nmodels = [\"router/small\", \"openai\"]\n",
        two_models(&router)
    );
    let (app, _file) = start(&text, &[]).await;
    let user = app.user().await.with_key(&json!({})).await;
    let list = user.get_json("/v1/models").await.1;
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["tessera", "best", "meta/large", "small", "fake-model"]);
    let large = &list["data"][2];
    assert_eq!((&large["context_length"], &large["max_output_tokens"]), (&json!(128_000), &json!(64)));
    assert_eq!((&large["tessera"]["price"]["credits"], &large["display_name"]), (&json!(1), &json!("Large")));
    for (name, model) in
        [("best", "small"), ("router/small", "small"), ("meta/large", "meta/large"), ("router", "meta/large")]
    {
        let body = json!({ "model": name, "messages": [{ "role": "user", "content": name }] });
        let (status, answer) = user.post_json("/v1/chat/completions", &body).await;
        assert_eq!((status, answer["model"].as_str()), (200, Some(model)), "{name}: {answer}");
        assert_eq!(user.get_json(&format!("/v1/models/{name}")).await.1["id"], name);
    }
    let body = json!({ "model": "gpt-nothing", "messages": [{ "role": "user", "content": "x" }] });
    let (status, refused) = user.post_json("/v1/chat/completions", &body).await;
    assert_eq!((status, &refused["error"]["code"]), (404, &json!("model_not_found")), "{refused}");
}

#[tokio::test]
async fn an_alias_falls_back_along_its_order_for_one_charge_at_the_lower_price() {
    let router = FakeOpenAi::start().await;
    let gone = "[[provider]]\nname = \"gone\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
                [[provider.model]]\nname = \"dear\"\n[[provider.model]]\nname = \"cheap\"\n";
    let alias = |name: &str, first: &str| format!("[[alias]]\nname = \"{name}\"\nmodels = [\"{first}\", \"openai\"]\n");
    let aliases = [alias("best", "router/small"), alias("cheaper", "gone/dear"), alias("dearer", "gone/cheap")];
    let text = format!("{}{gone}{}", two_models(&router), aliases.concat());
    let folder = TempDir::new().unwrap();
    let prices = folder.path().join("prices.toml");
    let price = |provider: &str, model: &str, flat: u32| {
        format!("[[model]]\nprovider = \"{provider}\"\nname = \"{model}\"\nflat = {flat}\n")
    };
    let all = [("router", "small", 3), ("gone", "dear", 3), ("gone", "cheap", 1), ("openai", "fake-model", 2)];
    fs::write(&prices, all.map(|(provider, model, flat)| price(provider, model, flat)).concat()).unwrap();
    let (app, _file) = start(&text, &[("PRICES_FILE", prices.to_str().unwrap())]).await;
    let user = app.user().await;
    let answer = say(&user, json!({ "message": "hello", "model": "best" })).await;
    let told = (&answer["model"], &answer["credits"], &answer["fallback"]);
    assert_eq!(told, (&json!("small"), &json!(3), &json!(false)));
    let answer = say(&user, json!({ "message": "hello", "model": "cheaper" })).await;
    assert_eq!((&answer["provider"], &answer["model"]), (&json!("openai"), &json!("fake-model")), "{answer}");
    assert_eq!((&answer["credits"], &answer["fallback"]), (&json!(2), &json!(true)), "{answer}");
    assert_eq!(answer["remainingCredits"], 5);
    let receipt = user.get_json(&format!("/api/chat/{}/receipt", answer["messageId"].as_str().unwrap())).await.1;
    let version = app.state.credits.prices.chat("openai", "fake-model").version;
    assert_eq!(
        (&receipt["data"]["credits"], &receipt["data"]["priceVersion"]),
        (&json!(2), &json!(version)),
        "{receipt}"
    );
    let answer = say(&user, json!({ "message": "hello", "model": "dearer" })).await;
    assert_eq!(
        (&answer["model"], &answer["credits"]),
        (&json!("fake-model"), &json!(1)),
        "it costs no more than was shown"
    );
    app.assert_books_balance().await;
}

#[tokio::test]
async fn the_file_is_read_again_while_answers_run() {
    let router = FakeOpenAi::start().await;
    let (app, file) = start(&two_models(&router), &[]).await;
    let user = app.user().await;
    let running = {
        let user = user.clone();
        tokio::spawn(async move { say(&user, json!({ "message": "#tokens=12 #pause=400", "model": "small" })).await })
    };
    while router.calls() == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    let conversation = say(&user, json!({ "message": "a", "model": "meta/large" })).await["conversationId"].clone();
    let address = format!("/api/conversations/{}", conversation.as_str().unwrap());
    let kept = user.get_json(&address).await.1["data"].clone();
    assert_eq!((&kept["picked"], &kept["offered"]["label"]), (&json!("router/meta/large"), &json!("Large")));
    let text = two_models(&router).replace("\"meta/large\"", "\"other\"").replace("\"small\"", "\"tiny\"");
    file.write(&app, &text).await;
    let (status, refused) = user.post_json("/api/chat", &json!({ "message": "x", "model": "small" })).await;
    assert_eq!((status, refused["field"].as_str()), (400, Some("model")));
    let gone = user.get_json(&address).await.1["data"].clone();
    assert_eq!((&gone["picked"], gone.get("offered")), (&json!("router/meta/large"), None));
    let page = user.get(&address.replace("/api/conversations", "/chat")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("router/meta/large is no longer offered. Another model answers here now."), "{page}");
    let answer = say(&user, json!({ "message": "b", "conversationId": conversation, "provider": "router" })).await;
    assert_eq!(answer["model"], "other");
    let begun = running.await.unwrap();
    assert_eq!(
        (&begun["model"], begun["reply"].as_str().map(|text| text.trim().ends_with("word12"))),
        (&json!("small"), Some(true))
    );
    app.assert_books_balance().await;
}

#[tokio::test]
async fn models_are_read_from_the_server_and_its_failures_stop_nothing() {
    let list = json!({ "data": [
        { "id": "listed-a", "context_length": 9000, "supported_parameters": ["tools"] },
        { "id": "listed-b" }, { "id": "other" }, { "id": "hidden" },
    ] });
    let router = Router::new().route("/v1/models", get(async move || Json(list)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let text = format!(
        "[[provider]]\nname = \"here\"\nkind = \"openai\"\nbase_url = \"http://{addr}/v1\"\nlist = [\"listed-*\", \"other\"]\n\
         [[provider.model]]\nname = \"listed-b\"\nlabel = \"B\"\n\
         [[provider]]\nname = \"gone\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nlist = true\n"
    );
    let (app, _file) = start(&text, &[]).await;
    let models = || app.state.chat.models.now();
    for _ in 0..1500 {
        if models().models.len() == 4 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let choices: Vec<_> = models().models.iter().map(|model| model.choice.clone()).collect();
    assert_eq!(choices, ["here/listed-b", "here/listed-a", "here/other", "openai"]);
    let listed = app.user().await.get_json("/api/providers").await.1["data"].clone();
    assert_eq!(
        (&listed[0]["label"], &listed[1]["contextTokens"], &listed[1]["callsTools"]),
        (&json!("B"), &json!(9000), &json!(true))
    );
    let problems = app.state.chat.models.problems();
    assert_eq!(problems.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["gone"]);
}

#[tokio::test]
async fn a_provider_of_the_file_has_its_flag_and_takes_the_place_of_one_of_the_variables() {
    let router = FakeOpenAi::start().await;
    let text = two_models(&router).replace("\"router\"", "\"openai\"");
    let (app, _file) = start(&text, &[]).await;
    let flags: Vec<_> =
        app.state.generation.flags.list().iter().map(|status| status.flag.name().into_owned()).collect();
    assert_eq!(flags.iter().filter(|name| *name == "provider_chat_openai").count(), 1, "{flags:?}");
    let names: Vec<_> = app.state.chat.providers().iter().map(|provider| provider.model()).collect();
    assert_eq!(names, ["meta/large"], "the one of the variables is left out");
}

#[tokio::test]
async fn a_page_lists_the_first_models_and_knows_the_price_of_whoever_is_asked() {
    let router = FakeOpenAi::start().await;
    let many = (1..=30).map(|n| format!("[[provider.model]]\nname = \"model-{n}\"\n")).collect::<Vec<_>>().concat();
    let (app, _file) = start(&format!("{}{many}", two_models(&router)), &[]).await;
    let user = app.user().await;
    let page = user.get("/chat").send().await.unwrap().text().await.unwrap();
    assert_eq!(page.matches("name=\"picked-provider\"").count(), 1 + 12, "{page}");
    assert!(page.contains("id=\"find-model\"") && page.contains("model-10") && !page.contains("model-11"), "{page}");
    // The list of those that are asked again is searched as well; its others come when it is opened.
    assert!(page.contains("id=\"find-again\""), "{page}");
    let picked = user.get("/chat").header("cookie", "provider=router/model-30");
    let page = picked.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("data-health=\"router/model-30\""), "what is picked is listed wherever it stands: {page}");
    assert_eq!(user.get_json("/api/providers").await.1["data"].as_array().unwrap().len(), 33);
}

/// Two providers that have the same model, with these lines each, and one that has another.
fn three_providers(upstreams: [&FakeOpenAi; 3], lines: [&str; 3]) -> String {
    let models = ["same", "same", "other"];
    let provider = |at: usize| {
        let (name, base_url, line, model) = (["a", "b", "c"][at], upstreams[at].base_url(), lines[at], models[at]);
        format!(
            "[[provider]]\nname = \"{name}\"\nkind = \"openai\"\nbase_url = \"{base_url}\"\n{line}\n[[provider.model]]\nname = \"{model}\"\n"
        )
    };
    let all: String = (0..3).map(provider).collect();
    format!("only = true\n{all}[[alias]]\nname = \"both\"\nmodels = [\"a/same\", \"b/same\", \"c/other\"]\n")
}

#[tokio::test]
async fn providers_of_the_same_model_share_what_is_asked_by_their_weights() {
    let (a, b, c) = (FakeOpenAi::start().await, FakeOpenAi::start().await, FakeOpenAi::start().await);
    let lines = ["weight = 3", "weight = 1", "weight = 9"];
    let (app, file) = start(&three_providers([&a, &b, &c], lines), &[("FREE_CREDITS", "1000")]).await;
    let user = app.user().await;
    let calls = || [a.calls(), b.calls(), c.calls()];
    let asked = async |model: &str, times: usize| {
        let before = calls();
        for at in 0..times {
            say(&user, json!({ "message": format!("{model} {at}"), "model": model })).await;
        }
        let now = calls();
        [0, 1, 2].map(|at| now[at] - before[at])
    };
    for model in ["same", "both"] {
        let [first, second, other] = asked(model, 40).await;
        assert!((28..=32).contains(&first) && first + second == 40 && other == 0, "{model}: {first}, {second}");
    }
    // Whoever asks for one by its provider gets it.
    for (model, expected) in [("a/same", [9, 0, 0]), ("b", [0, 9, 0]), ("other", [0, 0, 9])] {
        assert_eq!(asked(model, 9).await, expected, "{model}");
    }
    // Where not both have a weight, the order stands.
    file.write(&app, &three_providers([&a, &b, &c], ["", "weight = 9", ""])).await;
    assert_eq!(asked("same", 9).await, [9, 0, 0]);
    // The other one stands in, for one charge.
    let gone = three_providers([&a, &b, &c], lines).replace(&a.base_url(), "http://127.0.0.1:9/v1");
    file.write(&app, &gone).await;
    let before = user.credits().await["available"].as_i64().unwrap();
    assert_eq!(asked("same", 8).await, [0, 8, 0]);
    assert_eq!(user.credits().await["available"], before - 8);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn nobody_pays_more_because_of_a_weight() {
    let (a, b, c) = (FakeOpenAi::start().await, FakeOpenAi::start().await, FakeOpenAi::start().await);
    let folder = TempDir::new().unwrap();
    let prices = folder.path().join("prices.toml");
    fs::write(&prices, "[[model]]\nprovider = \"b\"\nname = \"same\"\nflat = 5\n").unwrap();
    let text = three_providers([&a, &b, &c], ["weight = 1", "weight = 1000", ""]);
    let vars = [("PRICES_FILE", prices.to_str().unwrap()), ("FREE_CREDITS", "100")];
    let (app, _file) = start(&text, &vars).await;
    let user = app.user().await;
    for at in 0..6 {
        let answer = say(&user, json!({ "message": format!("hello {at}"), "model": "same" })).await;
        assert_eq!((&answer["provider"], &answer["credits"]), (&json!("a"), &json!(1)), "{answer}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_key_gets_its_first_answer_also_when_the_model_is_gone() {
    let router = FakeOpenAi::start().await;
    let text = two_models(&router);
    let (app, file) = start(&text, &[("FREE_CREDITS", "100")]).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    let said = json!([{ "role": "user", "content": "Hello" }]);
    let requests = [
        (&user, "/api/chat", json!({ "message": "Hello", "model": "small" }), "/data/messageId"),
        (&user, "/api/chat", json!({ "message": "Hello", "provider": "router/small" }), "/data/messageId"),
        (&program, "/v1/chat/completions", json!({ "model": "small", "messages": said }), "/id"),
        (&program, "/v1/messages", json!({ "model": "small", "messages": said, "max_tokens": 9 }), "/id"),
        (&program, "/v1/responses", json!({ "model": "small", "input": "Hello" }), "/id"),
    ];
    let send = async |at: usize, body: &Value| {
        let (who, path, ..) = &requests[at];
        let request = who.post(path).header("idempotency-key", format!("key-{at}"));
        crate::support::answer(request.json(body)).await
    };
    let mut first = Vec::new();
    for (at, (_, _, body, id)) in requests.iter().enumerate() {
        let (status, answer) = send(at, body).await;
        assert_eq!(status, 200, "{answer}");
        first.push(answer.pointer(id).unwrap().clone());
    }
    let before = user.credits().await;
    file.write(&app, &text.replace("\"small\"", "\"tiny\"")).await;
    for (at, (who, path, body, id)) in requests.iter().enumerate() {
        let (status, answer) = send(at, body).await;
        assert_eq!((status, answer.pointer(id)), (200, Some(&first[at])), "{path}: {answer}");
        // Another body is another question, and a question without its key nobody has heard before.
        let mut other = body.clone();
        other["max_credits"] = json!(7);
        other["maxCredits"] = json!(7);
        assert_eq!(send(at, &other).await.0, 409, "{path}");
        let (status, refused) = who.post_json(path, body).await;
        assert_eq!(status, if path.starts_with("/v1") { 404 } else { 400 }, "{path}: {refused}");
        let fresh = who.post(path).header("idempotency-key", format!("new-{at}")).json(body).send().await.unwrap();
        assert_eq!(fresh.status(), if path.starts_with("/v1") { 404 } else { 400 }, "{path}");
    }
    assert_eq!((user.credits().await, router.calls()), (before, requests.len()));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn how_much_a_model_thinks_is_picked_with_it_and_kept_with_the_conversation() {
    let router = FakeOpenAi::start().await;
    let (app, _file) = start(&two_models(&router), &[]).await;
    let user = app.user().await;
    let effort = || router.seen.last.lock().unwrap().as_ref().unwrap().1["reasoning_effort"].clone();
    let answer = say(&user, json!({ "message": "a", "provider": "router/meta/large@high" })).await;
    assert_eq!((answer["model"].as_str(), effort()), (Some("meta/large"), json!("high")));
    let address = format!("/api/conversations/{}", answer["conversationId"].as_str().unwrap());
    let kept = user.get_json(&address).await.1["data"].clone();
    assert_eq!(
        (&kept["picked"], &kept["offered"]["provider"]),
        (&json!("router/meta/large@high"), &json!("router/meta/large"))
    );
    say(&user, json!({ "message": "b", "provider": "router/meta/large" })).await;
    assert_eq!(effort(), Value::Null, "as usual");
    let (status, estimate) =
        user.post_json("/api/chat/estimate", &json!({ "message": "a", "provider": "router/meta/large@low" })).await;
    assert_eq!(status, 200, "{estimate}");
    let (status, refused) = user.post_json("/api/chat", &json!({ "message": "x", "model": "small@huge" })).await;
    assert_eq!((status, refused["field"].as_str()), (400, Some("model")));
    // Programs name it alike; what they say apart from the name counts more.
    let program = user.with_key(&json!({})).await;
    for (more, expected) in [(json!({}), "low"), (json!({ "reasoning_effort": "medium" }), "medium")] {
        let mut body = json!({ "model": "meta/large@low", "messages": [{ "role": "user", "content": "x" }] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = program.post_json("/v1/chat/completions", &body).await;
        assert_eq!((status, effort()), (200, json!(expected)), "{answer}");
    }
    // The page remembers it, and offers it where the model thinks; without a script as entries of the list.
    let page = user
        .get("/chat")
        .header("cookie", format!("{}; provider=router/meta/large@high", user.cookie.as_ref().unwrap()));
    let page = page.send().await.unwrap().text().await.unwrap();
    let chosen =
        page.split("<input").find(|part| part.contains("picked-effort") && part.contains("value=\"high\"")).unwrap();
    assert!(chosen.split('>').next().unwrap().contains("checked"), "{chosen}");
    assert_eq!(page.matches("data-thinks").count() - page.matches("[data-thinks]").count(), 1, "{page}");
    assert!(
        page.contains("value=\"router/meta/large@high\"") && !page.contains("value=\"router/small@high\""),
        "{page}"
    );
    app.assert_books_balance().await;
}
