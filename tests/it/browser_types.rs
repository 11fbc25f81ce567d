//! What the browser's own JSON reader can read (`platform/browser/json.rs`): a field that is left out counts as null, which only an
//! option, a list and a boolean can be. One text that is skipped when it is empty, and a page does not come to life.

use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, Item, ItemStruct, Meta, Token, Type};

/// What may be left out.
const OPTIONAL: [&str; 3] = ["Option", "Vec", "bool"];
/// What it cannot read at all.
const UNREADABLE: [&str; 6] = ["HashMap", "BTreeMap", "HashSet", "BTreeSet", "char", "Value"];

fn text_of(meta: &Meta, name: &str) -> Option<String> {
    let list = meta.require_list().ok()?;
    list.path.is_ident(name).then(|| list.tokens.to_string())
}

/// What attributes of this name say, also inside of `cfg_attr(…, …)`.
fn said(attributes: &[Attribute], name: &str) -> Vec<String> {
    let of_one = |attribute: &Attribute| -> Vec<String> {
        if !attribute.path().is_ident("cfg_attr") {
            return text_of(&attribute.meta, name).into_iter().collect();
        }
        let inner = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
        inner.iter().skip(1).filter_map(|meta| text_of(meta, name)).collect()
    };
    attributes.iter().flat_map(of_one).collect()
}

fn derives(attributes: &[Attribute], name: &str) -> bool {
    said(attributes, "derive").iter().any(|list| list.split([',', ' ', ':']).any(|part| part == name))
}

/// What serde is told of something.
fn serde_words(attributes: &[Attribute]) -> Vec<String> {
    said(attributes, "serde").iter().flat_map(|text| text.split(',')).map(|word| word.trim().to_owned()).collect()
}

fn is_on_the_server_only(attributes: &[Attribute]) -> bool {
    attributes.iter().filter_map(|attribute| text_of(&attribute.meta, "cfg")).any(|condition| {
        let condition = condition.replace(' ', "");
        condition == "test" || condition == "feature=\"ssr\""
    })
}

fn outer_name(kind: &Type) -> String {
    match kind {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default(),
        Type::Tuple(_) => "a tuple".to_owned(),
        _ => String::new(),
    }
}

/// What is wrong with the fields of a struct that is read in the browser.
fn look_at(item: &ItemStruct) -> Vec<String> {
    let reads = derives(&item.attrs, "Deserialize");
    let Fields::Named(fields) = &item.fields else { return Vec::new() };
    if !reads {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for field in &fields.named {
        let words = serde_words(&field.attrs);
        let says = |word: &str| words.iter().any(|said| said == word || said.starts_with(&format!("{word} ")));
        let name = format!("{}.{}", item.ident, field.ident.as_ref().map(ToString::to_string).unwrap_or_default());
        let kind = outer_name(&field.ty);
        if says("skip") || says("skip_deserializing") {
            continue;
        }
        let is_left_out = says("skip_serializing_if") || says("skip_serializing");
        if is_left_out && !OPTIONAL.contains(&kind.as_str()) {
            wrong.push(format!("{name} is left out when it is empty, and is no option, list or boolean"));
        }
        let is_read_otherwise = says("deserialize_with") || says("with");
        let is_of_json = derives(&item.attrs, "Serialize");
        if is_of_json && !is_read_otherwise && (UNREADABLE.contains(&kind.as_str()) || kind == "a tuple") {
            wrong.push(format!("{name} is {kind}, which the reader does not read"));
        }
        // Those are read by programs alone.
        if says("flatten") && !["NewApiKey.about", "ImageDetail.image"].contains(&name.as_str()) {
            wrong.push(format!("{name} is flattened, which the reader does not know"));
        }
    }
    wrong
}

/// Looks at the structs of a file and of the modules below it that the browser has too; returns how many it read.
fn walk(file: &Path, wrong: &mut Vec<String>) -> usize {
    let source = std::fs::read_to_string(file).unwrap();
    let parsed = syn::parse_file(&source).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let is_root = file.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs");
    let folder = if is_root { file.parent().unwrap().to_owned() } else { file.with_extension("") };
    walk_items(&parsed.items, &folder, file, wrong)
}

fn walk_items(items: &[Item], folder: &Path, file: &Path, wrong: &mut Vec<String>) -> usize {
    let mut seen = 0;
    for item in items {
        match item {
            Item::Struct(found) if !is_on_the_server_only(&found.attrs) => {
                seen += usize::from(derives(&found.attrs, "Deserialize"));
                wrong.extend(look_at(found).into_iter().map(|problem| format!("{}: {problem}", file.display())));
            }
            Item::Mod(module) if !is_on_the_server_only(&module.attrs) => {
                let name = module.ident.to_string();
                let below = folder.join(&name);
                if let Some((_, items)) = &module.content {
                    seen += walk_items(items, &below, file, wrong);
                    continue;
                }
                let candidates = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
                let found: Vec<&PathBuf> = candidates.iter().filter(|path| path.exists()).collect();
                assert_eq!(found.len(), 1, "{candidates:?}");
                seen += walk(found[0], wrong);
            }
            _ => {}
        }
    }
    seen
}

#[test]
fn nothing_that_the_browser_reads_is_left_out_unless_it_may_be() {
    let mut wrong = Vec::new();
    let seen = walk(Path::new("src/lib.rs"), &mut wrong);
    assert!(seen > 40, "only {seen} structs are read in the browser?");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_look_finds_what_it_is_for() {
    let source = r#"
        #[derive(Serialize, Deserialize)]
        struct Session {
            #[serde(default, skip_serializing_if = "String::is_empty")]
            device: String,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            good: Option<String>,
            #[cfg_attr(feature = "ssr", serde(skip_serializing_if = "is_zero"))]
            count: i64,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            list: Vec<String>,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            flag: bool,
            map: BTreeMap<String, String>,
            pair: (i64, i64),
            #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
            unread: HashMap<String, String>,
        }
        #[cfg_attr(feature = "hydrate", derive(Deserialize))]
        struct Other {
            #[serde(flatten)]
            inner: Session,
        }
        struct Unread {
            #[serde(skip_serializing_if = "String::is_empty")]
            text: String,
        }
        #[cfg(feature = "ssr")]
        #[derive(Deserialize)]
        struct OfTheServer {
            #[serde(skip_serializing_if = "String::is_empty")]
            text: String,
        }
    "#;
    let parsed = syn::parse_file(source).unwrap();
    let mut wrong = Vec::new();
    assert_eq!(walk_items(&parsed.items, Path::new("."), Path::new("x"), &mut wrong), 2);
    let named: Vec<_> = wrong.iter().map(|problem| problem.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(named, ["Session.device", "Session.count", "Session.map", "Session.pair", "Other.inner"]);
}
