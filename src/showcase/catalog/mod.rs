//! Reads the sources: what each component takes, what its types are made of, and the code of its example.

mod code;
mod describe;

use std::sync::LazyLock;

use proc_macro2::Span;
use proc_macro2::extra::invalidate_current_thread_spans;
use syn::{Item, ItemFn};

use self::code::code_of;
use self::describe::{as_component, describe_component, describe_type};
use super::examples::GROUPS;
use super::types::{Catalog, EntryDocument};

macro_rules! sources {
    ($folder:literal: $($file:ident)+) => {
        &[$((stringify!($file), include_str!(concat!($folder, stringify!($file), ".rs")))),+]
    };
}

/// The primitives, by the name of their files.
const PRIMITIVES: &[(&str, &str)] = sources!("../../ui/":
    alert avatar badge breadcrumbs button card checkbox choice code_block combobox copy_button dialog drawer empty_state field
    icon icon_button kbd language_switch logo menu number pagination popover progress radio_group select skeleton slider switch
    table tabs text_area theme timestamp toast tooltip
);

const EXAMPLES: &[(&str, &str)] =
    sources!("../examples/": actions choices facts feedback lists marks navigation overlays texts);

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
        let documents = entries.map(|entry| (entry.function, document(entry.file, entry.function))).collect();
        // The parsed sources are kept for their spans, which nobody needs any more.
        drop((primitives, examples));
        invalidate_current_thread_spans();
        documents
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

/// What stands there in the source, on one line.
fn text_of(span: Span) -> String {
    span.source_text().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use leptos::prelude::{Owner, untrack};

    use super::*;
    use crate::showcase::knobs::Knobs;
    use crate::showcase::types::Snippet;

    /// The files that `ui/mod.rs` names.
    fn modules() -> BTreeSet<String> {
        let module = |item: Item| match item {
            Item::Mod(item) => Some(item.ident.to_string()),
            _ => None,
        };
        parse(include_str!("../../ui/mod.rs")).into_iter().filter_map(module).collect()
    }

    #[test]
    fn every_component_has_an_entry_and_every_prop_a_line() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui");
        let described: BTreeSet<_> = GROUPS.iter().flat_map(|group| group.entries).map(|entry| entry.file).collect();
        // Charts are drawn for admins alone, and have a folder of their own.
        for file in modules().into_iter().filter(|module| module != "charts") {
            let items = parse(&std::fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap());
            let components: Vec<_> =
                items.iter().filter_map(as_component).map(|item| describe_component(item, &items)).collect();
            for component in &components {
                assert!(described.contains(&*file), "{} has no entry in src/showcase/examples/mod.rs", component.name);
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
            assert!(!document.components.is_empty(), "{}: no component in {}.rs of PRIMITIVES", entry.name, entry.file);
            let Snippet::Fixed(first) = &document.code[0] else { panic!("{} begins with a knob", entry.name) };
            assert!(first.starts_with("use crate::ui::"), "{}: {first}", entry.name);
            let mut knobs = Knobs::default();
            Owner::new().with(|| untrack(|| (entry.example)(&mut knobs)));
            for knob in knobs.0 {
                let follows = |snippet: &&Snippet| match snippet {
                    Snippet::Value(name) | Snippet::While(name, _) => *name == knob.name,
                    Snippet::Fixed(_) => false,
                };
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
}
