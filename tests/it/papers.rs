//! Receipts and credit notes: numbers without gaps, whatever happens at once or in the middle.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tessera::payments::server::papers::store::PaperStore;
use tessera::payments::server::papers::{Buyer, Content, NewPaper, PaperKind, PaperNumber, TaxPart, csv};
use tessera::payments::server::shop::{Rate, Seller};
use tessera::platform::amount::Amount;
use tessera::platform::ids::{PaymentId, UserId};
use tessera::platform::money::{Currency, Money};
use tokio::time::{sleep, timeout};

use crate::contracts::over_every_store;

fn money(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn content() -> Content {
    Content {
        seller: Seller { name: "Mosaic GmbH".into(), address: vec!["Gasse 1".into()], ..Seller::default() },
        site: "chat.example.org".into(),
        buyer: Buyer { name: "=王小明, \"Ltd\"".into(), country: "DE".into(), ..Buyer::default() },
        pack: "500 credits".into(),
        credits: Amount::credits(500),
        total: money(2000),
        tax: Some(TaxPart { name: "VAT".into(), rate: Rate(19_000), amount: money(319) }),
        note: String::new(),
        paid_by: "PayPal".into(),
        reference: "CAPTURE-1".into(),
        refers_to: None,
        bonus: None,
    }
}

fn paper(kind: PaperKind, year: i16, subject: &str, user: UserId) -> NewPaper {
    let (payment, content) = (PaymentId::now_v7(), content());
    NewPaper { kind, year, subject: subject.to_owned(), user, payment, issued_at: 1_795_000_000_000, content }
}

/// The numbers of a kind and year: all of them, in their order.
async fn numbers(store: &Arc<dyn PaperStore>, kind: PaperKind, year: i16) -> Vec<u32> {
    let all = store.of_year(kind, year, 0, 1000).await.unwrap();
    all.iter().map(|paper| paper.number.number).collect()
}

fn gapless(count: u32) -> Vec<u32> {
    (1..=count).collect()
}

over_every_store! {
    async fn twenty_at_once_have_numbers_without_gaps_and_each_paper_is_made_once(stores) {
        let user = UserId::now_v7();
        let mut made = Vec::new();
        // Return page, webhook and reconciler at the same time.
        for subject in (0..20).flat_map(|subject| [subject; 3]) {
            for kind in PaperKind::ALL {
                let store = stores.papers.clone();
                made.push(tokio::spawn(async move {
                    let subject = format!("payment-{subject}");
                    (subject.clone(), store.issue(paper(kind, 2026, &subject, user)).await.unwrap().number)
                }));
            }
        }
        let mut told = BTreeSet::new();
        for made in made {
            let (subject, number) = made.await.unwrap();
            told.insert((subject, number.kind.as_str(), number.number));
        }
        assert_eq!(told.len(), 40, "each subject has one number: {told:?}");
        for kind in PaperKind::ALL {
            assert_eq!(numbers(&stores.papers, kind, 2026).await, gapless(20));
        }
    }

    async fn whoever_dies_in_the_middle_leaves_no_gap(stores) {
        let user = UserId::now_v7();
        for round in 0..4 {
            let mut running = Vec::new();
            for subject in 0..20 {
                let (store, subject) = (stores.papers.clone(), format!("{round}-{subject}"));
                running.push(tokio::spawn(async move { store.issue(paper(PaperKind::Receipt, 2026, &subject, user)).await }));
            }
            sleep(Duration::from_millis(rand::random_range(0..8))).await;
            // As a server that is killed: nobody hears what came of it.
            running.iter().for_each(tokio::task::JoinHandle::abort);
            // The server that comes after it makes what is missing.
            for subject in 0..20 {
                let subject = format!("{round}-{subject}");
                stores.papers.issue(paper(PaperKind::Receipt, 2026, &subject, user)).await.unwrap();
            }
        }
        assert_eq!(numbers(&stores.papers, PaperKind::Receipt, 2026).await, gapless(80));
    }

    async fn a_year_and_a_kind_begin_at_one_and_a_paper_stays_as_it_was(stores) {
        let user = UserId::now_v7();
        let issue = async |kind, year, subject: &str| stores.papers.issue(paper(kind, year, subject, user)).await.unwrap();
        let first = issue(PaperKind::Receipt, 2026, "a").await;
        assert_eq!(first.number.to_string(), "R2026-00001");
        assert_eq!(issue(PaperKind::Receipt, 2026, "b").await.number.number, 2);
        assert_eq!(issue(PaperKind::Receipt, 2027, "c").await.number.to_string(), "R2027-00001");
        assert_eq!(issue(PaperKind::CreditNote, 2026, "a").await.number.to_string(), "C2026-00001");
        // Whatever is asked for later, and in which year.
        let mut other = paper(PaperKind::Receipt, 2027, "a", UserId::now_v7());
        other.content.total = money(1);
        assert_eq!(stores.papers.issue(other).await.unwrap(), first);
        assert_eq!(stores.papers.find(first.number).await.unwrap().as_ref(), Some(&first));
        assert_eq!(stores.papers.find_of(PaperKind::Receipt, "a").await.unwrap().as_ref(), Some(&first));
        assert_eq!(first.content, content());
        let none = PaperNumber { number: 99, ..first.number };
        assert_eq!(stores.papers.find(none).await.unwrap(), None);
    }

    async fn a_user_has_their_own_papers_newest_first(stores) {
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        for subject in 0..5 {
            stores.papers.issue(paper(PaperKind::Receipt, 2026, &format!("own-{subject}"), user)).await.unwrap();
            stores.papers.issue(paper(PaperKind::Receipt, 2026, &format!("other-{subject}"), other)).await.unwrap();
        }
        let (mut cursor, mut found) = (None, Vec::new());
        loop {
            let page = stores.papers.list(user, cursor.as_deref(), 2).await.unwrap().unwrap();
            assert!(page.items.iter().all(|paper| paper.user == user) && page.items.len() <= 2);
            found.extend(page.items.into_iter().map(|paper| paper.number.number));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, [9, 7, 5, 3, 1]);
        assert_eq!(stores.papers.list(user, Some("nonsense"), 2).await.unwrap(), None);
    }

    async fn a_buyer_is_who_was_said_last(stores) {
        let user = UserId::now_v7();
        assert_eq!(stores.papers.buyer(user).await.unwrap(), None);
        for name in ["Ada", "王小明"] {
            let buyer = Buyer { name: name.into(), address: vec!["a".into(), "b".into()], ..Buyer::default() };
            stores.papers.set_buyer(user, buyer.clone()).await.unwrap();
            assert_eq!(stores.papers.buyer(user).await.unwrap(), Some(buyer));
        }
        assert_eq!(stores.papers.buyer(UserId::now_v7()).await.unwrap(), None);
    }

    async fn bookkeepers_get_a_line_for_each_paper(stores) {
        let user = UserId::now_v7();
        stores.papers.issue(paper(PaperKind::Receipt, 2026, "a", user)).await.unwrap();
        let mut back = paper(PaperKind::CreditNote, 2026, "b", user);
        back.content.refers_to = Some("R2026-00001".into());
        stores.papers.issue(back).await.unwrap();
        stores.papers.issue(paper(PaperKind::Receipt, 2025, "c", user)).await.unwrap();
        let csv = timeout(Duration::from_secs(10), csv(stores.papers.as_ref(), 2026)).await.unwrap().unwrap();
        let lines: Vec<_> = csv.split("\r\n").collect();
        let [header, receipt, note, ""] = &lines[..] else { panic!("{csv}") };
        assert!(header.starts_with("number,kind,date,"), "{header}");
        let begins = "R2026-00001,receipt,2026-11-18,2026-11-18T11:06:40.000Z,USD,16.81,3.19,VAT,19,20.00,500,\"'=王小明, \"\"Ltd\"\"\",DE,";
        assert!(receipt.starts_with(begins), "{receipt}");
        assert!(note.starts_with("C2026-00001,credit_note,2026-11-18,") && note.contains(",-16.81,-3.19,VAT,19,-20.00,-500,"), "{note}");
        assert!(note.contains(",R2026-00001,"), "{note}");
    }
}
