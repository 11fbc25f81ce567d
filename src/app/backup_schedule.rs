//! Scheduled backups of the database and its images: each is a file of its own in `BACKUP_DIR`, and the oldest are deleted.
//!
//! What is there says what is due, so a restart neither forgets one nor makes another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::backup::backup;
use super::config::Config;
use crate::platform::config::Reader;
use crate::platform::private_files::private_folder;

/// Names that sort by time, which is UTC.
const NAME: &str = "tessera-%Y-%m-%dT%H%M%SZ.backup";
/// What they were called when they were databases alone.
const NAME_OF_BEFORE: &str = "tessera-%Y-%m-%dT%H%M%SZ.db";
/// An unfinished one of this age belongs to a program that has ended.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// When the database is backed up, and where to.
#[derive(Debug, Clone)]
pub struct BackupConfig {
    /// `BACKUP_DIR` (none: no backups): a folder, made if it is missing.
    pub dir: PathBuf,
    /// `BACKUP_EVERY` (24h): how long after one backup the next is made, in hours or days.
    pub every: Duration,
    /// `BACKUP_KEEP` (14): how many are kept.
    pub keep: usize,
}

impl BackupConfig {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let every = reader.text("BACKUP_EVERY").unwrap_or("24h");
        let every = parse_period(every).unwrap_or_else(|| {
            reader.problem("BACKUP_EVERY", format!("{every:?} is no time such as 6h or 2d"));
            Duration::ZERO
        });
        let keep = reader.at_least("BACKUP_KEEP", 14, 1);
        let dir = reader.text("BACKUP_DIR")?.into();
        Some(Self { dir, every, keep })
    }
}

fn parse_period(text: &str) -> Option<Duration> {
    let hours: u64 = match text.strip_suffix('d') {
        Some(days) => days.parse::<u64>().ok()?.checked_mul(24)?,
        None => text.strip_suffix('h')?.parse().ok()?,
    };
    (1..=366 * 24).contains(&hours).then(|| Duration::from_hours(hours))
}

impl BackupConfig {
    /// Whether a backup can be written, as text for people.
    ///
    /// # Errors
    /// One line that says what is in the way.
    pub fn check(&self) -> Result<String, String> {
        self.make_dir()?;
        let file = self.dir.join(format!(".check-{}", std::process::id()));
        let written = fs::write(&file, "").and_then(|()| fs::remove_file(&file));
        written.map_err(|error| self.problem(&error))?;
        let newest = newest_in(&self.dir).map_or_else(|| "none yet".to_owned(), |at| format!("the newest of {at}"));
        Ok(format!("{}: {newest}", self.dir.display()))
    }

    fn make_dir(&self) -> Result<(), String> {
        if self.dir.is_dir() { Ok(()) } else { private_folder(&self.dir).map_err(|error| self.problem(&error)) }
    }

    fn problem(&self, error: &io::Error) -> String {
        format!("BACKUP_DIR: {}: {error}", self.dir.display())
    }
}

/// Makes a backup if it is time for one, and deletes the oldest ones. Returns the new file.
///
/// # Errors
/// One line that says what is in the way; nothing is deleted then.
pub fn back_up_if_due(config: &Config, plan: &BackupConfig, now: Timestamp) -> Result<Option<PathBuf>, String> {
    plan.make_dir()?;
    let named = |error: io::Error| plan.problem(&error);
    let mut found = backups_in(&plan.dir).map_err(named)?;
    // Those of a clock that was ahead say nothing.
    let newest = found.iter().rev().map(|(at, _)| *at).find(|at| *at <= now);
    if newest.is_some_and(|newest| now.duration_since(newest).unsigned_abs() < plan.every) {
        return Ok(None);
    }
    let file = plan.dir.join(now.strftime(NAME).to_string());
    backup(config, &file)?;
    found.push((now, file.clone()));
    for (_, old) in found.iter().take(found.len().saturating_sub(plan.keep)) {
        fs::remove_file(old).map_err(named)?;
    }
    remove_abandoned(&plan.dir, now).map_err(named)?;
    Ok(Some(file))
}

/// When the newest backup in a folder was made; `None`: there is none.
#[must_use]
pub fn newest_in(dir: &Path) -> Option<Timestamp> {
    backups_in(dir).ok()?.pop().map(|(at, _)| at)
}

