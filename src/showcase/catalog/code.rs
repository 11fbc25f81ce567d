//! The code of an example, as the gallery offers it to be copied.

use syn::spanned::Spanned;
use syn::{Block, Expr, ItemFn, Pat, Stmt};

use super::text_of;
use crate::showcase::types::Snippet;

/// The body of the closure that `Demo::new` is given, with what it uses, and places for the values of its knobs.
pub fn code_of(source: &str, example: &ItemFn) -> Vec<Snippet> {
    let Some(body) = closure_of(&example.block) else { return Vec::new() };
    let range = body.brace_token.span.open().byte_range().end..body.brace_token.span.close().byte_range().start;
    let body = without_panes(&outdent(source.get(range).unwrap_or_default()));
    let knobs = knobs_of(&example.block);
    // The values of knobs are named before the closure.
    let code = format!("{}\n\n{body}", imports_of(&text_of(example.block.span())));
    split_at_knobs(&code, &knobs)
}

fn closure_of(block: &Block) -> Option<&Block> {
    let Some(Stmt::Expr(Expr::Call(call), None)) = block.stmts.last() else { return None };
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
        let Stmt::Local(local) = statement else { return None };
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
    let exported = include_str!("../../ui/mod.rs").lines().filter_map(|line| line.strip_prefix("pub use "));
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
    use super::*;

    #[test]
    fn an_attribute_of_a_flag_comes_and_goes_with_its_space() {
        let code = "<A b=c\n    d=e.some(f(1)) />";
        assert_eq!(find_attribute(code, "e"), Some((6, 25, "\n    d=Some(f(1))".to_owned())));
        assert_eq!(find_attribute("<A d=e.get() />", "e"), Some((2, 12, " d=true".to_owned())));
    }
}
