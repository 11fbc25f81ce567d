//! Who it is, without a picture: initials on a mosaic that is always the same for the same name.

use leptos::prelude::*;

/// Initials on tiles. It stands beside the name, so screen readers skip it.
#[component]
pub fn Avatar(
    /// The name.
    #[prop(into)]
    name: String,
    /// Utilities for its size and the size of its letters.
    #[prop(default = "size-8 text-xs")]
    class: &'static str,
) -> impl IntoView {
    let seed = hash(&name);
    // The text has 4.5:1 on each of them, with tiles in the same colour at a tenth of its strength.
    let tint = match seed % 4 {
        0 => "bg-accent-soft text-accent",
        1 => "bg-success-soft text-success",
        2 => "bg-warning-soft text-warning",
        _ => "bg-danger-soft text-danger",
    };
    view! {
        <span
            class=format!(
                "relative inline-flex shrink-0 items-center justify-center overflow-hidden rounded-md font-semibold {tint} {class}",
            )
            aria-hidden="true"
        >
            <svg class="absolute inset-0 size-full fill-current/10" viewBox="0 0 3 3">
                <path d=tiles(seed) />
            </svg>
            <span class="relative">{initials(&name)}</span>
        </span>
    }
}

/// FNV-1a: short, and spread well enough for tints.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Some of nine tiles, as SVG path data.
fn tiles(seed: u32) -> String {
    let tiles = (0..9).filter(|tile| seed >> (8 + tile) & 1 == 1);
    tiles.map(|tile| format!("M{} {}h1v1h-1z", tile % 3, tile / 3)).collect::<Vec<_>>().concat()
}

/// The first letters of the first and the last word; one character where the script has no words.
fn initials(name: &str) -> String {
    let mut words = name.split(|letter: char| !letter.is_alphanumeric()).filter_map(|word| word.chars().next());
    let first = words.next();
    let last = words.next_back().filter(char::is_ascii_alphanumeric);
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{hash, initials, tiles};

    #[test]
    fn initials_are_those_of_the_first_and_the_last_word() {
        for (name, expected) in [
            ("Ada Lovelace", "AL"),
            ("grace b. hopper", "GH"),
            ("ada", "A"),
            ("王小明", "王"),
            ("émile zola", "ÉZ"),
            ("", ""),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }

    #[test]
    fn a_name_always_has_the_same_tiles() {
        assert_eq!(tiles(hash("Ada")), tiles(hash("Ada")));
        assert_ne!(tiles(hash("Ada")), tiles(hash("Grace")));
    }
}
