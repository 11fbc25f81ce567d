//! QR codes as SVG. Colours are attributes, as the policy forbids styles: dark on light in every theme, as scanners want it.

use std::fmt::Write;

use leptos::prelude::*;
use qrcodegen::{QrCode, QrCodeEcc};

/// Modules around it that stay light (ISO 18004).
const QUIET: i32 = 4;

/// A QR code; nothing where a text is too long for one.
#[component]
pub fn Qr(
    /// What it says.
    text: String,
    /// What it is, for who does not see it.
    label: &'static str,
) -> impl IntoView {
    QrCode::encode_text(&text, QrCodeEcc::Medium).ok().map(|code| {
        let whole = code.size() + 2 * QUIET;
        view! {
            <svg
                class="mx-auto size-56 max-w-full rounded-md [shape-rendering:crispEdges]"
                viewBox=format!("-{QUIET} -{QUIET} {whole} {whole}")
                role="img"
                aria-label=label
            >
                <path d=format!("M-{QUIET} -{QUIET}h{whole}v{whole}h-{whole}z") fill="#fff" />
                <path d=dark_runs(&code) fill="#000" />
            </svg>
        }
    })
}

/// The dark modules, as a rectangle for each run in a row.
fn dark_runs(code: &QrCode) -> String {
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
            if run > 0 {
                // Writing to a string does not fail.
                _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
            }
            x += i32::try_from(run).unwrap_or_default() + 1;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dark_module_is_drawn_and_no_other() {
        let code = QrCode::encode_text("otpauth://totp/Tessera:ada?secret=GEZDGNBV", QrCodeEcc::Medium).unwrap();
        let size = usize::try_from(code.size()).unwrap();
        let mut drawn = vec![false; size * size];
        for run in dark_runs(&code).split_terminator('z') {
            let (x, rest) = run.strip_prefix('M').unwrap().split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (x, y, run): (usize, usize, usize) =
                (x.parse().unwrap(), y.parse().unwrap(), rest.split('v').next().unwrap().parse().unwrap());
            drawn[y * size + x..y * size + x + run].fill(true);
        }
        let wanted: Vec<bool> = (0..code.size())
            .flat_map(|y| (0..code.size()).map(move |x| (x, y)))
            .map(|(x, y)| code.get_module(x, y))
            .collect();
        assert_eq!(drawn, wanted);
    }
}
