//! A step that is forgotten when something is added, and that the compiler does not ask for, fails here and is named.

use std::path::{Path, PathBuf};

use futures::FutureExt;
use leptos::server_fn::axum::server_fn_paths;
use tessera::routes::{ROUTES, find_page};

use crate::support::TestApp;

/// What server functions are called with that cannot be called with nothing: a path and a form, `id=7`.
const ARGUMENTS: [(&str, &str); 1] = [("/fn/load_purchase_page", "address=/buy-credits")];

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// What stands between two pieces of a text, the first time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(between, _)| between)
}

#[tokio::test]
async fn every_server_function_finds_its_feature() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let functions: Vec<_> = server_fn_paths().collect();
    assert!(functions.len() >= 2, "{functions:?}");
    for (path, method) in functions {
        let arguments = ARGUMENTS.iter().find(|(function, _)| *function == path).map_or("", |(_, form)| form);
        let nobody =
            app.visitor().request(method.clone(), path).header("content-type", "application/x-www-form-urlencoded");
        let status = nobody.body(arguments).send().await.unwrap().status();
        assert_eq!(status, 401, "{path}: it begins with `Caller::from_context`");
        let request = user.request(method, path).header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(arguments).send().await.unwrap();
        let status = response.status();
        assert_eq!(
            status,
            200,
            "{path}: {}\nEach feature that it asks for by `expect_context` needs a line in `provide_features` \
             (src/app/features.rs); if it needs arguments, give it some in ARGUMENTS (tests/it/forgotten.rs).",
            response.text().await.unwrap()
        );
    }
}

/// By the name of its page, the document asks for a chunk early; under another name it comes late, without an error.
#[test]
fn a_chunk_is_called_as_its_page() {
    let source = read("src/routes.rs");
    let chunks: Vec<_> = source
        .split("#[wasm_split(")
        .skip(1)
        .map(|rest| (rest.split(',').next().unwrap(), between(rest, "Ok(", ")").unwrap()))
        .collect();
    for (chunk, page) in &chunks {
        let view = source.split_once(&format!("pub const {page}: PageView")).expect(page).1;
        // The first text of it, whether the page has a chunk of its own name or another's view.
        let name = between(view, "\"", "\"").unwrap();
        assert_eq!(*chunk, name, "src/routes.rs: the chunk of {page} begins with `#[wasm_split({name}, …`");
    }
    for route in &ROUTES {
        let Some(loading) = find_page(route.path) else { continue };
        let page = loading.now_or_never().flatten().expect(route.path);
        let has_chunk = chunks.iter().any(|(chunk, _)| *chunk == page.chunk);
        assert!(has_chunk, "src/routes.rs: the page of {} needs a chunk `#[wasm_split({}, …`", route.path, page.chunk);
    }
}

/// The browser has no text from `SiteTitle` on, and shows nothing in its place.
#[test]
fn what_the_browser_says_stands_above_the_texts_of_the_server() {
    let texts = read("src/i18n/text.rs");
    let (_, of_the_server) = texts.split_once("    SiteTitle,").unwrap();
    let of_the_server: Vec<_> = of_the_server.lines().filter_map(|line| line.trim().strip_suffix(',')).collect();
    assert!(of_the_server.len() > 20, "{of_the_server:?}");
    // Modules that are for the server alone stand in src/lib.rs behind a `cfg`.
    let library = read("src/lib.rs");
    let (both, _) = library.split_once("#[cfg(feature = \"ssr\")]").unwrap();
    let mut files = vec![PathBuf::from("src/routes.rs")];
    for module in both.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
        let folder = Path::new("src").join(module);
        if module != "i18n" && folder.is_dir() {
            sources(&folder, &mut files);
        }
    }
    files.retain(|file| !file.components().any(|part| part.as_os_str() == "server" || part.as_os_str() == "server.rs"));
    let mut wrong = Vec::new();
    for file in files {
        let source = read(&file);
        let source = source.split("#[cfg(test)]").next().unwrap();
        if source.contains("Only the server makes it.") {
            continue;
        }
        // Functions that say so are left out.
        let mut pieces = source.split("On the server alone.");
        let first = pieces.next().unwrap().to_owned();
        let source =
            pieces.fold(first, |source, piece| source + piece.split_once("\n}\n").map_or("", |(_, rest)| rest));
        // A page without a script has its title from the server.
        for line in source.lines().filter(|line| !line.trim_start().starts_with("public_page(")) {
            for named in line.split("Text::").skip(1) {
                let name = named.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                if of_the_server.contains(&name) {
                    wrong.push(format!("{}: {name} has to stand above SiteTitle in src/i18n/text.rs", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is not in `ALL` is not offered, and not read back from where it is stored.
#[test]
fn a_list_of_all_has_all() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut lists = 0;
    for file in files {
        let source = read(&file);
        for (at, list) in source.match_indices("const ALL: [Self; ") {
            let count = between(&source[at..], list, "]").unwrap();
            let (_, rest) = source[..at].rsplit_once("\nimpl ").unwrap();
            let name = rest.split_whitespace().next().unwrap();
            let variants = between(&source, &format!("enum {name} {{\n"), "\n}").expect(name);
            let variants = variants.lines().filter(|line| {
                line.strip_prefix("    ").is_some_and(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
            });
            assert_eq!(count, variants.count().to_string(), "{}: `{name}::ALL` lacks some", file.display());
            lists += 1;
        }
    }
    assert!(lists >= 8, "{lists} lists");
}
