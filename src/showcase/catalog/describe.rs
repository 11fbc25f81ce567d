//! What a source says about its components and their types.

use syn::spanned::Spanned;
use syn::{Attribute, Expr, Fields, FnArg, Item, ItemFn, Lit, Meta, Pat, Visibility};

use super::text_of;
use crate::showcase::types::{Documented, Part};

/// A public component.
pub fn as_component(item: &Item) -> Option<&ItemFn> {
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

/// What a component takes.
pub fn describe_component(item: &ItemFn, items: &[Item]) -> Documented {
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

/// What a public type is made of; `None` if nothing of it is public.
pub fn describe_type(item: &Item) -> Option<Documented> {
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
                Lit::Str(line) => Some(line.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ")
}
