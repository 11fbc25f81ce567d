//! Pages as they come from the server, before any script runs.

use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, LOCATION, SET_COOKIE};

use tessera::routes::Access;

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn protected_pages_send_visitors_to_sign_in_and_back() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    let location = async |path: &str| {
        let response = visitor.get(path).send().await.unwrap();
        assert_eq!(response.status(), 303, "{path}");
        response.headers()[LOCATION].to_str().unwrap().to_owned()
    };
    assert_eq!(location("/chat").await, "/sign-in?next=%2Fchat");
    assert_eq!(location("/dashboard?cursor=7").await, "/sign-in?next=%2Fdashboard%3Fcursor%3D7");
    let page = visitor.get("/sign-in?next=%2Fdashboard").send().await.unwrap().text().await.unwrap();
    assert!(page.contains(r#"name="next""#) && page.contains(r#"value="/dashboard""#));
    let page = visitor.get("/sign-in?next=https://evil.example/").send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("evil.example"));
}

#[tokio::test]
async fn the_forms_work_without_javascript() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let form = [("email", "form@example.org"), ("password", "short"), ("name", "Ada L"), ("next", "/dashboard")];
    let response = visitor.post_form("/sign-up", &form).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let page = response.text().await.unwrap();
    assert!(
        page.contains("at least 8 characters") && page.contains("form@example.org") && page.contains("Ada L"),
        "keeps what was typed"
    );
    let form = [("email", "form@example.org"), ("password", PASSWORD), ("name", ""), ("next", "/dashboard")];
    let response = visitor.post_form("/sign-up", &form).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()[LOCATION].to_str().unwrap()), (303, "/dashboard"));
    visitor.keep_cookie(&response);
    let page = visitor.get("/dashboard").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("10") && page.contains("<table"));
    // A message by form: the answer is in the page that follows.
    let response = visitor.post_form("/chat", &[("message", "hello")]).send().await.unwrap();
    assert_eq!(response.status(), 303);
    let path = response.headers()[LOCATION].to_str().unwrap().to_owned();
    let page = visitor.get(&path).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("hello") && page.contains("word1 word2 word3"));
    let form = [("email", "form@example.org"), ("password", "wrong horse"), ("next", "//evil.example")];
    let response = app.visitor().post_form("/sign-in", &form).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(!response.text().await.unwrap().contains("evil.example"));
    let response = visitor.post("/sign-out").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()[LOCATION].to_str().unwrap()), (303, "/"));
    assert_eq!(visitor.get("/chat").send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn the_theme_is_a_cookie_and_an_attribute() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    assert!(!visitor.get("/").send().await.unwrap().text().await.unwrap().contains("data-theme=\""));
    let response = visitor.post_form("/theme", &[("theme", "dark"), ("next", "/sign-in")]).send().await.unwrap();
    assert_eq!(response.headers()[LOCATION], "/sign-in");
    assert!(response.headers()[SET_COOKIE].to_str().unwrap().starts_with("theme=dark"));
    for path in ["/", "/sign-in", "/nowhere"] {
        let page = visitor.get(path).header("cookie", "theme=dark").send().await.unwrap().text().await.unwrap();
        assert!(page.contains(r#"data-theme="dark""#), "{path}");
    }
}

#[tokio::test]
async fn the_provider_that_was_picked_is_in_the_page() {
    let app = TestApp::start_with(&[("CHAT_PROVIDERS", "openai,local"), ("LOCAL_MODEL", "/nowhere/model.gguf")]).await;
    let user = app.user().await;
    let page = async |cookie: &'static str| {
        let page = user.get("/chat").header("cookie", cookie).send().await.unwrap().text().await.unwrap();
        // Where the types of views are erased, a text ends with a mark.
        page.replace("<!>", "")
    };
    let automatic = page("provider=gone").await;
    let label = |provider: &str| format!(r#"<span class="truncate">{provider}</span>"#);
    let problems = |page: &str| page.matches(">The file for the model model is missing.").count();
    assert!(automatic.contains(&label("Automatic")));
    assert_eq!(problems(&automatic), 1, "in the list");
    let picked = page("provider=local").await;
    assert!(picked.contains(&label("Local")));
    assert_eq!(problems(&picked), 2, "also above the composer");
    assert!(picked.contains(r#"<option value="local" selected"#), "also without a script");
}

/// With a list of utilities at each line it was 1,100 bytes.
#[tokio::test]
async fn a_line_of_the_list_of_conversations_is_short() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let page = async || user.get("/chat").send().await.unwrap().text().await.unwrap();
    let without = page().await.len();
    for _ in 0..3 {
        user.chat("pears").await;
    }
    let with = page().await;
    assert_eq!(with.matches(r#"<li class="conversation">"#).count(), 3);
    let line = (with.len() - without) / 3;
    // Of which the half is what the app is told to begin with.
    assert!(line < 750, "{line} bytes");
}

#[tokio::test]
async fn somebody_elses_conversation_is_not_there() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, answer) = user.chat("a secret question").await;
    let path = format!("/chat/{}", answer["data"]["conversationId"].as_str().unwrap());
    assert!(user.get(&path).send().await.unwrap().text().await.unwrap().contains("a secret question"));
    let response = app.user().await.get(&path).send().await.unwrap();
    assert_eq!(response.status(), 404);
    assert!(!response.text().await.unwrap().contains("a secret question"));
    assert_eq!(user.get("/chat/not-an-id").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_gallery_comes_whole_and_its_forms_work_without_javascript() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let page = async |path: &str| user.get(path).send().await.unwrap().text().await.unwrap();
    assert!(page("/images").await.contains("Your images will appear here"));
    let form = [("prompt", "Waves & rocks"), ("aspectRatio", "1:1"), ("count", "2"), ("seed", ""), ("provider", "")];
    let response = user.post_form("/images", &form).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()[LOCATION].to_str().unwrap()), (303, "/images"));
    assert_eq!(page("/images").await.matches("data-tile=").count(), 2);
    assert_eq!(page("/images?q=rocks+%26").await.matches("data-tile=").count(), 0);
    assert_eq!(page("/images?q=waves+%26&favorites=on").await.matches("data-tile=").count(), 0);
    assert_eq!(page("/images?q=waves+%26").await.matches("data-tile=").count(), 2);
    let vary = page("/images?aspectRatio=9:16&seed=7&prompt=Red%20sand").await;
    assert!(vary.contains("Red sand</textarea>") && vary.contains(r#"value="7""#));
    assert_eq!(user.get("/images/not-an-id").send().await.unwrap().status(), 404);
    let other = app.user().await;
    assert!(other.get("/images").send().await.unwrap().text().await.unwrap().contains("Your images will appear here"));
}

#[tokio::test]
async fn what_a_model_says_cannot_run_in_the_page() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, answer) = user.chat("<script>alert(1)</script><img src=x onerror=alert(2)>").await;
    let path = format!("/chat/{}", answer["data"]["conversationId"].as_str().unwrap());
    let page = user.get(&path).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"));
}

#[tokio::test]
async fn signed_in_users_skip_the_forms() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let response = user.get("/sign-in?next=/dashboard").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()[LOCATION].to_str().unwrap()), (303, "/dashboard"));
}

