//! Reads the sources: what each component takes, what its types are made of, and the code of its example.

use std::sync::LazyLock;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Attribute, Block, Expr, Fields, FnArg, Item, ItemFn, Meta, Pat, Visibility};

use super::examples::GROUPS;
use super::types::{Catalog, Documented, EntryDocument, Part, Snippet};

macro_rules! sources {
    ($folder:literal: $($file:ident)+) => {
        &[$((stringify!($file), include_str!(concat!($folder, stringify!($file), ".rs")))),+]
    };
}

/// The primitives, by the name of their files.
const PRIMITIVES: &[(&str, &str)] = sources!("../ui/":
    alert avatar badge breadcrumbs button card checkbox choice code_block combobox copy_button dialog drawer empty_state field
    icon icon_button kbd language_switch logo menu number pagination popover progress radio_group select skeleton slider switch
    table tabs text_area theme timestamp toast tooltip
);

const EXAMPLES: &[(&str, &str)] =
    sources!("examples/": actions choices facts feedback lists marks navigation overlays texts);

/// What is described, read once.
#[must_use]
pub fn read_catalog() -> Catalog {
    static CATALOG: LazyLock<Vec<(&str, EntryDocument)>> = LazyLock::new(|| {
        let primitives: Vec<_> = PRIMITIVES.iter().map(|(file, source)| (*file, parse(source))).collect();
        let examples: Vec<_> = EXAMPLES.iter().map(|(_, source)| (*source, parse(source))).collect();
        let document = |file: &str, function: &str| {
            let items =
                primitives.iter().find(|(other, _)| *other == file).map(|(_, items)| &**items).unwrap_or_default();
            let code =
                examples.iter().find_map(|(source, items)| Some(code_of(source, find_example(items, function)?)));
            EntryDocument {
                components: items.iter().filter_map(as_component).map(|item| describe_component(item, items)).collect(),
                types: items.iter().filter_map(describe_type).collect(),
                code: code.unwrap_or_default(),
            }
        };
        let entries = GROUPS.iter().flat_map(|group| group.entries);
        entries.map(|entry| (entry.function, document(entry.file, entry.function))).collect()
    });
    Catalog(&CATALOG)
}

/// The items of a file. It compiles, or this would not: there is nothing to report.
fn parse(source: &str) -> Vec<Item> {
    syn::parse_file(source).map(|file| file.items).unwrap_or_default()
}

fn find_example<'a>(items: &'a [Item], name: &str) -> Option<&'a ItemFn> {
    items.iter().find_map(|item| match item {
        Item::Fn(item) if item.sig.ident == name => Some(item),
        _ => None,
    })
}

fn as_component(item: &Item) -> Option<&ItemFn> {
    match item {
        Item::Fn(item) if is_public(&item.vis) && item.attrs.iter().any(|attr| attr.path().is_ident("component")) => {
            Some(item)
        }
        _ => None,
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn describe_component(item: &ItemFn, items: &[Item]) -> Documented {
    let parts = item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) => {
            let Pat::Ident(name) = &*input.pat else { return None };
            let kind = text_of(input.ty.span());
            let options = prop_options(&input.attrs);
            let default = options.iter().find_map(|option| Some(option.strip_prefix("default = ")?.to_owned()));
            let is_optional = options.iter().any(|option| option.starts_with("optional"));
            let default = default.or_else(|| is_optional.then(|| default_of(&kind, items)));
            let is_converted = options.iter().any(|option| option == "into");
            let kind = match &*kind {
                "TypedChildren<C>" => "children".to_owned(),
                _ if is_converted => format!("Into<{kind}>"),
                _ => kind,
            };
            Some(Part { name: name.ident.to_string(), kind, default, about: doc_of(&input.attrs) })
        }
        FnArg::Receiver(_) => None,
    });
    Documented { name: item.sig.ident.to_string(), about: doc_of(&item.attrs), parts: parts.collect() }
}

/// What is inside `#[prop(…)]`, one by one.
fn prop_options(attributes: &[Attribute]) -> Vec<String> {
    let lists = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("prop") => Some(text_of(list.tokens.span())),
        _ => None,
    });
    let mut options = Vec::new();
    for list in lists {
        // A default may have commas of its own, and comes last or alone.
        let (before, default) = list.split_at(list.find("default").unwrap_or(list.len()));
        options.extend(before.split(',').map(str::trim).filter(|option| !option.is_empty()).map(str::to_owned));
        let (default, after) = match default.strip_suffix(", into") {
            Some(default) => (default, "into"),
            None => (default, ""),
        };
        options.extend([default, after].into_iter().filter(|option| !option.is_empty()).map(str::to_owned));
    }
    options
}

