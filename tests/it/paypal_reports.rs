//! Reports of PayPal, and what others send in its name.

use std::sync::atomic::Ordering;

use serde_json::json;
use tessera::payments::server::paypal::{OfflineVerifier, PayPal, PayPalConfig, WebhookCheck};
use tessera::payments::server::provider::{Event, EventKind, PaymentProvider, Unheard};

use crate::fake_paypal::{CertificateHost, Chain, Delivery, Door, FakePayPal, Fault, Signer, WEBHOOK_ID};
use crate::paypal::{config, provider};

pub fn offline(fake: &FakePayPal, host: &CertificateHost, chain: &Chain) -> PayPal {
    let verifier = OfflineVerifier::new(WEBHOOK_ID, host.http.clone(), std::slice::from_ref(&chain.root));
    let config = PayPalConfig { webhook_check: WebhookCheck::Offline, ..config(fake) };
    PayPal::with_verifier(config, Some(verifier)).unwrap()
}

pub async fn hear(paypal: &PayPal, delivery: &Delivery) -> Result<Event, Unheard> {
    paypal.hear(&delivery.header_map(), delivery.body.as_bytes()).await
}

pub fn report(fake: &FakePayPal) -> Delivery {
    fake.sign(&fake.event("CATALOG.PRODUCT.CREATED", "product", json!({ "id": "PROD-1" })))
}

fn is_distrusted(heard: &Result<Event, Unheard>) -> bool {
    matches!(heard, Err(Unheard::Distrusted(_)))
}

#[tokio::test]
async fn a_report_is_believed_by_its_signature_and_its_certificate_is_fetched_once() {
    let (fake, chain) = (FakePayPal::start().await, Chain::of_paypal());
    let host = CertificateHost::start(&chain).await;
    let paypal = offline(&fake, &host, &chain);
    let many = (0..20).map(|_| async { hear(&paypal, &report(&fake)).await });
    for heard in futures::future::join_all(many).await {
        assert!(matches!(heard.unwrap().what, EventKind::Unknown(kind) if kind == "CATALOG.PRODUCT.CREATED"));
    }
    assert_eq!(host.served.load(Ordering::SeqCst), 1);
    assert_eq!(*host.names.lock().unwrap(), ["api.sandbox.paypal.com"]);
    assert!(fake.seen.calls.lock().unwrap().is_empty(), "nothing else was asked");
}

#[tokio::test]
async fn anything_that_is_changed_is_not_believed() {
    let (fake, chain) = (FakePayPal::start().await, Chain::of_paypal());
    let host = CertificateHost::start(&chain).await;
    let paypal = offline(&fake, &host, &chain);
    let good = report(&fake);
    assert!(hear(&paypal, &good).await.is_ok());
    let mut changed = good.clone();
    changed.body = changed.body.replace("PROD-1", "PROD-2");
    let mut longer = good.clone();
    longer.body.push(' ');
    let signature = good.headers.iter().find(|(name, _)| *name == "paypal-transmission-sig").unwrap().1.clone();
    for wrong in [
        changed,
        longer,
        good.clone().with("paypal-transmission-id", "51730200-5106-11ef-9a30-157053fd3e43"),
        good.clone().with("paypal-transmission-time", "2026-01-01T00:00:01Z"),
        good.clone().with("paypal-transmission-sig", "AAAA"),
        good.clone().with("paypal-transmission-sig", "%%%"),
        good.clone().with("paypal-transmission-sig", &signature[..signature.len() - 4]),
        good.clone().with("paypal-auth-algo", "SHA1withRSA"),
        good.clone().with("paypal-auth-algo", "NONE"),
        good.clone().without("paypal-transmission-sig"),
        good.clone().without("paypal-transmission-id"),
        good.clone().without("paypal-transmission-time"),
        good.clone().without("paypal-cert-url"),
        good.clone().without("paypal-auth-algo"),
        // For another webhook, and by somebody else.
        Signer::new().sign("5GP028458E2496507", &good.body),
        Signer::stranger().sign(WEBHOOK_ID, &good.body),
    ] {
        let heard = hear(&paypal, &wrong).await;
        assert!(is_distrusted(&heard), "{heard:?} {wrong:?}");
    }
    // PayPal's, but nothing that could be an event.
    for body in ["", "[]", "{}", "\u{0}"] {
        let heard = hear(&paypal, &Signer::new().sign(WEBHOOK_ID, body)).await;
        assert!(matches!(heard, Err(Unheard::Unreadable(_))), "{heard:?}");
    }
}