#[tokio::test]
async fn a_form_that_comes_back_has_its_focus_where_it_was_wrong() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    let focused = async |path: &str, email: &str, password: &str| {
        let form = [("email", email), ("password", password)];
        let page = visitor.post_form(path, &form).send().await.unwrap().text().await.unwrap();
        let inputs = page.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap());
        let focused: Vec<_> = inputs.filter(|input| input.contains("autofocus")).map(str::to_owned).collect();
        assert_eq!(focused.len(), 1, "{path} {email}");
        focused[0].split("name=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(focused("/sign-up", "nobody", PASSWORD).await, "email");
    assert_eq!(focused("/sign-up", "ada@example.org", "short").await, "password");
    assert_eq!(focused("/sign-in", "ada@example.org", "not the password").await, "password");
    let page = visitor.get("/sign-in").send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("autofocus"), "nothing was wrong yet");
}

#[tokio::test]
async fn the_public_pages_speak_the_language_of_the_browser() {
    let app = TestApp::start().await;
    for (path, heading) in
        [("/", "只为答案付费"), ("/sign-in", "登录"), ("/sign-up", "注册"), ("/nowhere", "页面不存在")]
    {
        let request = app.visitor().get(path).header("accept-language", "zh-CN,zh;q=0.9");
        let page = request.send().await.unwrap().text().await.unwrap();
        assert!(page.contains(r#"lang="zh-Hans""#) && page.contains(heading), "{path}");
    }
}

#[tokio::test]
async fn each_server_of_a_process_shows_its_own_prices_and_address() {
    for (credits, url) in [("471", "http://one.example"), ("472.5", "http://two.example")] {
        let vars = [("FREE_CREDITS", credits), ("PUBLIC_URL", url)];
        let app = TestApp::start_with(&vars).await;
        let page = async |path: &str| app.visitor().get(path).send().await.unwrap().text().await.unwrap();
        let landing = page("/").await;
        assert!(landing.contains(credits) && landing.contains(&format!(r#"href="{url}/""#)), "{credits} {url}");
        assert!(page("/api/docs").await.contains(&format!("{url}/api/")), "{url}");
    }
}

#[tokio::test]
async fn brotli_is_sent_only_to_who_takes_it() {
    let app = TestApp::start().await;
    let encoding = async |accepted: &'static str| {
        let response = app.visitor().get("/").header(ACCEPT_ENCODING, accepted).send().await.unwrap();
        response.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap().to_owned())
    };
    for accepted in ["br", "gzip;q=0.5, BR"] {
        assert_eq!(encoding(accepted).await.as_deref(), Some("br"), "{accepted}");
    }
    for accepted in ["br;q=0", "br; q=0, gzip;q=0", "identity"] {
        assert_eq!(encoding(accepted).await, None, "{accepted}");
    }
}

/// A row of the table that no feature serves, or that the browser is led to and the server is not, would be found by a reload.
#[tokio::test]
async fn every_page_of_the_table_is_served() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for route in &tessera::routes::ROUTES {
        let path = route.path.replace("{id}", &uuid::Uuid::now_v7().to_string());
        let signed_out = app.visitor().get(&path).send().await.unwrap();
        match route.access {
            Access::Everybody => assert_eq!(signed_out.status(), 200, "{path}"),
            Access::SignedIn => {
                assert_eq!(signed_out.status(), 303, "{path}");
                assert!(signed_out.headers()[LOCATION].to_str().unwrap().starts_with("/sign-in?next="), "{path}");
                let page = user.get(&path).send().await.unwrap();
                // Nothing has this id, but the page that says so is the app's.
                assert!(
                    path == route.path && page.status() == 200 || page.status() == 404,
                    "{path}: {}",
                    page.status()
                );
                assert!(page.text().await.unwrap().contains("id=\"main\""), "{path}");
            }
        }
    }
}
