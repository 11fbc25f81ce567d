//! The admin panel: who sees it, what it does, and that it is written down.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tessera::app::people;
use tessera::platform::ids::UserId;
use uuid::Uuid;

use crate::support::{PASSWORD, TestApp, User, answer};

impl TestApp {
    /// A new admin, signed in.
    pub async fn admin(&self) -> User {
        let mut user = self.user().await;
        people::grant(&self.state.stores, &user.email).await.unwrap();
        user.sign_in_again().await;
        user
    }
}

impl User {
    async fn sign_in_again(&mut self) {
        self.cookie = None;
        let form = json!({ "email": self.email, "password": PASSWORD });
        let response = self.post("/api/auth/login").json(&form).send().await.unwrap();
        assert_eq!(response.status(), 200);
        self.keep_cookie(&response);
    }

    pub async fn id(&self) -> String {
        self.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().to_owned()
    }

    async fn patch_json(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn page(&self, path: &str) -> (u16, String) {
        let response = self.get(path).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The audit log by this query, newest first; waits for entries that nobody waits for.
    async fn audit(&self, query: &str, expected: usize) -> Vec<Value> {
        for _ in 0..200 {
            let (status, page) = self.get_json(&format!("/api/admin/audit?{query}")).await;
            assert_eq!(status, 200, "{page}");
            let items = page["data"]["items"].as_array().unwrap();
            if items.len() >= expected {
                assert_eq!(items.len(), expected, "{items:#?}");
                return items.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{query}: there are not {expected}");
    }
}

fn code((status, body): (u16, Value)) -> (u16, String) {
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_see_the_panel() {
    let app = TestApp::start().await;
    let (admin, user, visitor) = (app.admin().await, app.user().await, app.visitor());
    let key = admin.with_key(&json!({})).await;
    let id = user.id().await;
    let others = ["/api/admin/stats", "/api/admin/costs", "/api/admin/attempts"];
    for path in ["/api/admin/users", "/api/admin/audit", &format!("/api/admin/users/{id}")].into_iter().chain(others) {
        assert_eq!(admin.get_json(path).await.0, 200, "{path}");
        assert_eq!(code(user.get_json(path).await), (403, "forbidden".to_owned()), "{path}");
        assert_eq!(code(visitor.get_json(path).await), (401, "unauthenticated".to_owned()), "{path}");
        // No key has it, be it an admin's.
        assert_eq!(code(key.get_json(path).await), (403, "forbidden".to_owned()), "{path}");
    }
    for path in ["/admin/users", "/admin/audit", &format!("/admin/users/{id}")] {
        let (status, html) = admin.page(path).await;
        assert_eq!(status, 200);
        assert!(html.contains("/admin/audit") && !html.contains("<script"), "{html}");
        let refused = user.page(path).await;
        assert!(refused.0 == 403 && !refused.1.contains("/admin/audit"), "{}", refused.1);
        let away = visitor.get(path).send().await.unwrap();
        assert_eq!(away.status(), 303);
        let to = away.headers()["location"].to_str().unwrap().to_owned();
        assert!(to.starts_with("/sign-in?next=%2Fadmin"), "{to}");
    }
    for path in ["/admin", "/admin/costs"] {
        assert_eq!((admin.page(path).await.0, user.page(path).await.0), (200, 403), "{path}");
        assert_eq!(visitor.get(path).send().await.unwrap().status(), 303, "{path}");
    }
    // The link is in the menu of admins alone.
    let menu = |html: &str| html.contains("href=\"/admin\"");
    assert!(menu(&admin.page("/chat").await.1) && !menu(&user.page("/chat").await.1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_role_is_out_of_the_panel_at_once() {
    let app = TestApp::start().await;
    let (first, mut second) = (app.admin().await, app.admin().await);
    let path = format!("/api/admin/users/{}", second.id().await);
    let (status, changed) = first.patch_json(&path, &json!({"role": "USER"})).await;
    assert_eq!((status, &changed["data"]["role"]), (200, &json!("USER")), "{changed}");
    assert_eq!(second.get_json("/api/admin/users").await.0, 401, "all their sessions have ended");
    second.sign_in_again().await;
    assert_eq!(code(second.get_json("/api/admin/users").await), (403, "forbidden".to_owned()));
    // Said again, it is so already.
    assert_eq!(first.patch_json(&path, &json!({"role": "USER"})).await.0, 200);
    assert_eq!(second.get_json("/api/auth/me").await.0, 200, "and nobody is signed out for it");
    let target = second.id().await;
    let log = first.audit(&format!("target={target}&action=role_changed"), 2).await;
    let told = |entry: &Value| (entry["actor"].clone(), entry["before"].clone(), entry["after"].clone());
    let (user, admin) = (json!({"role": "USER"}), json!({"role": "ADMIN"}));
    assert_eq!(told(&log[0]), (json!(first.id().await), admin.clone(), user.clone()));
    assert_eq!(told(&log[1]), (json!("operator"), user, admin));
    assert!(log.iter().all(|entry| !entry["requestId"].as_str().unwrap().is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays_also_when_two_remove_each_other() {
    let app = TestApp::start().await;
    let (one, two) = (app.admin().await, app.admin().await);
    let path = async |user: &User| format!("/api/admin/users/{}", user.id().await);
    let (of_one, of_two) = (path(&one).await, path(&two).await);
    let (role, status) = (json!({"role": "USER"}), json!({"status": "disabled"}));
    let (first, second) = tokio::join!(one.patch_json(&of_two, &role), two.patch_json(&of_one, &status));
    let statuses = [first.0, second.0];
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{first:?} {second:?}");
    let left = if first.0 == 200 { &one } else { &two };
    let own = path(left).await;
    for change in [role, status, json!({"role": "USER", "status": "disabled"})] {
        let refused = left.patch_json(&own, &change).await;
        assert_eq!(code(refused), (409, "conflict".to_owned()));
    }
    assert_eq!(
        left.get_json("/api/admin/users?role=ADMIN&status=active").await.1["data"]["items"].as_array().unwrap().len(),
        1
    );
    // Nor by the command line.
    assert!(people::disable(&app.state.stores, &left.email).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_is_out_until_enabled() {
    let app = TestApp::start().await;
    let (admin, mut user) = (app.admin().await, app.user().await);
    let key = user.with_key(&json!({})).await;
    let id = user.id().await;
    let path = format!("/api/admin/users/{id}");
    for _ in 0..2 {
        assert_eq!(admin.patch_json(&path, &json!({"status": "disabled"})).await.0, 200);
    }
    assert_eq!((user.get_json("/api/auth/me").await.0, key.get_json("/api/auth/me").await.0), (401, 401));
    assert_eq!(admin.patch_json(&path, &json!({"status": "active"})).await.0, 200);
    user.sign_in_again().await;
    assert_eq!(key.get_json("/api/auth/me").await.0, 200);
    let (status, ended) = answer(admin.request(Method::DELETE, &format!("{path}/sessions"))).await;
    assert_eq!((status, &ended["data"]["ended"]), (200, &json!(1)));
    assert_eq!(user.get_json("/api/auth/me").await.0, 401);
    let log = admin.audit(&format!("target={id}&action=status_changed"), 2).await;
    assert_eq!((&log[1]["after"], &log[0]["after"]), (&json!({"status": "disabled"}), &json!({"status": "active"})));
    assert_eq!(admin.audit(&format!("target={id}&action=sessions_ended"), 1).await[0]["after"], json!({"sessions": 1}));
    for (body, field) in [
        (json!({}), "status"),
        (json!({"status": "erasing"}), "status"),
        (json!({"role": "SUBSCRIBER"}), "role"),
        (json!({"role": "ROOT"}), "role"),
    ] {
        let (status, refused) = admin.patch_json(&path, &body).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some(field)), "{body}: {refused}");
    }
    let nobody = format!("/api/admin/users/{}", UserId::now_v7());
    assert_eq!(admin.patch_json(&nobody, &json!({"status": "active"})).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_given_and_taken_once_and_never_below_zero() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "10")]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let id = user.id().await;
    let path = format!("/api/admin/users/{id}/credits");
    let adjust = async |key: &str, amount: &Value, reason: &str| {
        answer(admin.post(&path).header("idempotency-key", key).json(&json!({"amount": amount, "reason": reason})))
            .await
    };
    let give = json!(2.5);
    let tries = futures::future::join_all((0..8).map(|_| adjust("one", &give, "For  Monday"))).await;
    for (status, body) in &tries {
        assert_eq!((*status, &body["data"]["availableAfter"]), (200, &json!(12.5)), "{body}");
    }
    assert_eq!(tries.iter().filter(|(_, body)| body["data"]["repeated"] == false).count(), 1);
    assert_eq!(code(adjust("one", &json!(3), "For Monday").await), (409, "idempotency_mismatch".to_owned()));
    assert_eq!(code(adjust("one", &give, "For Tuesday").await), (409, "idempotency_mismatch".to_owned()));
    assert_eq!(code(adjust("two", &json!(-13), "Too much").await), (409, "conflict".to_owned()));
    assert_eq!(adjust("three", &json!(-12), "A mistake").await.0, 200);
    assert_eq!(user.credits().await["available"], json!(0.5));
    for (amount, reason, field) in
        [(json!(0), "why", "amount"), (json!(1), " ", "reason"), (json!(1), &*"x".repeat(201), "reason")]
    {
        let (status, refused) = adjust("four", &amount, reason).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some(field)), "{refused}");
    }
    assert_eq!(code(adjust(&"x".repeat(256), &json!(1), "why").await).0, 400);
    // Two takers at once: only one finds it.
    let half = json!(-0.5);
    let both = tokio::join!(adjust("five", &half, "a"), adjust("six", &half, "a"));
    assert_eq!([both.0.0, both.1.0].iter().filter(|status| **status == 200).count(), 1);
    let (_, ledger) = user.get_json("/api/credits/ledger").await;
    let entries = ledger["data"]["items"].as_array().unwrap();
    let told: Vec<_> = entries.iter().map(|entry| (entry["kind"].as_str().unwrap(), entry["amount"].clone())).collect();
    assert_eq!(told, [("adjust", json!(-0.5)), ("adjust", json!(-12)), ("adjust", json!(2.5)), ("grant", json!(10))]);
    assert_eq!((&entries[2]["reason"], &entries[2]["lots"][0]["origin"]), (&json!("For Monday"), &json!("goodwill")));
    let log = admin.audit(&format!("target={id}&action=credits_adjusted"), 3).await;
    assert_eq!(log[2]["after"], json!({"amount": 2.5, "available": 12.5, "reason": "For Monday"}));
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_is_in_the_audit_log_without_secrets() {
    let app = TestApp::start().await;
    let (admin, mut user) = (app.admin().await, app.user().await);
    let id = user.id().await;
    let key = user.with_key(&json!({"name": "my laptop"})).await.key.unwrap();
    let (_, keys) = user.get_json("/api/account/keys").await;
    let key_id = keys["data"]["items"][0]["id"].as_str().unwrap();
    answer(user.request(Method::DELETE, &format!("/api/account/keys/{key_id}"))).await;
    for email in [user.email.clone(), "Nobody@Example.org".to_owned()] {
        let form = json!({"email": email, "password": "wrong wrong wrong"});
        let request = app.visitor().post("/api/auth/login").header("x-request-id", "guess").json(&form);
        assert_eq!(answer(request).await.0, 401);
    }
    user.sign_in_again().await;
    let log = admin.audit(&format!("target={id}"), 6).await;
    let actions: Vec<_> = log.iter().rev().map(|entry| entry["action"].as_str().unwrap()).collect();
    let mut sorted = actions.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["key_created", "key_revoked", "sign_in", "sign_in", "sign_in_failed", "sign_up"]);
    let by_user = admin.audit(&format!("actor={}", user.email), 5).await;
    assert!(by_user.iter().all(|entry| entry["actor"] == json!(id) && entry["target"] == json!(id)));
    let failed = admin.audit("action=sign_in_failed&actor=visitor", 2).await;
    let unknown = failed.iter().find(|entry| entry["target"].is_null()).unwrap();
    assert_eq!(
        (unknown["requestId"].as_str(), unknown["after"]["unknown"].as_str().map(str::len)),
        (Some("guess"), Some(8))
    );
    let all = json!(admin.get_json("/api/admin/audit?limit=100").await.1).to_string().to_lowercase();
    for secret in ["nobody@example.org", "wrong wrong", PASSWORD, &key, "my laptop", &user.cookie.clone().unwrap()] {
        assert!(!all.contains(&secret.to_lowercase()), "{secret}");
    }
    // Page by page, and none twice.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = admin.get_json(&format!("/api/admin/audit?limit=2{cursor}")).await;
        let items = page["data"]["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["data"]["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let count = seen.len();
    assert!(count >= 9 && seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    for (query, field) in
        [("action=none", "action"), ("from=never", "from"), ("cursor=1", "cursor"), ("limit=0", "limit")]
    {
        let (status, refused) = admin.get_json(&format!("/api/admin/audit?{query}")).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some(field)));
    }
    assert!(admin.audit("actor=stranger%40example.org", 0).await.is_empty());
    assert!(admin.audit("until=2000-01-01", 0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bought_is_in_the_audit_log_once() {
    let (app, seller) = TestApp::start_selling(&[]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let (_, bought) = user.post_json("/api/credits/purchase", &json!({"pack": "500"})).await;
    let order = bought["data"]["orderId"].as_str().unwrap();
    seller.approve(order);
    for _ in 0..3 {
        assert_eq!(user.post_json("/api/credits/capture", &json!({"orderId": order})).await.0, 200);
    }
    let payment = &bought["data"]["paymentId"];
    let (status, back) = user.post_json("/api/credits/refund", &json!({"paymentId": payment})).await;
    assert_eq!(status, 200, "{back}");
    let log = admin.audit(&format!("target={}&from=2020-01-01&action=purchase", user.id().await), 1).await;
    assert_eq!((&log[0]["after"]["credits"], &log[0]["after"]["payment"]), (&json!(500), payment));
    let log = admin.audit(&format!("target={}&action=refund", user.id().await), 1).await;
    assert_eq!((&log[0]["after"]["credits"], &log[0]["after"]["step"]), (&json!(-500), &json!("withdraw")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_shown_without_what_they_wrote() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    user.chat("a very private question").await;
    user.make_image("a secret fox").await;
    user.with_key(&json!({"name": "my laptop"})).await;
    let id = user.id().await;
    let (status, detail) = admin.get_json(&format!("/api/admin/users/{id}")).await;
    assert_eq!(status, 200, "{detail}");
    let data = &detail["data"];
    assert_eq!((&data["user"]["email"], &data["user"]["role"]), (&json!(user.email), &json!("USER")));
    assert_eq!(data["images"]["made"], 1);
    assert_eq!((data["sessions"].as_array().unwrap().len(), data["keys"].as_array().unwrap().len()), (1, 1));
    assert!(data["ledger"].as_array().unwrap().len() >= 3 && data["credits"]["lots"][0]["origin"] == "promo", "{data}");
    let (status, html) = admin.page(&format!("/admin/users/{id}")).await;
    assert_eq!(status, 200);
    for text in [detail.to_string(), html] {
        assert!(text.contains(&user.email));
        for secret in ["private question", "secret fox", "my laptop", "argon2"] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
    assert_eq!(admin.page(&format!("/admin/users/{}", Uuid::now_v7())).await.0, 404);
    assert_eq!(admin.page("/admin/users/none").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_by_address_and_id() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let users = [app.user().await, app.user().await, app.user().await];
    let found = async |query: &str| {
        let (status, page) = admin.get_json(&format!("/api/admin/users?{query}")).await;
        assert_eq!(status, 200, "{page}");
        let items = page["data"]["items"].as_array().unwrap().clone();
        (items.iter().map(|item| item["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), page)
    };
    let (emails, _) = found("").await;
    let newest_first = [&users[2], &users[1], &users[0], &admin].map(|user| user.email.clone());
    assert_eq!(emails, newest_first);
    let begin = users[1].email[..20].to_uppercase();
    assert_eq!(found(&format!("q={begin}")).await.0, [users[1].email.clone()]);
    assert_eq!(found(&format!("q={}", users[0].id().await)).await.0, [users[0].email.clone()]);
    assert_eq!(found("role=ADMIN&q=&status=&sort=oldest").await.0, std::slice::from_ref(&admin.email));
    assert!(found("q=nobody-is-called-so").await.0.is_empty());
    let (first, page) = found("limit=3").await;
    let cursor: String =
        url::form_urlencoded::byte_serialize(page["data"]["nextCursor"].as_str().unwrap().as_bytes()).collect();
    let (rest, page) = found(&format!("limit=3&cursor={cursor}")).await;
    assert_eq!(([first, rest].concat(), page["data"]["nextCursor"].is_null()), (newest_first.to_vec(), true));
    for (query, field) in
        [("role=SUBSCRIBER", "role"), ("status=gone", "status"), ("sort=best", "sort"), ("cursor=x", "cursor")]
    {
        let (status, refused) = admin.get_json(&format!("/api/admin/users?{query}")).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some(field)));
    }
    let (status, html) = admin.page(&format!("/admin/users?q={begin}&role=&status=&sort=newest")).await;
    assert!(status == 200 && html.contains(&users[1].email) && !html.contains(&users[0].email), "{html}");
    assert_eq!(admin.page("/admin/users?sort=best").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_ask_once_and_need_no_script() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "10")]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let path = format!("/admin/users/{}", user.id().await);
    // A question changes nothing.
    let (status, html) = admin.page(&format!("{path}?do=adjust&amount=-2.5&reason=A+%3Cmistake%3E")).await;
    assert!(status == 200 && html.contains("Take 2.5 credits from") && html.contains("A &lt;mistake&gt;"), "{html}");
    assert_eq!(user.credits().await["available"], 10);
    let once = html.split("name=\"once\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("do", "adjust"), ("amount", "-2.5"), ("reason", "A <mistake>"), ("once", &*once)];
    for _ in 0..2 {
        let sent = admin.post_form(&path, &fields).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
        assert_eq!(sent.headers()["location"].to_str().unwrap(), format!("{path}?said=done"));
    }
    assert_eq!(user.credits().await["available"], json!(7.5));
    let too_much = [("do", "adjust"), ("amount", "-100"), ("reason", "why"), ("once", "")];
    let refused = admin.post_form(&path, &too_much).send().await.unwrap();
    let (status, html) = (refused.status(), refused.text().await.unwrap());
    assert!(status == 409 && html.contains("only 7.5 credits"), "{html}");
    assert_eq!(admin.page(&format!("{path}?do=adjust&amount=x&reason=why")).await.0, 400);
    for (task, question) in [
        ("disable", "Disable the account"),
        ("enable", "Enable the account"),
        ("make-admin", "Make "),
        ("take-admin", "Remove "),
        ("end-sessions", "Sign "),
    ] {
        let (status, html) = admin.page(&format!("{path}?do={task}")).await;
        assert!(status == 200 && html.contains(question), "{task}: {html}");
        assert_eq!(admin.post_form(&path, &[("do", task)]).send().await.unwrap().status(), 303, "{task}");
    }
    assert_eq!(admin.post_form(&path, &[("do", "forget")]).send().await.unwrap().status(), 404);
    let untyped = admin.post_form(&path, &[("do", "erase")]).send().await.unwrap();
    assert_eq!(untyped.status(), 400, "the address is typed in");
    assert_eq!(user.post_form(&path, &fields).send().await.unwrap().status(), 303, "signed out by then");
    let log = admin.audit(&format!("target={}", path.rsplit('/').next().unwrap()), 7).await;
    assert_eq!(log.iter().filter(|entry| entry["actor"] == json!("visitor")).count(), 0);
    let chinese = admin.get("/admin/audit").header("accept-language", "zh").send().await.unwrap();
    assert!(chinese.text().await.unwrap().contains("审计日志"));
}

/// What no request may say about itself is not even read.
#[tokio::test(flavor = "multi_thread")]
async fn injected_fields_change_nothing() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "10")]).await;
    let other = app.user().await;
    let other_id = other.id().await;
    let injected = json!({
        "role": "ADMIN", "status": "disabled", "credits": 1000, "available": 1000, "balance": 1000,
        "userId": other_id, "user_id": other_id, "owner": other_id, "user": other_id, "isAdmin": true,
    });
    let with = |body: Value| {
        let mut body = body;
        body.as_object_mut().unwrap().extend(injected.as_object().unwrap().clone());
        body
    };
    let mut user = app.visitor();
    let form = with(json!({"email": user.email, "password": PASSWORD, "name": "Ada"}));
    let response = user.post("/api/auth/register").json(&form).send().await.unwrap();
    user.keep_cookie(&response);
    let form = with(json!({"email": user.email, "password": PASSWORD}));
    let response = user.post("/api/auth/login").json(&form).send().await.unwrap();
    assert_eq!(response.status(), 200);
    user.keep_cookie(&response);
    let (_, chat) = user.post_json("/api/chat", &with(json!({"message": "Hello"}))).await;
    let conversation = format!("/api/conversations/{}", chat["data"]["conversationId"].as_str().unwrap());
    let (status, _) = user.patch_json(&conversation, &with(json!({"title": "Mine"}))).await;
    assert_eq!(status, 200);
    user.post_json("/api/image", &with(json!({"prompt": "a fox", "aspectRatio": "21:9"}))).await;
    user.post_json("/api/account/keys", &with(json!({"name": "one"}))).await;
    answer(user.request(Method::PUT, "/api/account/budgets").json(&with(json!({"budgets": []})))).await;
    user.post_json("/api/credits/redeem", &with(json!({"code": "NO-SUCH-CODE"}))).await;
    for (path, own) in [("/account/profile", ("displayName", "Ada")), ("/account", ("name", "two"))] {
        let fields = [own, ("role", "ADMIN"), ("credits", "1000"), ("userId", &*other_id)];
        user.post_form(path, &fields).send().await.unwrap();
    }
    assert_eq!(user.get_json("/api/auth/me").await.1["data"]["role"], "USER");
    assert_eq!(user.get_json("/api/admin/users").await.0, 403);
    assert_eq!(user.get_json(&conversation).await.1["data"]["title"], "Mine");
    // What was asked cost the one who asked, and nobody else anything.
    let kinds = user.ledger_kinds().await;
    assert!(kinds.iter().all(|kind| ["grant", "hold", "settle", "release"].contains(&kind.as_str())), "{kinds:?}");
    assert_eq!((other.ledger_kinds().await, other.get_json(&conversation).await.0), (vec!["grant".to_owned()], 404));
    assert_eq!(other.get_json("/api/auth/me").await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_erases_a_user_whose_address_is_typed_and_never_the_last_admin() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let id = user.id().await;
    let path = format!("/api/admin/users/{id}");
    let erase = async |by: &User, path: &str, email: &str| {
        answer(by.request(Method::DELETE, path).json(&json!({ "email": email }))).await
    };
    assert_eq!(code(erase(&admin, &path, "somebody@example.org").await), (400, "invalid_input".to_owned()));
    assert_eq!(user.get_json("/api/auth/me").await.0, 200, "nothing has changed");
    // It asks once, and the page wants the address too.
    let (_, html) = admin.page(&format!("/admin/users/{id}?do=erase")).await;
    assert!(html.contains("name=\"email\"") && html.contains("Erase everything that belongs to"), "{html}");
    let own = format!("/api/admin/users/{}", admin.id().await);
    assert_eq!(code(erase(&admin, &own, &admin.email).await), (409, "conflict".to_owned()));
    assert_eq!(admin.get_json("/api/auth/me").await.0, 200, "the last admin stays");
    let sent = admin
        .post_form(&format!("/admin/users/{id}"), &[("do", "erase"), ("email", &user.email)])
        .send()
        .await
        .unwrap();
    assert_eq!((sent.status().as_u16(), sent.headers()["location"].to_str().unwrap()), (303, "/admin/users"));
    assert_eq!(user.get_json("/api/auth/me").await.0, 401);
    let log = admin.audit(&format!("target={id}&action=user_erased"), 1).await;
    assert_eq!(log[0]["actor"], json!(admin.id().await));
    // Somebody who is gone, or going, is not found or goes on.
    assert!(matches!(erase(&admin, &path, &user.email).await.0, 202 | 404));
    assert_eq!(erase(&admin, &format!("/api/admin/users/{}", Uuid::now_v7()), "a@example.org").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_has_an_archive_made_and_both_are_written_down() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let id = user.id().await;
    let path = format!("/api/admin/users/{id}/export");
    assert_eq!(admin.get_json(&path).await.1["data"]["state"], "none");
    assert_eq!(admin.get_json(&format!("{path}/download")).await.0, 404);
    assert_eq!(admin.post_json(&path, &json!({})).await.0, 202);
    // Sent twice, it is the same archive.
    assert!(matches!(admin.post_json(&path, &json!({})).await.0, 202 | 429));
    for _ in 0..400 {
        if admin.get_json(&path).await.1["data"]["state"] == "ready" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let archive = admin.get(&format!("{path}/download")).send().await.unwrap();
    assert_eq!(archive.headers()["content-type"], "application/zip");
    assert!(archive.bytes().await.unwrap().starts_with(b"PK"));
    let steps: Vec<_> = admin.audit(&format!("target={id}&action=user_exported"), 2).await;
    let steps: Vec<_> = steps.iter().map(|entry| entry["after"]["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["downloaded", "begun"]);
    assert!(admin.page(&format!("/admin/users/{id}")).await.1.contains("/export/download"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_an_admin_sets_binds_the_user_who_sees_who_set_it() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let id = user.id().await;
    let put = async |by: &User, path: &str, body: Value| answer(by.request(Method::PUT, path).json(&body)).await;
    let of_user = |budgets: Value| json!({ "budgets": budgets });
    let (own, day) = ("/api/account/budgets", json!({"period": "day", "limit": 50}));
    assert_eq!(put(&user, own, of_user(json!([day, {"period": "month", "limit": 90}]))).await.0, 200);
    let path = format!("/api/admin/users/{id}/budgets");
    let (status, set) = put(&admin, &path, of_user(json!([{"period": "day", "limit": 1}]))).await;
    assert_eq!(status, 200, "{set}");
    let state = async || {
        let (_, budgets) = user.get_json(own).await;
        let all = budgets["data"]["budgets"].as_array().unwrap().clone();
        let mut told: Vec<_> = all
            .iter()
            .map(|one| {
                (one["period"].as_str().unwrap().to_owned(), one["limit"].as_f64().unwrap(), one["setByAdmin"] == true)
            })
            .collect();
        told.sort_by(|one, two| one.0.cmp(&two.0));
        told
    };
    let both = [("day".to_owned(), 1.0, true), ("month".to_owned(), 90.0, false)];
    assert_eq!(state().await, both);
    assert!(user.page("/account").await.1.contains("Set by an admin"));
    // It holds: the first message uses it up.
    assert_eq!(user.chat("Hello").await.0, 200);
    assert_eq!(user.chat("Hello").await.0, 402);
    // The user cannot lift it, by no way.
    assert_eq!(put(&user, own, of_user(json!([day]))).await.0, 400);
    assert_eq!(put(&user, own, of_user(json!([]))).await.0, 200);
    assert_eq!(state().await, both[..1]);
    let budget = user.get_json(own).await.1["data"]["budgets"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(user.post_form("/account", &[("removeBudget", &budget)]).send().await.unwrap().status(), 409);
    assert_eq!(state().await, both[..1]);
    assert_eq!(user.chat("Hello").await.0, 402);
    // An admin does, on the page, and all of it is written down.
    let sent =
        admin.post_form(&format!("/admin/users/{id}"), &[("do", "remove-budget"), ("budget", &budget)]).send().await;
    assert_eq!(sent.unwrap().status(), 303);
    assert!(state().await.is_empty());
    assert_eq!(user.chat("Hello").await.0, 200);
    let log = admin.audit(&format!("target={id}&action=budgets_set"), 2).await;
    assert_eq!((&log[1]["before"]["budgets"], &log[1]["after"]["budgets"]), (&json!(""), &json!("day 1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_in_the_audit_log() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let id = user.id().await;
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "staple of another horse" });
    assert_eq!(user.post_json("/api/account/password", &body).await.0, 200);
    let log = admin.audit(&format!("target={id}&action=password_changed"), 1).await;
    assert_eq!(log[0]["actor"], json!(id));
}