/// What an optional prop of a type is when it is left out.
fn default_of(kind: &str, items: &[Item]) -> String {
    let variant = items.iter().find_map(|item| match item {
        Item::Enum(item) if item.ident == kind => item
            .variants
            .iter()
            .find(|variant| variant.attrs.iter().any(|attr| attr.path().is_ident("default")))
            .map(|variant| variant.ident.to_string()),
        _ => None,
    });
    variant.unwrap_or_else(|| {
        match kind {
            "bool" | "Signal<bool>" => "false",
            "String" | "&'static str" => "\"\"",
            "i32" | "u32" | "usize" => "0",
            _ if kind.starts_with("Option<") => "None",
            _ if kind.starts_with("NodeRef<") => "none",
            _ => "Default",
        }
        .to_owned()
    })
}

fn describe_type(item: &Item) -> Option<Documented> {
    let part = |name: String, kind: String, attributes: &[Attribute]| Part {
        name,
        kind,
        default: None,
        about: doc_of(attributes),
    };
    match item {
        Item::Enum(item) if is_public(&item.vis) => {
            let parts =
                item.variants.iter().map(|variant| part(variant.ident.to_string(), String::new(), &variant.attrs));
            Some(Documented { name: item.ident.to_string(), about: doc_of(&item.attrs), parts: parts.collect() })
        }
        Item::Struct(item) if is_public(&item.vis) => {
            let Fields::Named(fields) = &item.fields else { return None };
            let public = fields.named.iter().filter(|field| is_public(&field.vis));
            let parts = public.filter_map(|field| {
                Some(part(field.ident.as_ref()?.to_string(), text_of(field.ty.span()), &field.attrs))
            });
            let parts: Vec<_> = parts.collect();
            (!parts.is_empty()).then(|| Documented { name: item.ident.to_string(), about: doc_of(&item.attrs), parts })
        }
        _ => None,
    }
}