#[tokio::test]
async fn nobody_is_asked_for_a_certificate_but_paypal() {
    let (fake, chain) = (FakePayPal::start().await, Chain::of_paypal());
    let host = CertificateHost::start(&chain).await;
    let paypals = [offline(&fake, &host, &chain), provider(&fake)];
    for url in [
        "https://evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/CERT-1",
        "https://user:pass@api.paypal.com/CERT-1",
        "https://api.paypal.com:8443/CERT-1",
        "http://api.paypal.com/CERT-1",
        "https://evilpaypal.com/CERT-1",
        "https://api.paypal.com.evil.example/CERT-1",
        "https://127.0.0.1/CERT-1",
        "ftp://api.paypal.com/CERT-1",
        "CERT-1",
    ] {
        for paypal in &paypals {
            let heard = hear(paypal, &report(&fake).with("paypal-cert-url", url)).await;
            assert!(is_distrusted(&heard), "{url}: {heard:?}");
        }
    }
    assert!(host.names.lock().unwrap().is_empty() && host.served.load(Ordering::SeqCst) == 0);
    assert!(fake.seen.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_certificate_counts_if_it_is_paypals_and_valid_and_a_root_vouches_for_it() {
    let fake = FakePayPal::start().await;
    let paypal = "messageverificationcerts.paypal.com";
    let good = Chain::new(paypal, 2024..2119);
    let host = CertificateHost::start(&good).await;
    assert!(hear(&offline(&fake, &host, &good), &report(&fake)).await.is_ok());
    for wrong in [
        Chain::new(paypal, 2024..2025),
        Chain::new(paypal, 2118..2119),
        Chain::new("messageverificationcerts.paypal.com.evil.example", 2024..2119),
        Chain::new("evilpaypal.com", 2024..2119),
    ] {
        let host = CertificateHost::start(&wrong).await;
        let heard = hear(&offline(&fake, &host, &wrong), &report(&fake)).await;
        assert!(is_distrusted(&heard), "{heard:?}");
        assert_eq!(host.served.load(Ordering::SeqCst), 1, "{heard:?}");
    }
    // For PayPal, says a root that nobody knows; and no way to the root is shown.
    let foreign = Chain::new(paypal, 2024..2119);
    let alone = format!("{}\n", good.pem.split_inclusive("-----END CERTIFICATE-----").next().unwrap());
    for pem in [foreign.pem, alone, String::new(), "-----BEGIN CERTIFICATE-----".to_owned(), "x".repeat(70_000)] {
        let host = CertificateHost::start(&good).await;
        host.answer.lock().unwrap().1 = pem;
        let heard = hear(&offline(&fake, &host, &good), &report(&fake)).await;
        assert!(is_distrusted(&heard), "{heard:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_had_now_is_no_forgery() {
    let (fake, chain) = (FakePayPal::start().await, Chain::of_paypal());
    let host = CertificateHost::start(&chain).await;
    let paypal = offline(&fake, &host, &chain);
    let answer = |status: u16| host.answer.lock().unwrap().0 = status;
    for status in [500, 503, 429] {
        answer(status);
        let heard = hear(&paypal, &report(&fake)).await;
        assert!(matches!(heard, Err(Unheard::Unavailable(_))), "{status}: {heard:?}");
    }
    for status in [404, 302, 301] {
        answer(status);
        assert!(is_distrusted(&hear(&paypal, &report(&fake)).await), "{status}");
    }
    assert!(host.names.lock().unwrap().iter().all(|name| name == "api.sandbox.paypal.com"), "a redirect was followed");
    // Nothing of it was kept.
    answer(200);
    assert!(hear(&paypal, &report(&fake)).await.is_ok());
    // And what was is not asked for again.
    answer(500);
    assert!(hear(&paypal, &report(&fake)).await.is_ok());
    let nobody = OfflineVerifier::new(WEBHOOK_ID, host.http.clone(), &[]);
    let config = PayPalConfig { webhook_check: WebhookCheck::Offline, ..config(&fake) };
    let nobody = PayPal::with_verifier(config, Some(nobody)).unwrap();
    assert!(matches!(hear(&nobody, &report(&fake)).await, Err(Unheard::Unavailable(_))));
}

#[tokio::test]
async fn strangers_cannot_make_us_ask_paypal_without_end() {
    let (fake, chain) = (FakePayPal::start().await, Chain::of_paypal());
    let host = CertificateHost::start(&chain).await;
    let paypal = offline(&fake, &host, &chain);
    assert!(hear(&paypal, &report(&fake)).await.is_ok());
    host.answer.lock().unwrap().0 = 404;
    for number in 0..100 {
        let url = format!("https://api.paypal.com/v1/notifications/certs/CERT-{number}");
        assert!(hear(&paypal, &report(&fake).with("paypal-cert-url", url)).await.is_err());
    }
    assert!(host.served.load(Ordering::SeqCst) < 60, "{}", host.served.load(Ordering::SeqCst));
    assert!(hear(&paypal, &report(&fake)).await.is_ok(), "PayPal is heard all the same");
}

#[tokio::test]
async fn paypal_can_be_asked_about_each_report() {
    let fake = FakePayPal::start().await;
    let paypal = provider(&fake);
    let mut good = report(&fake);
    // Written anew, it would have another checksum.
    good.body = good.body.replace(r#""links":[]"#, r#""links" : [ ], "total":1.10"#);
    let good = Signer::new().sign(WEBHOOK_ID, &good.body);
    let heard = hear(&paypal, &good).await;
    assert!(heard.is_ok(), "{heard:?}");
    let mut changed = good.clone();
    changed.body = changed.body.replace("1.10", "1.1");
    assert!(is_distrusted(&hear(&paypal, &changed).await));
    assert!(is_distrusted(&hear(&paypal, &Signer::stranger().sign(WEBHOOK_ID, &good.body)).await));
    // Nothing gets out of the place that it is put into.
    let asked = fake.count(Door::Verify);
    for body in [r#"{},"webhook_id":"x""#, "{} {}", "[]", ""] {
        let heard = hear(&paypal, &Signer::new().sign(WEBHOOK_ID, body)).await;
        assert!(matches!(heard, Err(Unheard::Unreadable(_))), "{heard:?}");
    }
    assert_eq!(fake.count(Door::Verify), asked);
    for _ in 0..2 {
        fake.next(Door::Verify, Fault::Status(500));
    }
    assert!(matches!(hear(&paypal, &good).await, Err(Unheard::Unavailable(_))));
    fake.next(Door::Verify, Fault::Status(400));
    assert!(is_distrusted(&hear(&paypal, &good).await));
    let deaf = PayPal::new(PayPalConfig { webhook_id: None, ..config(&fake) }).unwrap();
    assert!(matches!(hear(&deaf, &good).await, Err(Unheard::Off)));
}
