//! The embedded database: one writer thread that commits in groups, and a few reader threads, in lanes.
//!
//! An fsync costs milliseconds and a debit microseconds, so the writer takes whatever is waiting, runs each piece in a
//! savepoint of its own and commits them together; nobody is answered before the commit is on disk. Work that needs no
//! fsync of its own ([`Durability::Relaxed`]) survives a crash of the process at once and a power cut with the next
//! durable commit: SQLite's log is sequential, so what was written before a debit is on disk when the debit is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::{Receiver, Select, Sender};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::group_commit::{Write, in_savepoint, keep_writing};
use super::{Clock, GAP, Probed, StoreError, StoreResult, now_millis, wait};
use crate::platform::private_files::private_database;

/// How safe a write must be before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On disk (fsync): everything that moves credits or lets somebody in.
    Durable,
    /// With the operating system: survives `kill -9`, is on disk with the next durable commit.
    Relaxed,
}

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Sqlite {
    writes: Sender<(Durability, Write)>,
    /// A queue for each [`Lane`].
    reads: [Sender<Read>; 3],
    /// That of this machine.
    clock: Clock,
    path: PathBuf,
}

/// Who waits for whom: each reader takes the work of its lane and of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Who it is, and whether the database can be read: a moment's work that everything else begins with. It has a reader
    /// of its own.
    Urgent,
    /// What pages show.
    Usual,
    /// What may take long, like a search: it never has all readers.
    Slow,
}

/// The readers, each with the last lane that it takes work of.
const READERS: [Lane; 5] = [Lane::Urgent, Lane::Usual, Lane::Usual, Lane::Slow, Lane::Slow];
/// How long another process may keep the write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// The log may grow larger while it is needed, and is cut to this afterwards.
const JOURNAL_BYTES: u32 = 64 * 1024 * 1024;
/// Pages that are given back to the disk in one write, and such writes in a row: a gigabyte.
const PIECE_PAGES: u32 = 256;
const MOST_PIECES: u32 = 1024;

/// The schema, one step per version, forward only.
const MIGRATIONS: [&str; 44] = [
    include_str!("sqlite_1.sql"),
    include_str!("sqlite_2.sql"),
    include_str!("sqlite_3.sql"),
    include_str!("sqlite_4.sql"),
    include_str!("sqlite_5.sql"),
    include_str!("sqlite_6.sql"),
    include_str!("sqlite_7.sql"),
    include_str!("sqlite_8.sql"),
    include_str!("sqlite_9.sql"),
    include_str!("sqlite_10.sql"),
    include_str!("sqlite_11.sql"),
    include_str!("sqlite_12.sql"),
    include_str!("sqlite_13.sql"),
    include_str!("sqlite_14.sql"),
    include_str!("sqlite_15.sql"),
    include_str!("sqlite_16.sql"),
    include_str!("sqlite_17.sql"),
    include_str!("sqlite_18.sql"),
    include_str!("sqlite_19.sql"),
    include_str!("sqlite_20.sql"),
    include_str!("sqlite_21.sql"),
    include_str!("sqlite_22.sql"),
    include_str!("sqlite_23.sql"),
    include_str!("sqlite_24.sql"),
    include_str!("sqlite_25.sql"),
    include_str!("sqlite_26.sql"),
    include_str!("sqlite_27.sql"),
    include_str!("sqlite_28.sql"),
    include_str!("sqlite_29.sql"),
    include_str!("sqlite_30.sql"),
    include_str!("sqlite_31.sql"),
    include_str!("sqlite_32.sql"),
    include_str!("sqlite_33.sql"),
    include_str!("sqlite_34.sql"),
    include_str!("sqlite_35.sql"),
    include_str!("sqlite_36.sql"),
    include_str!("sqlite_37.sql"),
    include_str!("sqlite_38.sql"),
    include_str!("sqlite_39.sql"),
    include_str!("sqlite_40.sql"),
    include_str!("sqlite_41.sql"),
    include_str!("sqlite_42.sql"),
    include_str!("sqlite_43.sql"),
    include_str!("sqlite_44.sql"),
];

/// The version of the schema that this program knows.
pub const SCHEMA: usize = MIGRATIONS.len();

/// What somebody is told whose file has lost pages: nothing here mends them.
pub(super) const DAMAGED: &str =
    "the database is damaged: stop the server and restore the last backup (tessera restore --force FILE)";

/// Whether an error says that the file itself is not what it should be.
#[must_use]
pub fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
}

/// Whether a row has something that only one may have, and another has already.
#[must_use]
pub fn is_duplicate(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(cause, _) if cause.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}

/// What an error says, and what to do where the file is the cause.
pub(super) fn in_words(error: &rusqlite::Error) -> String {
    if is_damage(error) { format!("{error}: {DAMAGED}") } else { error.to_string() }
}

