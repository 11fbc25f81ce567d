//! `tessera init`: the first `.env`, which explains every setting and sets what was given, or asked for.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::config::Config;
use crate::chat::server::providers::local::DEFAULT_LOCAL_MODEL;

/// Every setting with its default, commented out.
const EXAMPLE: &str = include_str!("../../.env.example");
/// In the place of what the example says about itself.
const HEAD: &str = "# Written by `tessera init`. Uncomment what you need; environment variables take precedence.
# `tessera check` tests the configured services.";
/// What is asked where nothing is given. Nothing said is the default.
const QUESTIONS: [(&str, &str); 6] = [
    ("PUBLIC_URL", "URL that browsers use, such as https://chat.example.org"),
    ("TRUSTED_PROXIES", "Proxies in front of it: addresses and networks"),
    ("ADMIN_EMAILS", "Email addresses of admins"),
    ("SMTP_URL", "Mail server, such as smtps://user:password@mail.example.org"),
    ("OPENAI_API_KEY", "API key of OpenAI"),
    ("GEMINI_API_KEY", "API key of Google's Gemini"),
];

/// Writes the file with these settings (`NAME=VALUE`), or with the answers to a few questions. Returns a line for people.
///
/// # Errors
/// One line per problem; nothing is written then. A file that is there stays as it is.
pub fn init(file: &Path, set: &[String], input: impl BufRead, output: impl Write) -> Result<String, String> {
    let named = |error: std::io::Error| format!("{}: {error}", file.display());
    if file.symlink_metadata().is_ok() {
        return Err(exists(file));
    }
    let mut values = if set.is_empty() { ask(input, output).map_err(named)? } else { given(set)? };
    if let Some(model) = model_beside_program() {
        values.entry("LOCAL_MODEL".to_owned()).or_insert(model);
    }
    let text = fill(&values)?;
    let read: Result<BTreeMap<_, _>, _> = dotenvy::from_read_iter(text.as_bytes()).collect();
    // The error would repeat the value.
    let read = read.map_err(|_| "a value cannot be written in a file".to_owned())?;
    if let Some((name, _)) = values.iter().find(|(name, value)| read.get(*name) != Some(*value)) {
        return Err(format!("{name}: this value cannot be written in a file"));
    }
    Config::from_vars(&read).map_err(|problems| problems.join("\n"))?;
    // Fails where somebody was faster.
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(|error| if error.kind() == ErrorKind::AlreadyExists { exists(file) } else { named(error) })?;
    written.write_all(text.as_bytes()).and_then(|()| written.sync_all()).map_err(named)?;
    Ok(format!("{} is written. `tessera check` tests what it sets.\n", file.display()))
}

fn exists(file: &Path) -> String {
    format!("{} exists already, and stays as it is", file.display())
}

fn given(set: &[String]) -> Result<BTreeMap<String, String>, String> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
        if value.contains(['\n', '\r']) {
            return Err(format!("{name}: is of more than one line"));
        }
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    set.iter().map(pair).collect()
}

/// Asks for each setting until the answer can be used.
fn ask(input: impl BufRead, mut output: impl Write) -> std::io::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    let mut lines = input.lines();
    writeln!(output, "An empty answer leaves the default, which .env can change later.")?;
    for (name, question) in QUESTIONS {
        loop {
            write!(output, "{question} ({name}): ")?;
            output.flush()?;
            let answer = lines.next().transpose()?.unwrap_or_default().trim().to_owned();
            if answer.is_empty() {
                break;
            }
            let mut tried = values.clone();
            tried.insert(name.to_owned(), answer);
            match Config::from_vars(&tried) {
                Ok(_) => {
                    values = tried;
                    break;
                }
                Err(problems) => writeln!(output, "{}", problems.join("\n"))?,
            }
        }
    }
    writeln!(output)?;
    Ok(values)
}

/// A package brings the model with it, but is not the folder in which the server runs.
fn model_beside_program() -> Option<String> {
    let model: PathBuf = std::env::current_exe().ok()?.parent()?.join(DEFAULT_LOCAL_MODEL);
    (model.is_file() && !Path::new(DEFAULT_LOCAL_MODEL).exists()).then(|| model.to_string_lossy().into_owned())
}

/// The names of all settings, but those of `OIDC_…`.
pub(super) fn setting_names() -> impl Iterator<Item = &'static str> {
    EXAMPLE.lines().filter_map(setting_of)
}

/// The setting whose default a line of the example has.
fn setting_of(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("# ")?.split_once('=')?;
    name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_').then_some(name)
}

