//! What the documentation names is there: paths, links, sections and variables.

use std::path::Path;

/// What the walks through EXTENDING.md make, what scripts/setup.sh fetches, what an operator may write, and what looks like a path and is none.
const NOT_HERE: [&str; 10] = [
    "prices.toml",
    "providers.toml",
    "packs.toml",
    "src/greeting/",
    "src/ui/divider.rs",
    "src/chat/server/providers/echo.rs",
    "src/images/server/providers/blank.rs",
    "src/i18n/fr.rs",
    "models/",
    "images/generations",
];
const TEXT_FILES: [&str; 8] = [".rs", ".md", ".sh", ".css", ".mjs", ".ts", ".sql", ".toml"];

/// Files and folders of the repository, each with its path.
fn paths_below(folder: &Path, paths: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if ["target", "node_modules", ".git"].contains(&name) {
            continue;
        }
        paths.push(path.strip_prefix(".").unwrap().to_str().unwrap().to_owned());
        if path.is_dir() {
            paths_below(&path, paths);
        }
    }
}

fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == ending)
}

/// Whether a word in backticks names a file or a folder of ours: by its ending, or because it begins with one.
fn looks_like_a_path(word: &str, paths: &[String]) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    if word.starts_with(['/', '.', '-']) || !word.chars().all(is_plain) {
        return false;
    }
    let first = word.split_once('/').map(|(first, _)| first);
    let is_ours = |first: &str| paths.iter().any(|path| path == first || path == &format!("src/{first}"));
    TEXT_FILES.iter().any(|ending| word.ends_with(ending)) || first.is_some_and(is_ours)
}

/// A heading as a link names it.
fn anchor(heading: &str) -> String {
    let plain = heading.trim_start_matches('#').trim().to_lowercase();
    plain.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_path_link_and_section_that_the_documentation_names_is_there() {
    let mut paths = Vec::new();
    paths_below(Path::new("."), &mut paths);
    let is_there = |word: &str| {
        let word = word.trim_end_matches('/');
        paths.iter().any(|path| path.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with('/')))
    };
    let is_document = |path: &&String| has_ending(path, "md") && (path.starts_with("docs/") || *path == "README.md");
    let mut dead = Vec::new();
    for document in paths.iter().filter(is_document) {
        let text = std::fs::read_to_string(document).unwrap();
        let folder = Path::new(document).parent().unwrap();
        // What is between backticks is every second part; blocks of code are not prose.
        let prose = text.split("```").step_by(2).collect::<String>();
        for word in prose.split('`').skip(1).step_by(2) {
            let is_exempt = NOT_HERE.iter().any(|exempt| word.starts_with(exempt));
            if looks_like_a_path(word, &paths) && !is_exempt && !is_there(word) {
                dead.push(format!("{document}: {word}"));
            }
        }
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            if link.contains("://") {
                continue;
            }
            let target = if file.is_empty() { Path::new(document).to_path_buf() } else { folder.join(file) };
            let has = |text: &str| text.lines().any(|line| line.starts_with('#') && anchor(line) == section);
            let has_section = || std::fs::read_to_string(&target).is_ok_and(|text| has(&text));
            if !target.exists() || !(section.is_empty() || has_section()) {
                dead.push(format!("{document}: {link}"));
            }
        }
        // As in: see "The reference of the API" in ARCHITECTURE.md.
        for (before, after) in prose.split("\" in ").zip(prose.split("\" in ").skip(1)) {
            let (section, named) = (before.rsplit('"').next().unwrap(), after.split(".md").next().unwrap());
            if let Ok(text) = std::fs::read_to_string(format!("docs/{named}.md"))
                && !text.lines().any(|line| line.starts_with('#') && anchor(line) == anchor(section))
            {
                dead.push(format!("{document}: {section:?} in {named}.md"));
            }
        }
    }
    for source in paths.iter().filter(|path| has_ending(path, "rs") && !path.starts_with("vendor/")) {
        let text = std::fs::read_to_string(source).unwrap();
        let comment = text.lines().filter_map(|line| line.strip_prefix("//!")).collect::<Vec<_>>().join(" ");
        for word in comment.split('`').skip(1).step_by(2) {
            let is_file = TEXT_FILES.iter().any(|ending| word.ends_with(ending)) && !word.contains([' ', '*']);
            if is_file && !NOT_HERE.contains(&word) && !is_there(word) {
                dead.push(format!("{source}: {word}"));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_variable_that_the_documentation_names_is_known() {
    // That of the example price, and that of whoever sends the examples.
    const OTHERS: [&str; 2] = ["GREETING_CREDITS", "TESSERA_API_KEY"];
    let mut paths = Vec::new();
    paths_below(Path::new("."), &mut paths);
    let sources = paths.iter().filter(|path| {
        ["src/", "scripts/", "tests/", "benches/", "end2end/", "compose.yaml"]
            .iter()
            .any(|folder| path.starts_with(folder))
    });
    let sources: String = sources.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let mut unknown = Vec::new();
    for document in paths.iter().filter(|path| has_ending(path, "md") && !path.starts_with("vendor/")) {
        let text = std::fs::read_to_string(document).unwrap();
        for word in text.split('`').filter(|word| word.contains('_')) {
            let is_variable = word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            if is_variable && !OTHERS.contains(&word) && !sources.contains(word) {
                unknown.push(format!("{document}: {word}"));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}