/// The lines of a doc comment as one.
fn doc_of(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(line) => match &line.lit {
                syn::Lit::Str(line) => Some(line.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ")
}

/// What stands there in the source, on one line.
fn text_of(span: Span) -> String {
    span.source_text().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The body of the closure that `Demo::new` is given, with what it uses, and places for the values of its knobs.
fn code_of(source: &str, example: &ItemFn) -> Vec<Snippet> {
    let Some(body) = closure_of(&example.block) else { return Vec::new() };
    let range = body.brace_token.span.open().byte_range().end..body.brace_token.span.close().byte_range().start;
    let body = without_panes(&outdent(source.get(range).unwrap_or_default()));
    let knobs = knobs_of(&example.block);
    // The values of knobs are named before the closure.
    let code = format!("{}\n\n{body}", imports_of(&text_of(example.block.span())));
    split_at_knobs(&code, &knobs)
}

fn closure_of(block: &Block) -> Option<&Block> {
    let Some(syn::Stmt::Expr(Expr::Call(call), None)) = block.stmts.last() else { return None };
    match call.args.first() {
        Some(Expr::Closure(closure)) => match &*closure.body {
            Expr::Block(body) => Some(&body.block),
            _ => None,
        },
        _ => None,
    }
}

/// The variables that hold knobs, and whether each is a flag.
fn knobs_of(block: &Block) -> Vec<(String, bool)> {
    let knobs = block.stmts.iter().filter_map(|statement| {
        let syn::Stmt::Local(local) = statement else { return None };
        let (Pat::Ident(name), Expr::MethodCall(call)) = (&local.pat, &*local.init.as_ref()?.expr) else { return None };
        Some((name.ident.to_string(), call.method == "flag"))
    });
    knobs.collect()
}

/// Without the indentation that all lines share.
fn outdent(code: &str) -> String {
    let lines: Vec<_> = code.trim_matches('\n').trim_end().lines().collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let shared = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| depth(line)).min().unwrap_or(0);
    lines.iter().map(|line| line.get(shared..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// `id!(pane, "menu")` becomes `"menu"`: only the gallery has everything twice.
fn without_panes(code: &str) -> String {
    let mut code = code.to_owned();
    for call in ["id!(pane, ", "name!(pane, "] {
        while let Some((before, after)) = code.split_once(call) {
            let Some((literal, rest)) = after.split_once(')') else { break };
            code = format!("{before}{literal}{rest}");
        }
    }
    code
}

/// One line that brings in what the code uses of `ui/`.
fn imports_of(code: &str) -> String {
    let exported = include_str!("../ui/mod.rs").lines().filter_map(|line| line.strip_prefix("pub use "));
    let names = exported
        .filter_map(|line| Some(line.split_once("::")?.1))
        .flat_map(|names| names.split(|letter: char| !letter.is_alphanumeric() && letter != '_'));
    let words: Vec<_> = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    let used: Vec<_> = names.filter(|name| !name.is_empty() && words.contains(name)).collect();
    match &*used {
        [one] => format!("use crate::ui::{one};"),
        several => format!("use crate::ui::{{{}}};", several.join(", ")),
    }
}

/// Cuts the code where the values of knobs stand: `name.get()`, or an attribute that is there while a flag is on.
fn split_at_knobs(code: &str, knobs: &[(String, bool)]) -> Vec<Snippet> {
    let found = knobs.iter().filter_map(|(name, is_flag)| {
        // Once per knob, as the catalog lives as long as the program.
        let leaked: &'static str = name.clone().leak();
        if *is_flag {
            let (start, end, shown) = find_attribute(code, name)?;
            return Some((start, end, Snippet::While(leaked, shown)));
        }
        let value = format!("{name}.get()");
        let start = code.find(&value)?;
        Some((start, start + value.len(), Snippet::Value(leaked)))
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|(start, ..)| *start);
    let mut snippets = Vec::new();
    let mut done = 0;
    for (start, end, snippet) in found {
        snippets.extend([Snippet::Fixed(code[done..start].to_owned()), snippet]);
        done = end;
    }
    snippets.push(Snippet::Fixed(code[done..].to_owned()));
    snippets
}

/// Where the attribute with the value of a flag stands, with the space before it, and what it is while the flag is on.
fn find_attribute(code: &str, flag: &str) -> Option<(usize, usize, String)> {
    let (value, on) = [(format!("={flag}.get()"), "true"), (format!("={flag}.some("), "Some(")]
        .into_iter()
        .find_map(|(text, on)| Some((code.find(&text).map(|at| (at, at + text.len()))?, on)))?;
    let name = code[..value.0].rfind(char::is_whitespace)?;
    let start = code[..name].trim_end().len();
    // Up to the parenthesis that closes it.
    let mut depth = u32::from(on == "Some(");
    let length = code[value.1..].char_indices().find_map(|(at, letter)| {
        match letter {
            _ if depth == 0 => return Some(at),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        None
    });
    let end = value.1 + length?;
    Some((start, end, format!("{}={on}{}", &code[start..value.0], &code[value.1..end])))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use leptos::prelude::{Owner, untrack};

    use super::*;
    use crate::gallery::knobs::Knobs;

    /// The files that `ui/mod.rs` names.
    fn modules() -> BTreeSet<String> {
        let module = |item: Item| match item {
            Item::Mod(item) => Some(item.ident.to_string()),
            _ => None,
        };
        parse(include_str!("../ui/mod.rs")).into_iter().filter_map(module).collect()
    }

    #[test]
    fn every_component_has_an_entry_and_every_prop_a_line() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui");
        let described: BTreeSet<_> = GROUPS.iter().flat_map(|group| group.entries).map(|entry| entry.file).collect();
        for file in modules() {
            let items = parse(&std::fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap());
            let components: Vec<_> =
                items.iter().filter_map(as_component).map(|item| describe_component(item, &items)).collect();
            for component in &components {
                assert!(described.contains(&*file), "{} has no entry in src/gallery/examples/mod.rs", component.name);
                assert!(PRIMITIVES.iter().any(|(other, _)| *other == file), "{file} is missing in PRIMITIVES");
                assert!(!component.about.is_empty(), "{} says nothing of itself", component.name);
                for part in &component.parts {
                    assert!(!part.about.is_empty(), "{}: {} has no doc line", component.name, part.name);
                    assert!(!part.kind.is_empty(), "{}: {} has no type", component.name, part.name);
                }
            }
        }
    }

    #[test]
    fn every_entry_has_its_component_and_its_code_follows_every_knob() {
        let catalog = read_catalog();
        let entries = || GROUPS.iter().flat_map(|group| group.entries);
        let names: BTreeSet<_> = entries().map(|entry| entry.function).collect();
        assert_eq!(names.len(), entries().count(), "two entries have the same function");
        for entry in entries() {
            let document = catalog.find(entry.function).unwrap();
            assert!(!document.components.is_empty(), "{}", entry.name);
            let Snippet::Fixed(first) = &document.code[0] else { panic!("{} begins with a knob", entry.name) };
            assert!(first.starts_with("use crate::ui::"), "{}: {first}", entry.name);
            let mut knobs = Knobs::default();
            Owner::new().with(|| untrack(|| (entry.example)(&mut knobs)));
            for knob in knobs.0 {
                let follows = |snippet: &&Snippet| matches!(snippet, Snippet::Value(name) | Snippet::While(name, _) if *name == knob.name);
                assert_eq!(document.code.iter().filter(follows).count(), 1, "{}: {}", entry.name, knob.name);
            }
        }
    }

    #[test]
    fn props_say_their_types_and_defaults() {
        let button = &read_catalog().find("button").unwrap().components[0];
        assert_eq!(button.name, "Button");
        let prop = |name: &str| button.parts.iter().find(|part| part.name == name).unwrap();
        assert_eq!((&*prop("label").kind, prop("label").default.as_deref()), ("Into<String>", None));
        assert_eq!(prop("variant").default.as_deref(), Some("Secondary"));
        assert_eq!(prop("kind").default.as_deref(), Some("\"button\""));
        assert_eq!(prop("href").default.as_deref(), Some("None"));
    }

    #[test]
    fn an_attribute_of_a_flag_comes_and_goes_with_its_space() {
        let code = "<A b=c\n    d=e.some(f(1)) />";
        assert_eq!(find_attribute(code, "e"), Some((6, 25, "\n    d=Some(f(1))".to_owned())));
        assert_eq!(find_attribute("<A d=e.get() />", "e"), Some((2, 12, " d=true".to_owned())));
    }
}