/// The example with these values in their places.
fn fill(values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut left = values.clone();
    let body = EXAMPLE.split_once("\n\n").map_or(EXAMPLE, |(_, body)| body);
    let mut lines = vec![HEAD.to_owned(), String::new()];
    for line in body.lines() {
        match setting_of(line).and_then(|name| left.remove_entry(name)) {
            Some((name, value)) => lines.push(format!("{name}={}", quoted(&value))),
            None => lines.push(line.to_owned()),
        }
    }
    for (name, value) in left {
        // Whose names are of the operator's choice.
        if !name.starts_with("OIDC_") {
            return Err(format!("{name}: there is no such setting"));
        }
        lines.push(format!("{name}={}", quoted(&value)));
    }
    Ok(lines.join("\n") + "\n")
}

/// As `.env` is read: within single quotes everything stands for itself, but for what ends them and a backslash.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@,+%*=?&".contains(c);
    if value.chars().all(is_plain) {
        value.to_owned()
    } else if value.contains(['\'', '\\']) {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$"))
    } else {
        format!("'{value}'")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    fn run(folder: &TempDir, set: &[&str], answers: &str) -> (Result<String, String>, String) {
        let set: Vec<String> = set.iter().map(|text| (*text).to_owned()).collect();
        let mut said = Vec::new();
        let result = init(&folder.path().join(".env"), &set, answers.as_bytes(), &mut said);
        (result, String::from_utf8(said).unwrap())
    }

    fn read(folder: &TempDir) -> BTreeMap<String, String> {
        dotenvy::from_path_iter(folder.path().join(".env")).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn what_is_set_is_in_the_file_which_explains_the_rest_and_is_nobody_elses() {
        let folder = TempDir::new().unwrap();
        let set = [
            "PUBLIC_URL=https://chat.example.org",
            "OIDC_MY_IDP_ISSUER=https://idp.example.org",
            "OIDC_MY_IDP_CLIENT_ID=x",
        ];
        run(&folder, &set, "").0.unwrap();
        let file = folder.path().join(".env");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("\nPUBLIC_URL=https://chat.example.org\n"), "{text}");
        assert!(text.contains("\n# DATA_DIR=./data\n") && !text.contains("Copy this file"), "{text}");
        assert_eq!(read(&folder).len(), 3);
    }

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join(".env");
        std::fs::write(&file, "CHAT_CREDITS=3\n").unwrap();
        assert!(run(&folder, &["IMAGE_CREDITS=1"], "").0.unwrap_err().contains("exists already"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "CHAT_CREDITS=3\n");
        std::fs::remove_file(&file).unwrap();
        // A link to nowhere is not written through either.
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &file).unwrap();
        run(&folder, &["IMAGE_CREDITS=1"], "").0.unwrap_err();
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn every_value_is_read_as_it_was_given() {
        for value in ["pa ss#word", "$HOME", "it's", r#"it's "$5" \ back"#, r#"a"b"#, r"\", r"a\", "x=y", "&?", "ä"] {
            let folder = TempDir::new().unwrap();
            run(&folder, &[&format!("METRICS_TOKEN={value}")], "").0.unwrap();
            assert_eq!(read(&folder)["METRICS_TOKEN"], value);
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_nothing_is_written() {
        for (set, problem) in [
            ("PUBLIC_URL=https://chat.example.org/path", "PUBLIC_URL: has a path"),
            ("PUBLIK_URL=https://chat.example.org", "PUBLIK_URL: there is no such setting"),
            ("PUBLIC_URL", "is not NAME=VALUE"),
            ("METRICS_TOKEN=two\nCHAT_CREDITS=5", "METRICS_TOKEN: is of more than one line"),
        ] {
            let folder = TempDir::new().unwrap();
            let refused = run(&folder, &[set], "").0.unwrap_err();
            assert!(refused.contains(problem), "{set}: {refused}");
            assert!(!folder.path().join(".env").exists(), "{set}");
        }
    }

    #[test]
    fn it_asks_again_until_an_answer_can_be_used() {
        let folder = TempDir::new().unwrap();
        let (result, said) = run(&folder, &[], "nowhere\nhttps://chat.example.org\n\nada@example.org\n");
        result.unwrap();
        assert!(said.contains("PUBLIC_URL: ") && said.matches("(PUBLIC_URL): ").count() == 2, "{said}");
        let read = read(&folder);
        assert_eq!(read["PUBLIC_URL"], "https://chat.example.org");
        assert_eq!(read["ADMIN_EMAILS"], "ada@example.org");
        assert!(!read.contains_key("TRUSTED_PROXIES"));
    }
}
