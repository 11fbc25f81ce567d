//! Formulas as `MathML`, which browsers typeset by themselves. Only on the server: no page loads a line of code for it.
//!
//! Formulas come from models, so they are bounded: the converter calls itself for each brace, so it gets a stack of its own and
//! only formulas that fit; what it makes may be neither large nor deep. A formula that cannot be typeset is shown as it is
//! written.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::LazyLock;
use std::thread;
use std::time::Instant;

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};

use crate::chat::browser::markdown::Formula;

/// What may be inside one another at most, as far as one can tell without reading it: each of [`NESTING`].
const MAX_LEVELS: usize = 1_500;
/// With so few, any stack will do.
const FEW_LEVELS: usize = 8;
/// A level takes 42 KB without optimisation. The system gives it only as it is used.
const STACK_BYTES: usize = 64 * 1024 * 1024;
const NESTING: [char; 7] = ['\\', '{', '^', '_', '[', '(', '\''];
/// Most elements inside one another.
const MAX_DEPTH: usize = 64;
const MAX_HTML_BYTES: usize = 256 * 1024;

/// Environments by what they are without the numbers of a printed page.
const ENVIRONMENTS: &[(&str, &str)] = &[
    ("equation", ""),
    ("displaymath", ""),
    ("math", ""),
    ("align", "aligned"),
    ("flalign", "aligned"),
    ("eqnarray", "aligned"),
    ("split", "aligned"),
    ("gather", "gathered"),
    ("multline", "gathered"),
    ("smallmatrix", "matrix"),
];

/// Commands that models use and the converter does not know: without what `MathML` has no word for.
const MACROS: &[(&str, &str)] = &[
    ("boxed", "#1"),
    ("textcolor", "#2"),
    ("tag", r"\qquad(#1)"),
    ("label", r"\phantom{}"),
    ("pmb", r"\boldsymbol{#1}"),
    ("dotsc", r"\ldots"),
    ("dotsb", r"\cdots"),
];

static CONVERTER: LazyLock<Option<LatexToMathML>> = LazyLock::new(|| {
    let config = || MathCoreConfig { annotation: true, ..MathCoreConfig::default() };
    let macros = MACROS.iter().map(|(name, meaning)| ((*name).to_owned(), (*meaning).to_owned())).collect();
    LatexToMathML::new(MathCoreConfig { macros, ..config() }).or_else(|_| LatexToMathML::new(config())).ok()
});

/// The formula as `MathML`; nothing if that cannot be, or if it is later than `until`.
pub(super) fn typeset(formula: &Formula, until: Instant) -> Option<String> {
    let tex = formula.source.get(formula.inner.clone())?;
    let levels = tex.matches(NESTING).count();
    if tex.is_empty() || levels > MAX_LEVELS || Instant::now() > until {
        return None;
    }
    // A macro cannot stand for it: the converter takes no argument of one as text.
    let tex = without_numbers(tex).replace(r"\mbox{", r"\text{");
    let display = if formula.is_display { MathDisplay::Block } else { MathDisplay::Inline };
    let convert = || Some(CONVERTER.as_ref()?.convert_with_local_state(&tex, display).ok()?.mathml);
    let made = if levels <= FEW_LEVELS {
        convert()
    } else {
        thread::scope(|scope| {
            let made = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, convert);
            made.ok()?.join().ok().flatten()
        })
    };
    as_ours(&made?)
}

fn without_numbers(tex: &str) -> Cow<'_, str> {
    let mut tex = Cow::Borrowed(tex);
    for (name, meaning) in ENVIRONMENTS {
        for star in ["", "*"] {
            for part in ["begin", "end"] {
                let written = format!("\\{part}{{{name}{star}}}");
                if tex.contains(&written) {
                    let meant = if meaning.is_empty() { String::new() } else { format!("\\{part}{{{meaning}}}") };
                    tex = tex.replace(&written, &meant).into();
                }
            }
        }
    }
    tex
}

