//! The writer of the embedded database: all writes that wait are done in a savepoint each, and committed together.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::Receiver;
use rusqlite::Connection;

use super::sqlite::Durability;
use super::{StoreError, StoreResult};

pub(super) type Write = Box<dyn FnOnce(&Connection, Option<&StoreError>) -> Reply + Send>;
/// Sends the caller the result of its write, after the commit.
pub(super) type Reply = Box<dyn FnOnce(Result<(), String>) + Send>;

/// Most writes that share one commit.
const MAX_GROUP: usize = 512;

/// Writes until all handles are gone. A group that panics does not stop the next one.
pub(super) fn keep_writing(connection: &Connection, writes: &Receiver<(Durability, Write)>) {
    while catch_unwind(AssertUnwindSafe(|| run_writer(connection, writes))).is_err() {
        tracing::error!("the writer of the database panicked and goes on");
        if !connection.is_autocommit() {
            _ = connection.execute_batch("ROLLBACK");
        }
    }
}

fn run_writer(connection: &Connection, writes: &Receiver<(Durability, Write)>) {
    let mut synchronous = Durability::Durable;
    while let Ok(first) = writes.recv() {
        let group: Vec<_> = std::iter::once(first).chain(writes.try_iter().take(MAX_GROUP - 1)).collect();
        let needed = if group.iter().any(|(durability, _)| *durability == Durability::Durable) {
            Durability::Durable
        } else {
            Durability::Relaxed
        };
        let begun = begin(connection, needed, &mut synchronous);
        let replies: Vec<Reply> = group.into_iter().map(|(_, write)| write(connection, begun.as_ref().err())).collect();
        let committed = match begun {
            Ok(()) => connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])).map(|_| ()),
            Err(_) => Ok(()),
        };
        if let Err(error) = &committed {
            tracing::error!(%error, "a commit failed");
            if !connection.is_autocommit() {
                _ = connection.execute_batch("ROLLBACK");
            }
        }
        let committed = committed.map_err(|error| error.to_string());
        for reply in replies {
            reply(committed.clone());
        }
    }
}

fn begin(connection: &Connection, needed: Durability, synchronous: &mut Durability) -> StoreResult<()> {
    if *synchronous != needed {
        let mode = if needed == Durability::Durable { "FULL" } else { "NORMAL" };
        connection.pragma_update(None, "synchronous", mode)?;
        *synchronous = needed;
    }
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    Ok(())
}

pub(super) fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> StoreResult<T>,
) -> StoreResult<T> {
    connection.prepare_cached("SAVEPOINT piece")?.execute([])?;
    // A panic must cost its own request, not the one writer that everybody needs.
    let result = catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or(Err(StoreError::Panicked));
    if result.is_err() {
        connection.prepare_cached("ROLLBACK TO piece")?.execute([])?;
    }
    connection.prepare_cached("RELEASE piece")?.execute([])?;
    result
}
