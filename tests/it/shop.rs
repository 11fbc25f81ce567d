//! Buying by the pages alone, as a browser without a script does; what is on receipts; and credits that expire.

use std::time::Duration;

use reqwest::header::{ACCEPT_LANGUAGE, COOKIE, LOCATION, REFRESH, SET_COOKIE};
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::credits::Origin;
use tessera::credits::server::store::{LotTerms, NewPosting, PostingKind};
use tessera::platform::amount::Amount;
use tessera::platform::db::now_millis;
use tessera::platform::time::DAY;
use tokio::time::timeout;

use crate::leaving::{archive_of, unpacked};
use crate::mongod::{Kind, Mongod};
use crate::support::{TestApp, User, answer};

async fn page(user: &User, path: &str) -> String {
    // Where the types of views are erased, a text ends with a mark.
    user.get(path).send().await.unwrap().text().await.unwrap().replace("<!>", "")
}

/// A shop with a seller and taxes.
fn shop() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("packs.toml");
    let text = r#"
        [[pack]]
        id = "large"
        name = "Großes Paket"
        credits = 500
        bonus = 50
        price = "20.00"
        [seller]
        name = "Mosaik & Söhne GmbH"
        address = ["Bahnhofstrasse 1", "8001 Zürich"]
        tax_id = "CHE-123.456.789 MWST"
        contact = "billing@example.org"
        time_zone = "Europe/Zurich"
        [tax]
        name = "VAT"
        rate = 8.1
        rates = { DE = 19 }
        note = "Supplied electronically."
    "#;
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Goes through the form of a pack; the order, and the way back that the browser keeps.
async fn choose(user: &User, pack: &str, from: &str) -> (String, Option<String>) {
    send_off(user, &[("pack", pack), ("from", from)]).await
}

/// The same with any form that leads to the provider.
async fn send_off(user: &User, fields: &[(&str, &str)]) -> (String, Option<String>) {
    let sent = user.post_form("/buy-credits", fields).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let headers = sent.headers().clone();
    let to = headers[REFRESH].to_str().unwrap().strip_prefix("0; url=").unwrap().to_owned();
    let page = sent.text().await.unwrap();
    // Who is not taken there has a link.
    assert!(page.contains(&format!("href=\"{}\"", to.replace('&', "&amp;"))), "{page}");
    let cookie = headers.get_all(SET_COOKIE).iter().find_map(|cookie| {
        let cookie = cookie.to_str().unwrap();
        cookie.starts_with("back=").then(|| cookie.split(';').next().unwrap().to_owned())
    });
    let order = to.split(['=', '/']).next_back().unwrap().to_owned();
    (order, cookie)
}