/// With classes for the inline styles that matter, which the CSP forbids; nothing if it is too large or too deep.
fn as_ours(mathml: &str) -> Option<String> {
    if mathml.len() > MAX_HTML_BYTES {
        return None;
    }
    let mut html = String::with_capacity(mathml.len());
    let mut depth = 0_usize;
    for (index, part) in mathml.split('<').enumerate() {
        if index == 0 {
            html.push_str(part);
            continue;
        }
        let (tag, text) = part.split_once('>')?;
        depth = if tag.starts_with('/') { depth.checked_sub(1)? } else { depth + usize::from(!tag.ends_with('/')) };
        if depth > MAX_DEPTH {
            return None;
        }
        let styled = tag.split_once(" style=\"").and_then(|(before, rest)| Some((before, rest.split_once('"')?)));
        // Writing to a text does not fail.
        _ = match styled {
            Some((before, (style, after))) => {
                let class = ["left", "right"].iter().find(|side| style.starts_with(&format!("text-align: {side}")));
                let class = class.map(|class| format!(" class=\"{class}\"")).unwrap_or_default();
                write!(html, "<{before}{class}{after}>{text}")
            }
            None => write!(html, "<{tag}>{text}"),
        };
    }
    Some(html)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn made(tex: &str) -> Option<String> {
        let formula = Formula { source: tex.to_owned(), inner: 0..tex.len(), is_display: true };
        typeset(&formula, Instant::now() + Duration::from_mins(1))
    }

    #[test]
    fn what_models_write_is_typeset() {
        assert!(LatexToMathML::new(MathCoreConfig::default()).is_ok());
        for tex in [
            "a*b*c",
            r"E = mc^2",
            r"\frac{-b \pm \sqrt{b^2-4ac}}{2a}",
            r"\sum_{i=1}^n i",
            r"\boxed{42}",
            r"\begin{align*} a &= b \\ c &= d \tag{1} \end{align*}",
            r"\begin{equation} x \label{eq:1} \end{equation}",
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            r"\begin{cases}1 & x>0\\0 & \text{otherwise}\end{cases}",
            r"\textcolor{red}{x} \mbox{if } y \dotsc \notag",
            r"\text{速度} = \mathbb{R}",
            r"\left( x \middle| y \right)",
            r"\lim_{x\to 0} \operatorname{rank}(A)^\top \quad \vec{v} \cdot \hat{x}",
            r"50\% \$5",
        ] {
            let html = made(tex);
            assert!(
                html.as_ref().is_some_and(|html| html.starts_with("<math") && !html.contains(" style=")),
                "{tex} {html:?}"
            );
        }
        let aligned = made(r"\begin{aligned}a&=b\end{aligned}").unwrap();
        assert!(aligned.contains("<mtd class=\"right\"><mi>a</mi></mtd><mtd class=\"left\">"), "{aligned}");
        assert!(aligned.contains("<annotation encoding=\"application/x-tex\">"), "{aligned}");
        assert!(!made(r"\begin{align}a&=b\end{align}").unwrap().contains("(1)"));
        assert_eq!(made(r"\ce{H2O}"), None);
    }

    #[test]
    fn no_formula_is_too_deep_or_too_long() {
        for count in [40, 300, 1_000, 100_000] {
            for (opening, closing) in [
                ("{", "}"),
                ("\\sqrt", ""),
                ("\\frac1", ""),
                ("\\left(", "\\right)"),
                ("^{", "}"),
                ("\\hat", ""),
                ("\\begin{matrix}", "\\end{matrix}"),
                ("\\mathbf", ""),
                ("\\not", ""),
                ("(", ")"),
                ("[", "]"),
                ("'", ""),
                ("\\text{", "}"),
                ("\\sqrt[", "]x"),
                ("\\boxed{", "}"),
                ("_", ""),
                ("&", ""),
                ("|", "|"),
                ("\\\\", ""),
            ] {
                let tex = format!("x{}x{}", opening.repeat(count), closing.repeat(count));
                let html = made(&tex).unwrap_or_default();
                assert!(html.len() <= MAX_HTML_BYTES, "{opening} {count}");
            }
        }
    }
}
