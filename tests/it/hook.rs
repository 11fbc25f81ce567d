//! What `make hook` leaves in a repository, tried in one of its own with a `cargo` that only writes down how it was called.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A repository with the scripts of this one and nothing else.
struct Repository {
    folder: TempDir,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { folder: TempDir::new().unwrap() };
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let top = repository.top();
        std::fs::create_dir_all(top.join("scripts")).unwrap();
        for script in ["scripts/hook.sh", "scripts/env.sh"] {
            std::fs::copy(here.join(script), top.join(script)).unwrap();
        }
        std::fs::create_dir(repository.folder.path().join("bin")).unwrap();
        let cargo = repository.folder.path().join("bin/cargo");
        std::fs::write(&cargo, "#!/bin/sh\necho \"$*\" >>\"$CALLS\"\n[ \"$1\" != \"$FAILING\" ]\n").unwrap();
        std::fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).unwrap();
        repository.git(&top, &["init", "--quiet"]);
        repository.git(&top, &["add", "."]);
        repository.git(&top, &["commit", "--quiet", "--message", "Begin"]);
        repository
    }

    fn top(&self) -> PathBuf {
        self.folder.path().join("top")
    }

    fn hook(&self) -> PathBuf {
        self.top().join(".git/hooks/pre-commit")
    }

    fn run(&self, folder: &Path, program: &str, words: &[&str], failing: &str) -> Output {
        let path = format!("{}:{}", self.folder.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(program);
        command.args(words).current_dir(folder).env("PATH", path);
        // Neither the settings of whoever runs the tests, nor a repository that the tests were started from.
        for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Ada").env(format!("GIT_{role}_EMAIL"), "ada@example.org");
        }
        command.env("TESSERA_CACHE", self.folder.path().join("cache"));
        command.env("CALLS", self.folder.path().join("calls")).env("FAILING", failing).output().unwrap()
    }

    fn git(&self, folder: &Path, words: &[&str]) {
        let output = self.run(folder, "git", words, "");
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn script(&self, folder: &Path, word: &str) -> Output {
        self.run(folder, "scripts/hook.sh", &[word], "")
    }

    /// Commits one new file; `failing` is the command of cargo that fails.
    fn commit(&self, folder: &Path, name: &str, failing: &str) -> Output {
        std::fs::write(folder.join(name), "").unwrap();
        self.git(folder, &["add", name]);
        self.run(folder, "git", &["commit", "--quiet", "--message", name], failing)
    }

    /// How cargo was called since the last look.
    fn calls(&self) -> String {
        let file = self.folder.path().join("calls");
        let calls = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(&file, "").unwrap();
        calls
    }
}

#[test]
fn a_commit_of_code_is_checked_and_one_of_words_is_not() {
    let repository = Repository::new();
    let top = repository.top();
    assert!(repository.script(&top, "install").status.success());
    assert!(repository.commit(&top, "notes.md", "").status.success());
    assert_eq!(repository.calls(), "");
    assert!(repository.commit(&top, "good.rs", "").status.success());
    assert_eq!(repository.calls(), "fmt --check\nlint-server\nlint-browser\n");
    for failing in ["fmt", "lint-server", "lint-browser"] {
        let refused = repository.commit(&top, "bad.rs", failing);
        assert!(!refused.status.success(), "{failing}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("tessera hook: "), "{failing}");
    }
}

#[test]
fn the_hook_works_in_worktrees_too_and_can_be_taken_back_there() {
    let repository = Repository::new();
    let other = repository.folder.path().join("other");
    repository.git(&repository.top(), &["worktree", "add", "--quiet", other.to_str().unwrap()]);
    assert!(repository.script(&other, "install").status.success());
    assert!(!repository.commit(&other, "bad.rs", "fmt").status.success());
    assert!(!repository.commit(&repository.top(), "bad.rs", "fmt").status.success());
    assert!(repository.script(&other, "remove").status.success());
    assert!(!repository.hook().exists());
    assert!(repository.commit(&repository.top(), "bad.rs", "fmt").status.success());
}

#[test]
fn the_hook_of_somebody_else_stays_as_it_is() {
    let repository = Repository::new();
    let top = repository.top();
    std::fs::write(repository.hook(), "#!/bin/sh\nexit 0\n").unwrap();
    for word in ["install", "remove"] {
        assert!(!repository.script(&top, word).status.success(), "{word}");
        assert_eq!(std::fs::read_to_string(repository.hook()).unwrap(), "#!/bin/sh\nexit 0\n");
    }
    std::fs::remove_file(repository.hook()).unwrap();
    repository.git(&top, &["config", "core.hooksPath", "elsewhere"]);
    assert!(!repository.script(&top, "install").status.success());
    assert!(!top.join("elsewhere").exists());
}