#[tokio::test]
async fn credits_are_bought_by_forms_alone_and_one_comes_back_to_the_text() {
    let (_folder, file) = shop();
    let (app, provider) = TestApp::start_selling(&[("PACKS_FILE", &file)]).await;
    let user = app.user().await;
    user.chat("Hello").await;
    let packs = page(&user, "/buy-credits?from=/chat/1").await;
    for text in ["550 credits", "Großes Paket", "includes 50 free", "$20.00", "$0.0364 per credit", "Buy for $20.00"] {
        assert!(packs.contains(text), "{text}");
    }
    // What it buys here, what the balance lasts, on which terms.
    for text in [
        "about 550 answers · ",
        "about 275 images · ",
        "You have 9 credits.",
        "last about 63 days",
        "Prices include VAT",
    ] {
        assert!(packs.contains(text), "{text} in {packs}");
    }
    let chinese = user.get("/buy-credits").header(ACCEPT_LANGUAGE, "zh").send().await.unwrap().text().await.unwrap();
    assert!(chinese.contains("购买积分") && chinese.contains("US$20.00") && chinese.contains("每积分 US$0.0364"));

    let (order, cookie) = choose(&user, "large", "/chat/1").await;
    let session = user.cookie.clone().unwrap();
    let cookie = cookie.unwrap();
    let at_return = async |query: &str| {
        let path = format!("/buy-credits/return?{query}");
        let request = app.visitor().get(&path).header(COOKIE, format!("{session}; {cookie}"));
        request.send().await.unwrap().text().await.unwrap().replace("<!>", "")
    };
    let path = format!("token={order}&PayerID=X");
    let open = at_return(&path).await;
    assert!(open.contains("The payment isn’t complete yet") && open.contains("Continue at PayPal"), "{open}");
    provider.approve(&order);
    // Somebody else learns nothing of it.
    let other = page(&app.user().await, &format!("/buy-credits/return?{path}")).await;
    assert!(other.contains("There is no such purchase") && !other.contains("550"));
    for _ in 0..2 {
        let done = at_return(&path).await;
        assert!(done.contains("550 credits are yours") && done.contains(r#"href="/chat/1""#), "{done}");
        assert!(done.contains(r#"href="/receipts/R"#), "{done}");
        // What surrounds the page knows the balance that it made.
        let header = done.split("<header").nth(1).unwrap().split("</header>").next().unwrap();
        assert!(header.contains(">559<"), "{header}");
    }
    assert!(at_return("token=nothing").await.contains("There is no such purchase"));
    assert!(at_return("").await.contains("There is no such purchase"));
    let cancelled = page(&user, &format!("/buy-credits/cancel?token={order}")).await;
    assert!(cancelled.contains("Nothing was charged") && cancelled.contains(r#"href="/buy-credits""#));

    let dashboard = page(&user, "/dashboard").await;
    for text in ["Purchases", "550 credits", "$20.00", "Paid", "/receipts/R", "/buy-credits/refund?payment="] {
        assert!(dashboard.contains(text), "{text}");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_does_not_come_about_is_said_calmly() {
    let (app, provider) = TestApp::start_selling(&[]).await;
    let user = app.user().await;
    let unknown = user.post_form("/buy-credits", &[("pack", "7")]).send().await.unwrap();
    assert_eq!(unknown.status(), 400);
    assert!(unknown.text().await.unwrap().contains("There is no such pack"));
    provider.faults().down = true;
    let down = user.post_form("/buy-credits", &[("pack", "100")]).send().await.unwrap();
    assert_eq!(down.status(), 503);
    assert!(down.text().await.unwrap().contains("Buy for $5.00"), "one can try again");
    provider.faults().down = false;

    let (order, none) = choose(&user, "100", "//evil.example").await;
    assert_eq!(none.as_deref(), Some("back="), "what was kept before is forgotten");
    let back = format!("/buy-credits/return?token={order}");
    provider.approve(&order);
    provider.faults().declined = true;
    let declined = page(&user, &back).await;
    assert!(declined.contains("The payment was declined") && declined.contains("Nothing was charged"), "{declined}");
    provider.faults().declined = false;
    provider.faults().pending = true;
    let pending = page(&user, &back).await;
    assert!(pending.contains("still checking") && pending.contains("http-equiv='refresh'"), "{pending}");
    assert!(page(&user, "/dashboard").await.contains("Waiting for PayPal"));
    assert_eq!(user.credits().await["available"], 10);
}

#[tokio::test]
async fn what_was_shown_is_bought_or_nothing_is() {
    let (_folder, file) = shop();
    let (app, _provider) = TestApp::start_selling(&[("PACKS_FILE", &file)]).await;
    let plan = "[[plan]]\nid = \"plus\"\nname = \"Plus\"\ncredits = 500\nprice = \"15.00\"\n";
    let sold = std::fs::read_to_string(&file).unwrap() + plan;
    std::fs::write(&file, &sold).unwrap();
    _ = app.state.payments.shop.reload();
    let user = app.user().await;
    let shown = async |form: &str| {
        let packs = page(&user, "/buy-credits").await;
        let form = packs.split(form).nth(1).unwrap();
        form.split("name=\"shown\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let (pack, plan) = (shown("value=\"large\"").await, shown("value=\"plus\"").await);
    let press = async |what: &str, id: &str, shown: &str| {
        let fields = [(what, id), ("shown", shown), ("from", "/chat/1")];
        let answer = user.post_form("/buy-credits", &fields).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().contains_key(REFRESH), answer.text().await.unwrap())
    };
    assert!(press("pack", "large", &pack).await.1);
    for other in [
        sold.replace("20.00", "25.00").replace("15.00", "16.00"),
        sold.replace("credits = 500", "credits = 400"),
        sold.replace("[seller]", "[[bonus]]\nname = \"All\"\npercent = 10\n[seller]").replace("15.00", "14.00"),
        format!("currency = \"EUR\"\n{sold}"),
    ] {
        std::fs::write(&file, other).unwrap();
        _ = app.state.payments.shop.reload();
        for (what, id, shown) in [("pack", "large", &*pack), ("plan", "plus", &*plan)] {
            let (status, leaves, told) = press(what, id, shown).await;
            assert_eq!((status, leaves), (409, false), "{what}");
            assert!(told.contains("This offer has changed") && told.contains("value=\"/chat/1\""), "{told}");
        }
    }
    let (status, _, told) = press("pack", "large", &shown("value=\"large\"").await).await;
    assert_eq!(status, 200, "{told}");
}

#[tokio::test]
async fn a_subscription_leads_back_to_the_text_too_and_its_months_are_no_gifts() {
    let (app, provider) = TestApp::start_selling(&[]).await;
    let user = app.user().await;
    let packs = page(&user, "/buy-credits?from=/chat/1").await;
    let form = packs.split("name=\"plan\"").nth(1).unwrap().split("</form>").next().unwrap();
    assert!(form.contains("name=\"from\" value=\"/chat/1\""), "{form}");
    let (subscription, cookie) = send_off(&user, &[("plan", "plus"), ("from", "/chat/1")]).await;
    provider.recurring.approve(&subscription);
    provider.recurring.charge(&subscription, now_millis());
    let path = format!("/buy-credits/return?subscription_id={subscription}");
    let cookies = format!("{}; {}", user.cookie.clone().unwrap(), cookie.unwrap());
    let done = app.visitor().get(&path).header(COOKIE, cookies).send().await.unwrap().text().await.unwrap();
    assert!(done.contains("Plus is yours") && done.contains("href=\"/chat/1\""), "{done}");
    let dashboard = page(&user, "/dashboard").await;
    assert_eq!(dashboard.matches(">Free credits<").count(), 1, "those of the new account: {dashboard}");
    app.assert_books_balance().await;
}

/// The number of the newest paper.
async fn newest(user: &User) -> Value {
    user.get_json("/api/credits/receipts?limit=1").await.1["data"]["items"][0].clone()
}

async fn papers_say_who_sold_what_to_whom(vars: &[(&str, &str)]) {
    let (_folder, file) = shop();
    let vars = [vars, &[("PACKS_FILE", &*file)]].concat();
    let (app, provider) = TestApp::start_selling(&vars).await;
    let user = app.user().await;
    let wrong = [("billingName", "王小明"), ("billingCountry", "Germany")];
    let refused = user.post_form("/buy-credits", &wrong).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("two letters of a country") && refused.contains("王小明"), "what was typed stays");
    let form = [
        ("billingName", "王小明 & Co. KG"),
        ("billingAddress", "Hauptstraße 1\r\n10115 Berlin"),
        ("billingCountry", "de"),
        ("billingTaxId", "DE123456789"),
    ];
    assert_eq!(user.post_form("/buy-credits", &form).send().await.unwrap().status(), 303);
    assert!(page(&user, "/buy-credits").await.contains("Hauptstraße 1\n10115 Berlin"));

    let (_, bought) = user.post_json("/api/credits/purchase", &json!({"pack": "large"})).await;
    let order = bought["data"]["orderId"].as_str().unwrap();
    provider.approve(order);
    user.post_json("/api/credits/capture", &json!({"orderId": order})).await;
    let receipt = newest(&user).await;
    let number = receipt["number"].as_str().unwrap().to_owned();
    assert!(number.ends_with("-00001") && number.starts_with('R'), "{receipt}");
    assert_eq!((&receipt["kind"], &receipt["credits"]), (&json!("receipt"), &json!(550)));
    assert_eq!(receipt["total"], json!({"amount": "20.00", "currency": "USD"}));
    assert_eq!(receipt["tax"], json!({"name": "VAT", "rate": "19", "amount": {"amount": "3.19", "currency": "USD"}}));
    assert_eq!(receipt["net"]["amount"], "16.81");
    assert_eq!(receipt["buyer"]["taxId"], "DE123456789");
    assert_eq!(receipt["seller"]["taxId"], "CHE-123.456.789 MWST");

    let sheet = page(&user, &format!("/receipts/{number}")).await;
    for text in [
        "Mosaik &amp; Söhne GmbH",
        "Tax ID CHE-123.456.789 MWST",
        "王小明 &amp; Co. KG",
        "10115 Berlin",
        "550 credits · Großes Paket",
        "VAT 19 %",
        "3.19 USD",
        "16.81 USD",
        "20.00 USD",
        "Supplied electronically.",
    ] {
        assert!(sheet.contains(text), "{text} in {sheet}");
    }
    let other = app.user().await;
    assert_eq!(other.get(&format!("/receipts/{number}")).send().await.unwrap().status(), 404);
    assert_eq!(other.get_json(&format!("/api/credits/receipts/{number}")).await.0, 404);
    let visitor = app.visitor().get(&format!("/receipts/{number}")).send().await.unwrap();
    assert_eq!(visitor.headers()[LOCATION], format!("/sign-in?next=%2Freceipts%2F{number}"));

    let (_, preview) = user
        .post_json("/api/credits/refund", &json!({"paymentId": bought["data"]["paymentId"], "preview": true}))
        .await;
    assert_eq!(preview["data"]["money"]["amount"], "20.00");
    user.chat("Hello").await;
    let ask =
        page(&user, &format!("/buy-credits/refund?payment={}", bought["data"]["paymentId"].as_str().unwrap())).await;
    assert!(
        ask.contains("Of 550 credits bought on ") && ask.contains("550 are unspent: ") && ask.contains("$20.00 back"),
        "{ask}"
    );
    let form = [("payment", bought["data"]["paymentId"].as_str().unwrap())];
    let given = user.post_form("/buy-credits/refund", &form).send().await.unwrap();
    assert_eq!(given.headers()[LOCATION], "/dashboard");
    let note = newest(&user).await;
    assert_eq!((&note["kind"], &note["refersTo"]), (&json!("credit_note"), &json!(number)));
    assert!(note["number"].as_str().unwrap().starts_with('C'), "{note}");
    assert_eq!((&note["total"]["amount"], &note["tax"]["rate"]), (&json!("20.00"), &json!("19")));
    let dashboard = page(&user, "/dashboard").await;
    assert!(
        dashboard.contains("$20.00 refunded") && dashboard.contains(note["number"].as_str().unwrap()),
        "{dashboard}"
    );
    let nothing = user.post_form("/buy-credits/refund", &form).send().await.unwrap();
    assert_eq!(nothing.status(), 409);

    for (accept, path) in [("application/pdf", number.clone()), ("*/*", format!("{number}.pdf"))] {
        let request = user.get(&format!("/api/credits/receipts/{path}")).header("accept", accept);
        let pdf = timeout(Duration::from_mins(1), request.send()).await.unwrap().unwrap();
        assert_eq!(pdf.headers()["content-type"], "application/pdf");
        let bytes = pdf.bytes().await.unwrap();
        assert!(bytes.starts_with(b"%PDF-") && bytes.len() < 200_000, "{} bytes", bytes.len());
        if let Ok(folder) = std::env::var("PAPERS_FOLDER") {
            std::fs::write(std::path::Path::new(&folder).join("receipt.pdf"), &bytes).unwrap();
        }
    }
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_say_who_sold_what_to_whom_over_sqlite() {
    papers_say_who_sold_what_to_whom(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_say_who_sold_what_to_whom_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    papers_say_who_sold_what_to_whom(&[("MONGODB_URI", &mongod.uri())]).await;
}

#[tokio::test]
async fn credits_that_expire_soon_are_said_until_that_is_seen() {
    let app = TestApp::start().await;
    let user = app.user().await;
    assert!(!page(&user, "/chat").await.contains("/notices"));
    let id = user.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().to_owned();
    let gift = NewPosting {
        owner: id.parse::<tessera::platform::ids::UserId>().unwrap().into(),
        kind: PostingKind::Grant,
        amount: Amount::credits(7),
        key: "gift".into(),
        request_id: "test".into(),
        reason: None,
        terms: LotTerms { origin: Some(Origin::Gift), expires_at: Some(now_millis() + 6 * DAY), ..LotTerms::default() },
    };
    app.state.stores.credits.post(gift).await.unwrap();
    let told = page(&user, "/dashboard").await;
    assert!(told.contains("7 of your credits expire within 7 days."), "{told}");
    let key = told.split(r#"name="seen" value=""#).nth(1).unwrap().split('"').next().unwrap();
    let seen = user.post_form("/notices", &[("seen", key), ("next", "/chat")]).send().await.unwrap();
    assert_eq!(seen.headers()[LOCATION], "/chat");
    let cookie = seen.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session = user.cookie.clone().unwrap();
    let quiet = app.visitor().get("/chat").header(COOKIE, format!("{session}; {cookie}")).send().await.unwrap();
    assert!(!quiet.text().await.unwrap().contains("/notices"));
    let odd = user.post_form("/notices", &[("seen", "a;b"), ("next", "//evil.example")]).send().await.unwrap();
    assert!(odd.headers()[SET_COOKIE].to_str().unwrap().starts_with("seen=;"));
    assert_eq!(odd.headers()[LOCATION], "/");
    let (status, _) = answer(user.get("/api/credits")).await;
    assert_eq!(status, 200);
}

/// A shop that gives something.
fn giving() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("packs.toml");
    let text = r#"
        [[bonus]]
        name = "First purchase"
        percent = 10
        first_purchase = true
        until = 2099-12-31
        days = 30
        [sign_up]
        name = "Welcome"
        credits = 20
        days = 7
        [referral]
        name = "Thanks for your friend"
        credits = 40
        most = 3
    "#;
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

async fn who_is_given_something_is_told_before_and_after(vars: &[(&str, &str)]) {
    let (folder, file) = giving();
    let vars = [vars, &[("PACKS_FILE", &*file)]].concat();
    let (app, provider) = TestApp::start_selling(&vars).await;
    let form = app.visitor().get("/sign-up").send().await.unwrap().text().await.unwrap();
    assert!(form.contains("30 "), "what a new account gets: {form}");
    let inviter = app.user().await;
    let credits = inviter.get_json("/api/credits").await.1["data"].take();
    assert_eq!(credits["available"], 30);
    let gift = credits["lots"].as_array().unwrap().iter().find(|lot| lot["amount"] == 20).unwrap();
    assert!(gift["origin"] == "promo" && gift["expiresAt"].is_string(), "{gift}");

    // The own link, on both pages; and what comes on top, in both languages.
    let own = page(&inviter, "/dashboard").await;
    let link = own.split("/buy-credits?invited=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let link = format!("/buy-credits?invited={link}");
    let packs = page(&inviter, "/buy-credits").await;
    assert!(packs.contains(&link) && packs.contains("You can be rewarded for 3 people at most."), "{packs}");
    for text in
        ["+50 free: First purchase, until 31\u{a0}Dec\u{a0}2099", "Free credits expire 30 days after the purchase."]
    {
        assert!(packs.contains(text), "{text} in {packs}");
    }
    let chinese = inviter.get("/buy-credits").header(ACCEPT_LANGUAGE, "zh").send().await.unwrap();
    let chinese = chinese.text().await.unwrap();
    assert!(
        chinese.contains("另赠 50：First purchase，截至 2099年12月31日") && chinese.contains("邀请他人"),
        "{chinese}"
    );

    // Who opens the link without an account comes back to it.
    let away = app.visitor().get(&link).send().await.unwrap();
    assert!(away.headers()[LOCATION].to_str().unwrap().starts_with("/sign-in?next=%2Fbuy-credits%3Finvited%3D"));
    let user = app.user().await;
    let asked = page(&user, &link).await;
    assert!(asked.contains("You were invited") && asked.contains("Accept the invitation"), "{asked}");
    let code = link.split('=').nth(1).unwrap();
    // What cannot be accepted is not offered, nor does a purchase pass it over.
    for (who, code, why) in
        [(&user, "AAAA-BBBB", "This invitation is not valid."), (&inviter, code, "for people who sign up after")]
    {
        let told = page(who, &format!("/buy-credits?invited={code}")).await;
        assert!(told.contains(why) && !told.contains("Accept the invitation"), "{told}");
        let bought = who.post_form("/buy-credits", &[("invited", code), ("pack", "500")]).send().await.unwrap();
        assert!(matches!(bought.status().as_u16(), 400 | 409), "{}", bought.status());
    }
    let billing = [("billingName", "Ada"), ("billingCountry", "CH"), ("came_by", code)];
    let saved = user.post_form("/buy-credits", &billing).send().await.unwrap();
    assert_eq!(saved.headers()[LOCATION].to_str().unwrap(), link);
    let own = inviter.post_form("/buy-credits", &[("invited", code)]).send().await.unwrap();
    assert_eq!(own.status(), 409);
    assert!(own.text().await.unwrap().contains("for people who sign up after"));
    let files = unpacked(archive_of(&inviter).await);
    let taken = &files.iter().find(|(name, _)| name == "referral.json").expect("the link is taken along").1;
    assert!(String::from_utf8_lossy(taken).contains(code));
    let wrong = user.post_form("/buy-credits", &[("invited", "AAAA-BBBB")]).send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    let accepted = [("invited", code), ("from", "/chat/1")];
    let accepted = user.post_form("/buy-credits", &accepted).send().await.unwrap();
    assert_eq!(accepted.headers()[LOCATION], "/buy-credits?from=%2Fchat%2F1");
    assert!(page(&user, "/buy-credits").await.contains("40 credits come with the first pack"));
    assert_eq!(
        (user.credits().await["available"].clone(), inviter.credits().await["available"].clone()),
        (json!(30), json!(30))
    );

    let (order, _) = choose(&user, "500", "").await;
    provider.approve(&order);
    let done = page(&user, &format!("/buy-credits/return?token={order}")).await;
    assert!(done.contains("590 credits are yours"), "{done}");
    assert_eq!(
        (user.credits().await["available"].clone(), inviter.credits().await["available"].clone()),
        (json!(620), json!(70))
    );
    let receipt = newest(&user).await;
    assert_eq!((&receipt["credits"], &receipt["bonus"]), (&json!(500), &json!(90)));
    let sheet = page(&user, &format!("/receipts/{}", receipt["number"].as_str().unwrap())).await;
    assert!(sheet.contains("Plus 90 free credits."), "{sheet}");
    let dashboard = page(&user, "/dashboard").await;
    assert!(dashboard.contains("+90 free: First purchase, Thanks for your friend"), "{dashboard}");
    let packs = page(&user, "/buy-credits").await;
    assert!(!packs.contains("First purchase") && !packs.contains("come with the first pack"), "{packs}");
    assert!(page(&inviter, "/dashboard").await.contains("Thanks for your friend"));

    // What was given goes back with the money; another file gives something else at once.
    let payment = receipt["paymentId"].as_str().unwrap();
    let (_, preview) = user.post_json("/api/credits/refund", &json!({"paymentId": payment, "preview": true})).await;
    assert_eq!(preview["data"]["money"]["amount"], "20.00");
    user.post_json("/api/credits/refund", &json!({"paymentId": payment})).await;
    assert_eq!(
        (user.credits().await["available"].clone(), inviter.credits().await["available"].clone()),
        (json!(30), json!(30))
    );
    assert_eq!(newest(&user).await["bonus"], Value::Null);
    std::fs::write(&file, "[[bonus]]\nname = \"All\"\npercent = 50\n").unwrap();
    // Unless the server was faster.
    _ = app.state.payments.shop.reload();
    let packs = page(&user, &link).await;
    assert!(
        packs.contains("+250 free: All") && !packs.contains("Invite others") && !packs.contains("You were invited")
    );
    assert_eq!(app.user().await.credits().await["available"], 10);
    drop(folder);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_given_something_is_told_before_and_after_over_sqlite() {
    Box::pin(who_is_given_something_is_told_before_and_after(&[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_given_something_is_told_before_and_after_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    Box::pin(who_is_given_something_is_told_before_and_after(&[("MONGODB_URI", &mongod.uri())])).await;
}