impl Sqlite {
    /// Opens the database, made new where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened, is no database or is of a newer program.
    pub fn open(path: &Path) -> StoreResult<Self> {
        private_database(path)?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let is_ready = gives_back(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // What is deleted is overwritten where it stands. Pages that become free go back to the disk ([`Self::give_back`]).
        connection.pragma_update(None, "secure_delete", "FAST")?;
        keep_statements(&connection)?;
        migrate(&mut connection)?;
        if !is_ready {
            rebuild(&connection);
        }
        // Pages as they were before a piece of work, in case it fails. More than 64 KiB of them would be a file, for each piece.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // Bounded: a database that cannot keep up must slow its callers down, not eat the memory.
        let (writes, queue) = crossbeam_channel::bounded::<(Durability, Write)>(4096);
        std::thread::Builder::new().name("sqlite-writer".into()).spawn(move || keep_writing(&connection, &queue))?;
        let lanes: [_; 3] = std::array::from_fn(|_| crossbeam_channel::bounded::<Read>(4096));
        for (number, lane) in READERS.into_iter().enumerate() {
            let reader =
                Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            reader.busy_timeout(BUSY_TIMEOUT)?;
            keep_statements(&reader)?;
            let queues: Vec<Receiver<Read>> =
                lanes.iter().take(lane as usize + 1).map(|(_, queue)| queue.clone()).collect();
            std::thread::Builder::new()
                .name(format!("sqlite-reader-{number}"))
                .spawn(move || run_reader(&reader, &queues))?;
        }
        let reads = lanes.map(|(reads, _)| reads);
        Ok(Self { writes, reads, clock: Clock::default(), path: path.to_owned() })
    }

    /// Runs `work` in the writer, atomically: an error undoes all of it. Answers after the commit.
    ///
    /// # Errors
    /// What `work` returned, or [`StoreError::Commit`].
    pub async fn write<T, F>(&self, durability: Durability, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let write: Write = Box::new(move |connection, refused| {
            let result = match refused {
                Some(error) => Err(StoreError::Commit(error.to_string())),
                // Whoever asked was told that it could not be done.
                None if answer.is_closed() => Err(StoreError::TimedOut),
                None => in_savepoint(connection, work),
            };
            Box::new(move |committed| {
                let result = match (result, committed) {
                    (Ok(_), Err(why)) => Err(StoreError::Commit(why)),
                    (result, _) => result,
                };
                // The caller may have gone away; the write stands.
                _ = answer.send(result);
            })
        });
        let written = async {
            enqueue(&self.writes, (durability, write)).await?;
            answered.await.map_err(|_| StoreError::Closed)?
        };
        // The writer itself waits no longer than `BUSY_TIMEOUT` for another process.
        wait(written, None).await
    }

    /// What the database's clock says now, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// As [`super::Database::probe`].
    pub(super) async fn probe(&self) -> StoreResult<Probed> {
        let steady = self
            .write(Durability::Durable, |connection| {
                Ok(connection
                    .prepare_cached(
                        "UPDATE probe SET at = ?1, steady_since = iif(abs(?1 - at) > ?2, ?1, steady_since)
                         RETURNING ?1 - steady_since",
                    )?
                    .query_row([now_millis(), GAP], |row| row.get(0))?)
            })
            .await?;
        Ok(Probed { ahead: self.clock.read(now_millis(), Instant::now()), steady })
    }

    /// As [`super::Database::look_for_damage`].
    pub(super) async fn look_for_damage(&self) -> StoreResult<()> {
        self.read_in(Lane::Slow, |connection| {
            let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(found)) }
        })
        .await
    }

    /// Gives space of what was deleted back to the disk, in small pieces between the writes of others.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn give_back(&self) -> StoreResult<()> {
        for _ in 0..MOST_PIECES {
            let left = self.write(Durability::Relaxed, |connection| {
                // A row for each page, which is given back as it is read.
                let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PIECE_PAGES})"))?;
                let mut rows = statement.query([])?;
                while rows.next()?.is_some() {}
                Ok(connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, u32>(0))?)
            });
            if left.await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Leaves nothing of what was deleted on the disk: free pages go back to it, and what the log has of them is written over.
    /// A reader that is in the middle of something may be in the way of the log; then it goes with the next time.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn wipe(&self) -> StoreResult<()> {
        self.give_back().await?;
        let path = self.path.clone();
        let cut = move || {
            // The writer always is in the middle of something.
            let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        Ok(tokio::task::spawn_blocking(cut).await.map_err(|_| StoreError::Panicked)??)
    }

    /// Runs `work` on a read-only connection, as [`Lane::Usual`].
    ///
    /// # Errors
    /// What `work` returned.
    pub async fn read<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.read_in(Lane::Usual, work).await
    }

    /// Runs `work` on a read-only connection of a lane.
    ///
    /// # Errors
    /// What `work` returned.
    pub async fn read_in<T, F>(&self, lane: Lane, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // A panic must cost its own request, not one of the few readers.
            _ = answer.send(catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or(Err(StoreError::Panicked)));
        });
        let read = async {
            enqueue(&self.reads[lane as usize], read).await?;
            answered.await.map_err(|_| StoreError::Closed)?
        };
        wait(read, None).await
    }
}

