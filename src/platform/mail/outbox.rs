//! The queue before the mailer: whoever sends a mail neither waits for it nor fails with it.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{Mail, MailError, Mailer, is_nobodys};
use crate::i18n::{current_language, in_language};
use crate::platform::error::AppResult;

/// Mails that may wait.
const PLACES: usize = 512;
/// Mails that are handed over at a time.
const AT_A_TIME: usize = 4;
/// How long is waited for what.
#[derive(Clone, Copy)]
struct Pace {
    /// How long handing one over may take in all.
    patience: Duration,
    /// Between the tries. A server that does not know us may want the second no sooner than after minutes.
    pauses: [Duration; 4],
}
const PACE: Pace = Pace {
    patience: Duration::from_mins(1),
    pauses: [Duration::from_secs(1), Duration::from_secs(20), Duration::from_mins(2), Duration::from_mins(8)],
};
/// The longest pause when the server is about to end.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What becomes of mails.
#[derive(Clone, Default)]
pub struct MailCounts {
    pub sent: Counter<u64, AtomicU64>,
    /// Tried as often as they are, or refused for good.
    pub given_up: Counter<u64, AtomicU64>,
    /// Not even tried, as too many waited.
    pub dropped: Counter<u64, AtomicU64>,
}

/// The way for mails out of the house. Cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Parts>);

struct Parts {
    mailer: Arc<dyn Mailer>,
    counts: MailCounts,
    places: Arc<Semaphore>,
    lines: Semaphore,
    pace: Pace,
    /// The server is about to end.
    hurry: CancellationToken,
}

impl Outbox {
    #[must_use]
    pub fn new(mailer: Arc<dyn Mailer>, counts: MailCounts) -> Self {
        Self::with_pace(mailer, counts, PACE)
    }

    fn with_pace(mailer: Arc<dyn Mailer>, counts: MailCounts, pace: Pace) -> Self {
        Self(Arc::new(Parts {
            pace,
            mailer,
            counts,
            places: Arc::new(Semaphore::new(PLACES)),
            lines: Semaphore::new(AT_A_TIME),
            hurry: CancellationToken::new(),
        }))
    }

    /// Sends a mail, soon. Never waits.
    pub fn send(&self, mail: Mail) {
        self.prepare(ready(Ok(Some(mail))));
    }

    /// Sends a mail that is still to be written, if it comes to one: that too is nothing that anybody waits for, and so
    /// tells nobody by its time whether there is one. The language is that of the request.
    pub fn prepare(&self, work: impl Future<Output = AppResult<Option<Mail>>> + Send + 'static) {
        let Ok(place) = self.0.places.clone().try_acquire_owned() else {
            self.0.counts.dropped.inc();
            tracing::error!("a mail is not sent, as too many wait");
            return;
        };
        let outbox = self.clone();
        let work = async move {
            let _place = place;
            match work.await {
                Ok(Some(mail)) if !is_nobodys(&mail.to) => outbox.deliver(&mail).await,
                Ok(_) => {}
                Err(error) => {
                    outbox.0.counts.given_up.inc();
                    tracing::error!(%error, "a mail could not be written");
                }
            }
        };
        tokio::spawn(in_language(current_language(), work).in_current_span());
    }

    /// Tries what waits, now rather than later, and waits until nothing does any more.
    pub async fn drain(&self, patience: Duration) {
        self.0.hurry.cancel();
        let all = u32::try_from(PLACES).unwrap_or(u32::MAX);
        if timeout(patience, self.0.places.acquire_many(all)).await.is_err() {
            let left = PLACES - self.0.places.available_permits();
            tracing::error!(left, "mails could not be sent before the end");
        }
    }