/// The backups of this schedule, oldest first. Other files are somebody else's.
fn backups_in(dir: &Path) -> io::Result<Vec<(Timestamp, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(at) = entry.file_name().to_str().and_then(time_of) {
            found.push((at, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn time_of(name: &str) -> Option<Timestamp> {
    let time = DateTime::strptime(NAME, name).or_else(|_| DateTime::strptime(NAME_OF_BEFORE, name)).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// What a program that was killed left half-written.
fn remove_abandoned(dir: &Path, now: Timestamp) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let begun = name.to_str().and_then(|name| {
            let (backup, _) = name.trim_end_matches("-journal").strip_suffix(".part")?.rsplit_once('.')?;
            time_of(backup)
        });
        if begun.is_some_and(|begun| now.duration_since(begun) > ABANDONED_AFTER) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tempfile::TempDir;

    use super::*;

    /// A database of Tessera, as far as a backup looks at it.
    fn config(folder: &TempDir, more: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let data = folder.path().join("data");
        fs::create_dir_all(&data).unwrap();
        let database = rusqlite::Connection::open(data.join("tessera.db")).unwrap();
        database.execute_batch("CREATE TABLE IF NOT EXISTS ledger (n); PRAGMA user_version = 1").unwrap();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let mut vars = BTreeMap::from([
            ("DATA_DIR".to_owned(), text(data)),
            ("BACKUP_DIR".to_owned(), text(folder.path().join("backups"))),
        ]);
        vars.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Config::from_vars(&vars)
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path().join("backups")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn turn(config: &Config, now: &str) -> bool {
        let plan = config.backups.clone().unwrap();
        back_up_if_due(config, &plan, now.parse().unwrap()).unwrap().is_some()
    }

    #[test]
    fn one_is_made_when_the_last_is_old_enough_whoever_made_it() {
        let folder = TempDir::new().unwrap();
        let config = config(&folder, &[("BACKUP_EVERY", "6h")]).unwrap();
        assert!(turn(&config, "2026-11-29T08:00:00Z"));
        assert!(!turn(&config, "2026-11-29T13:59:59Z"));
        assert!(turn(&config, "2026-11-29T14:00:00Z"));
        assert_eq!(names(&folder), ["tessera-2026-11-29T080000Z.backup", "tessera-2026-11-29T140000Z.backup"]);
    }

    #[test]
    fn the_oldest_are_deleted_and_nothing_that_is_not_ours() {
        let folder = TempDir::new().unwrap();
        let config = config(&folder, &[("BACKUP_KEEP", "2")]).unwrap();
        let dir = folder.path().join("backups");
        fs::create_dir(&dir).unwrap();
        let others = [
            "mine.db",
            "tessera-2020-01-01.db",
            "tessera-2026-11-29T075959Z.backup.7.part",
            "tessera-2020-01-01T000000Z.db.gz",
        ];
        for name in others
            .iter()
            .chain(&["tessera-2020-01-01T000000Z.db", "tessera-2020-01-01T000000Z.backup.7-db.part-journal"])
        {
            fs::write(dir.join(name), "").unwrap();
        }
        assert!(turn(&config, "2026-11-28T08:00:00Z") && turn(&config, "2026-11-29T08:00:00Z"));
        let mut left =
            [&others[..], &["tessera-2026-11-28T080000Z.backup", "tessera-2026-11-29T080000Z.backup"]].concat();
        left.sort_unstable();
        assert_eq!(names(&folder), left);
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_hold_backups_up() {
        let folder = TempDir::new().unwrap();
        let config = config(&folder, &[]).unwrap();
        assert!(turn(&config, "2030-01-01T00:00:00Z") && turn(&config, "2026-11-29T08:00:00Z"));
        assert!(!turn(&config, "2026-11-29T09:00:00Z"));
    }

    #[test]
    fn nothing_is_deleted_where_no_backup_was_made() {
        let folder = TempDir::new().unwrap();
        let config = config(&folder, &[("BACKUP_KEEP", "1")]).unwrap();
        assert!(turn(&config, "2026-11-27T08:00:00Z"));
        fs::remove_file(folder.path().join("data/tessera.db")).unwrap();
        let plan = config.backups.clone().unwrap();
        let problem = back_up_if_due(&config, &plan, "2026-11-29T08:00:00Z".parse().unwrap()).unwrap_err();
        assert!(problem.contains("DATA_DIR"), "{problem}");
        assert_eq!(names(&folder), ["tessera-2026-11-27T080000Z.backup"]);
    }

    #[test]
    fn what_cannot_be_a_schedule_is_named() {
        let folder = TempDir::new().unwrap();
        for wrong in ["0h", "6", "h", "1.5h", "400d", "soon", "-1h"] {
            let problems = config(&folder, &[("BACKUP_EVERY", wrong)]).unwrap_err();
            assert!(problems[0].starts_with("BACKUP_EVERY: "), "{wrong}: {problems:?}");
        }
        assert!(config(&folder, &[("BACKUP_KEEP", "0")]).unwrap_err()[0].starts_with("BACKUP_KEEP: "));
        assert!(config(&folder, &[("MONGODB_URI", "mongodb://db")]).is_ok());
    }
}