/// Statements are compiled once. Without the guarantee, SQLite (seen in 3.54.1) marks those whose plan could be better for some
/// values, most joins among them. rusqlite (0.41) takes the values away when it keeps a statement for later, and a marked one
/// is then compiled anew at its next call: longer than it runs.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Puts work into a queue without blocking an async thread when the queue is full.
async fn enqueue<T: Send + 'static>(queue: &Sender<T>, work: T) -> StoreResult<()> {
    let mut work = work;
    loop {
        match queue.try_send(work) {
            Ok(()) => return Ok(()),
            Err(crossbeam_channel::TrySendError::Disconnected(_)) => return Err(StoreError::Closed),
            Err(crossbeam_channel::TrySendError::Full(back)) => {
                work = back;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
}

/// Takes what is most urgent; `queues` are in that order.
fn run_reader(connection: &Connection, queues: &[Receiver<Read>]) {
    let mut select = Select::new_biased();
    for queue in queues {
        select.recv(queue);
    }
    loop {
        let next = select.select();
        let index = next.index();
        // All queues end together, with the handle.
        let Ok(read) = next.recv(&queues[index]) else { return };
        read(connection);
    }
}

/// Whether the file gives back what is deleted. Only a new one learns that at once.
fn gives_back(connection: &Connection) -> StoreResult<bool> {
    const INCREMENTAL: u32 = 2;
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    let found: u32 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    Ok(found == INCREMENTAL || pages == 0)
}

/// Writes the file anew, once. It is no worse off without: it only never gets smaller.
fn rebuild(connection: &Connection) {
    let begun = std::time::Instant::now();
    match connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;") {
        Ok(()) => tracing::info!(took = ?begun.elapsed(), "the database now gives space back"),
        Err(error) => tracing::warn!(%error, "the database does not give space back yet: it was not rebuilt"),
    }
}

fn migrate(connection: &mut Connection) -> StoreResult<()> {
    // Immediate, so that two processes that start together do not both migrate.
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > SCHEMA {
        let number = |version: usize| i64::try_from(version).unwrap_or(i64::MAX);
        return Err(StoreError::TooNew(number(version), number(SCHEMA)));
    }
    for step in &MIGRATIONS[version..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_takes_long_leaves_readers_to_what_is_urgent() {
        let data = tempfile::TempDir::new().unwrap();
        let db = Sqlite::open(&data.path().join("test.db")).unwrap();
        // Twice as much as there are readers, of each lane that may be slow; none of it ends before it is let go.
        let mut held = Vec::new();
        for lane in [Lane::Slow, Lane::Usual] {
            for _ in 0..READERS.len() * 2 {
                let (let_go, wait) = mpsc::channel::<()>();
                let db = db.clone();
                let read = tokio::spawn(async move { db.read_in(lane, move |_| Ok(wait.recv().is_err())).await });
                held.push((let_go, read));
            }
            let version = db.read_in(Lane::Urgent, |c| Ok(c.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?));
            assert_eq!(version.await.unwrap(), 1);
            if lane == Lane::Slow {
                assert!(db.read(|_| Ok(true)).await.unwrap(), "pages have readers too");
            }
        }
        // All at once: what waits in a queue may be behind what is held.
        let (let_go, reads): (Vec<_>, Vec<_>) = held.into_iter().unzip();
        drop(let_go);
        for read in reads {
            assert!(read.await.unwrap().unwrap());
        }
    }

    #[test]
    fn a_statement_is_compiled_once_whatever_it_is_given() {
        let data = tempfile::TempDir::new().unwrap();
        let mut connection = Connection::open(data.path().join("test.db")).unwrap();
        migrate(&mut connection).unwrap();
        let compiled_again = |connection: &Connection| {
            const JOIN: &str = "SELECT h.id FROM holds h JOIN accounts a ON a.owner_id = h.owner_id
                                WHERE h.id = ?1 AND h.owner_id = ?2";
            for value in 0..5_u8 {
                let mut joined = connection.prepare_cached(JOIN).unwrap();
                assert!(!joined.exists([[value; 16], [value; 16]]).unwrap());
            }
            connection.prepare_cached(JOIN).unwrap().get_status(rusqlite::StatementStatus::RePrepare)
        };
        assert!(compiled_again(&connection) > 0, "SQLite has changed: the guarantee may be needless now");
        connection.flush_prepared_statement_cache();
        keep_statements(&connection).unwrap();
        assert_eq!(compiled_again(&connection), 0);
    }
}