    /// Several tries, and one line of the log when it was in vain: with neither address nor text.
    async fn deliver(&self, mail: &Mail) {
        let mut pauses = self.0.pace.pauses.into_iter();
        let error = loop {
            let error = match self.try_once(mail).await {
                Ok(()) => {
                    self.0.counts.sent.inc();
                    return;
                }
                Err(error) => error,
            };
            let Some(pause) = pauses.next().filter(|_| !error.is_final) else { break error };
            if self.0.hurry.is_cancelled() {
                sleep(pause.min(LAST_PAUSE)).await;
            } else {
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.0.hurry.cancelled() => {}
                }
            }
        };
        self.0.counts.given_up.inc();
        tracing::error!(mail = %mail.id, subject = mail.subject, %error, "a mail is given up");
    }

    async fn try_once(&self, mail: &Mail) -> Result<(), MailError> {
        let _line = self.0.lines.acquire().await;
        let slow = |_| Err(MailError { reason: "it took too long".to_owned(), is_final: false });
        timeout(self.0.pace.patience, self.0.mailer.send(mail)).await.unwrap_or_else(slow)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::Ordering;

    use super::super::Letter;
    use super::*;
    use crate::platform::error::AppError;
    use async_trait::async_trait;

    /// Says what is in the list, in turn, and then that all is well.
    struct Scripted(Mutex<Vec<Option<bool>>>, AtomicU64);

    impl Scripted {
        fn new(answers: &[Option<bool>]) -> Arc<Self> {
            Arc::new(Self(Mutex::new(answers.iter().rev().copied().collect()), AtomicU64::new(0)))
        }

        fn tries(&self) -> u64 {
            self.1.load(Ordering::SeqCst)
        }
    }

    #[async_trait]
    impl Mailer for Scripted {
        async fn send(&self, _: &Mail) -> Result<(), MailError> {
            self.1.fetch_add(1, Ordering::SeqCst);
            let answer = self.0.lock().unwrap().pop();
            match answer {
                None => Ok(()),
                Some(Some(is_final)) => Err(MailError { reason: "no".into(), is_final }),
                // It hangs.
                Some(None) => std::future::pending().await,
            }
        }

        async fn check(&self) -> Result<String, String> {
            Ok(String::new())
        }
    }

    const MOMENT: Duration = Duration::from_millis(20);
    const QUICK: Pace = Pace { patience: MOMENT, pauses: [MOMENT; 4] };

    fn mail() -> Mail {
        Letter::default().to("ada@example.org")
    }

    /// How often it is tried, and what is counted: sent, given up, dropped.
    async fn after(answers: &[Option<bool>]) -> (u64, [u64; 3]) {
        let (mailer, counts) = (Scripted::new(answers), MailCounts::default());
        let outbox = Outbox::with_pace(mailer.clone(), counts.clone(), QUICK);
        outbox.send(mail());
        // Not a drain: the pauses are what they are.
        _ = outbox.0.places.acquire_many(512).await;
        (mailer.tries(), [counts.sent.get(), counts.given_up.get(), counts.dropped.get()])
    }

    #[tokio::test]
    async fn it_is_tried_until_it_is_taken_or_in_vain() {
        assert_eq!(after(&[]).await, (1, [1, 0, 0]));
        assert_eq!(after(&[Some(false), None, Some(false)]).await, (4, [1, 0, 0]));
        assert_eq!(after(&[Some(true)]).await, (1, [0, 1, 0]), "what is refused for good is not tried again");
        assert_eq!(after(&[Some(false); 9]).await, (5, [0, 1, 0]));
    }

    #[tokio::test]
    async fn nothing_is_sent_to_what_only_stands_for_an_address() {
        let (mailer, counts) = (Scripted::new(&[]), MailCounts::default());
        let outbox = Outbox::with_pace(mailer.clone(), counts, QUICK);
        outbox.send(Letter::default().to("0193a1b2@one.invalid"));
        outbox.drain(Duration::from_mins(1)).await;
        assert_eq!(mailer.tries(), 0);
    }

    #[tokio::test]
    async fn at_the_end_what_waits_is_tried_at_once() {
        let (mailer, counts) = (Scripted::new(&[Some(false), Some(false)]), MailCounts::default());
        let slow = Pace { pauses: [Duration::from_hours(1); 4], ..PACE };
        let outbox = Outbox::with_pace(mailer.clone(), counts.clone(), slow);
        outbox.send(mail());
        while mailer.tries() == 0 {
            sleep(MOMENT).await;
        }
        outbox.drain(Duration::from_mins(1)).await;
        assert_eq!((mailer.tries(), counts.sent.get()), (3, 1));
    }

    #[tokio::test]
    async fn it_takes_no_more_than_there_are_places_and_gives_them_back() {
        let (mailer, counts) = (Scripted::new(&[None, None]), MailCounts::default());
        let outbox = Outbox::with_pace(mailer, counts.clone(), QUICK);
        outbox.prepare(async { Err(AppError::Unavailable) });
        outbox.prepare(async { Ok(None) });
        (0..PLACES).for_each(|_| outbox.send(mail()));
        assert_eq!(counts.dropped.get(), 2);
        _ = outbox.0.places.acquire_many(512).await;
        assert_eq!([counts.sent.get(), counts.given_up.get()], [PLACES as u64 - 2, 1]);
    }
}
