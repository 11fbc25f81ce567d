//! Trying a model out in a process of its own first: some files end the whole program inside of llama.cpp, which no check of
//! ours can know of all of.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::engine;

/// The command of the program that tries a model out.
pub const PROBE_COMMAND: &str = "probe-model";
/// How long it may take: large models come from slow disks.
const PATIENCE: Duration = Duration::from_mins(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// From now on models are tried out by this program, which knows [`PROBE_COMMAND`].
pub fn probe_with(program: PathBuf) {
    // The first one stands.
    _ = PROGRAM.set(program);
}

/// What [`PROBE_COMMAND`] does: loads a model and lets it begin an answer.
///
/// # Errors
/// Why it cannot be used.
pub fn probe(path: &Path) -> Result<(), String> {
    // If it ends here, that is no accident to look into.
    _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    engine::try_file(path)
}

/// Tries a file out, if there is a program for that. `is_over` says that nobody needs it any more.
pub(super) fn try_out(path: &Path, is_over: impl Fn() -> bool) -> Result<(), String> {
    match PROGRAM.get() {
        Some(program) => try_out_with(program, path, is_over),
        None => Ok(()),
    }
}

fn try_out_with(program: &Path, path: &Path, is_over: impl Fn() -> bool) -> Result<(), String> {
    let mut command = Command::new(program);
    command.arg(PROBE_COMMAND).arg(path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut probe = match command.spawn() {
        Ok(probe) => probe,
        Err(error) => {
            tracing::warn!(%error, "the local model could not be tried out beforehand");
            return Ok(());
        }
    };
    let begun = Instant::now();
    let ended = loop {
        match probe.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if begun.elapsed() > PATIENCE => break Err("cannot be loaded in time".to_owned()),
            Ok(None) if is_over() => break Err("was not loaded".to_owned()),
            Ok(None) => sleep(LOOK_EVERY),
            Err(error) => break Err(format!("could not be tried out: {error}")),
        }
    };
    let status = match ended {
        Ok(status) => status,
        Err(reason) => {
            _ = probe.kill();
            _ = probe.wait();
            return Err(reason);
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut reason = String::new();
    if let Some(mut said) = probe.stdout.take() {
        _ = said.read_to_string(&mut reason);
    }
    match (status.code(), reason.trim()) {
        (Some(_), reason) if !reason.is_empty() => Err(reason.to_owned()),
        _ => Err(format!("ends the program that runs it ({status})")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_ends_the_program_ends_only_the_one_that_tries_it() {
        let folder = tempfile::tempdir().unwrap();
        let try_out = |script: &str, is_over: bool| {
            let program = folder.path().join("program");
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
            try_out_with(&program, Path::new("x.gguf"), || is_over)
        };
        assert_eq!(try_out("[ \"$1 $2\" = 'probe-model x.gguf' ]", false), Ok(()));
        assert_eq!(try_out("echo is damaged; exit 1", false), Err("is damaged".to_owned()));
        let ended = try_out("echo half a word; kill -ABRT $$", false).unwrap_err();
        assert!(ended.starts_with("ends the program that runs it (signal: 6"), "{ended}");
        assert!(try_out("exit 3", false).unwrap_err().starts_with("ends the program"));
        assert_eq!(try_out("exec sleep 60", true), Err("was not loaded".to_owned()));
        // Without a program that can be run, it goes on as before.
        assert_eq!(try_out_with(Path::new("/nowhere/program"), Path::new("x"), || false), Ok(()));
    }
}
