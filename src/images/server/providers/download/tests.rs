//! Which addresses are fetched from at all.

use super::*;

fn refusal(downloader: &Downloader, url: &str) -> Option<&'static str> {
    let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    downloader.client_for(&url).err()
}

fn delivery() -> Downloader {
    Downloader::new(&["replicate.delivery"], None).unwrap()
}

#[test]
fn hosts_on_the_list_and_below_are_allowed_by_https() {
    for url in [
        "https://replicate.delivery/xezq/abc/out-0.png",
        "https://pbxt.replicate.delivery/out-0.png",
        "https://a.b.REPLICATE.Delivery:443/out-0.png?x=1#y",
        "https://replicate.delivery./out-0.png",
    ] {
        assert_eq!(refusal(&delivery(), url), None, "{url}");
    }
}

#[test]
fn others_are_not() {
    for (url, why) in [
        ("http://replicate.delivery/a.png", "not by https"),
        ("ftp://replicate.delivery/a.png", "not by https"),
        ("data:image/png;base64,iVBORw0KGgo=", "not by https"),
        ("file:///etc/passwd", "not by https"),
        ("https://replicate.delivery:8443/a.png", "port"),
        ("https://user@replicate.delivery/a.png", "user name"),
        ("https://:pass@replicate.delivery/a.png", "user name"),
        ("https://evilreplicate.delivery/a.png", "host is not allowed"),
        ("https://replicate.delivery.evil.example/a.png", "host is not allowed"),
        ("https://replicate.delivery../a.png", "host is not allowed"),
        ("https://replicate.delivery%2eevil.example/a.png", "host is not allowed"),
        ("https://example.org/replicate.delivery", "host is not allowed"),
        ("https://localhost/a.png", "host is not allowed"),
    ] {
        let refusal = refusal(&delivery(), url).unwrap_or_default();
        assert!(refusal.contains(why), "{url}: {refusal}");
    }
}

#[test]
fn addresses_in_numbers_are_refused_however_they_are_written() {
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "127.0.0.1.",
        "169.254.169.254",
        "8.8.8.8",
        "%31%32%37.0.0.1",
        "①②⑦.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "[2606:4700:4700::1111]",
    ] {
        assert_eq!(refusal(&delivery(), &format!("https://{host}/a.png")), Some("it has no host name"), "{host}");
    }
}

#[test]
fn the_own_server_is_exactly_that() {
    let own = Url::parse("http://127.0.0.1:8902/v1").unwrap();
    let downloader = Downloader::new(&["replicate.delivery"], Some(&own)).unwrap();
    assert_eq!(refusal(&downloader, "http://127.0.0.1:8902/files/a.png"), None);
    assert_eq!(refusal(&downloader, "https://replicate.delivery/a.png"), None);
    for url in [
        "http://127.0.0.1:8903/a.png",
        "https://127.0.0.1:8902/a.png",
        "http://127.0.0.2:8902/a.png",
        "http://localhost:8902/a.png",
        "http://user@127.0.0.1:8902/a.png",
    ] {
        assert!(refusal(&downloader, url).is_some(), "{url}");
    }
}

/// An allowed name that leads to this machine: as after a change of its address.
#[tokio::test]
async fn an_allowed_name_with_an_inner_address_is_not_connected_to() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://localhost:{port}/a.png");
    let downloader = Downloader::new(&["localhost"], None).unwrap();
    // The port would be refused before; here it shows that nobody knocks.
    let error = downloader.guarded.get(&url).send().await.unwrap_err();
    assert_eq!(unreachable_error(&error), ProviderError::Unavailable("localhost has no public address".into()));
    let knocked = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(knocked.is_err());
    let error = downloader.get(&Url::parse("https://localhost/a.png").unwrap()).await.unwrap_err();
    assert_eq!(error, ProviderError::Unavailable("localhost has no public address".into()));
}
