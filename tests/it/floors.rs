//! The floors of the house: who may name whom. Why is in docs/ARCHITECTURE.md, "The house".

use std::path::{Path, PathBuf};

const CELLAR: [&str; 3] = ["platform", "ui", "i18n"];
const ROOF: [&str; 2] = ["app", "routes"];

/// The floors in their order: each may name those before it.
const FLOORS: [&[&str]; 8] = [
    &["usage", "audit", "traces"],
    &["account", "credits", "flags"],
    &["generation"],
    &["images"],
    &["chat"],
    &["openai_api", "payments"],
    &["bookkeeping"],
    &["leaving", "stats"],
];

/// What surrounds pages and describes the API: its order is not strict, for the reasons that ARCHITECTURE.md gives.
const AROUND: [&str; 3] = ["api_docs", "document", "layout"];

/// What stands between cellar and roof: whatever src/lib.rs names.
fn features() -> Vec<&'static str> {
    let modules = include_str!("../../src/lib.rs").lines();
    let modules = modules.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.filter(|module| !CELLAR.contains(module) && !ROOF.contains(module)).collect()
}

pub fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The modules of this crate that a line of code names by `crate::…`.
fn named(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    let ends = |rest: &'static str| move |c: char| !c.is_ascii_alphanumeric() && !rest.contains(c);
    code.split("crate::")
        .skip(1)
        .filter_map(|rest| rest.split(ends("_")).next())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Each file of a module with the modules that it names.
fn arrows(module: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    sources(&Path::new("src").join(module), &mut files);
    assert!(!files.is_empty(), "src/{module}");
    let mut arrows = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // `use crate::{account, chat};` names several.
        let text = text.replace("crate::{", "crate::{\n");
        let mut in_braces = false;
        for line in text.lines() {
            let mut names: Vec<String> = named(line).into_iter().map(str::to_owned).collect();
            if in_braces {
                let list = line.split('}').next().unwrap_or_default();
                names.extend(list.split(',').map(|item| item.trim().split("::").next().unwrap_or_default().to_owned()));
                in_braces = !line.contains('}');
            }
            in_braces |= line.trim_end().ends_with("crate::{");
            arrows.extend(names.into_iter().map(|name| (file.display().to_string(), name)));
        }
    }
    arrows
}

fn wrong(module: &str, forbidden: &[&str]) -> Vec<String> {
    let wrong = arrows(module).into_iter().filter(|(_, name)| forbidden.contains(&name.as_str()));
    wrong.map(|(file, name)| format!("{file} names {name}")).collect()
}

#[test]
fn the_cellar_knows_no_feature_and_no_roof() {
    let forbidden = [&features()[..], &ROOF].concat();
    let wrong: Vec<_> = CELLAR.iter().flat_map(|module| wrong(module, &forbidden)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_feature_knows_the_roof() {
    let features = features();
    assert!(features.len() >= 12, "{features:?}");
    let wrong: Vec<_> = features.iter().flat_map(|module| wrong(module, &["app"])).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_floor_knows_what_is_above() {
    let known = FLOORS.concat();
    // What has no floor of its own stands on top.
    let top: Vec<_> = features().into_iter().filter(|name| !known.contains(name) && !AROUND.contains(name)).collect();
    let mut found = Vec::new();
    for (height, floor) in FLOORS.iter().enumerate() {
        let above = [&FLOORS[height + 1..].concat()[..], &top[..]].concat();
        found.extend(floor.iter().flat_map(|module| wrong(module, &above)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_targets_part_only_where_modules_are_named() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let parts = |file: &PathBuf| {
        let names_modules = file.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs");
        let text = std::fs::read_to_string(file).unwrap();
        !names_modules
            && ["cfg(", "cfg!(", "cfg(not("].iter().any(|cfg| text.contains(&format!("{cfg}feature = \"ssr\"")))
    };
    let wrong: Vec<_> = files.into_iter().filter(parts).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
