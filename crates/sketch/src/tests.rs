//! What any picture must keep: it repeats, it differs, it follows the words, and nothing makes it panic.

use super::colour::Lab;
use super::noise::{Dice, hash};
use super::paint;
use super::scene::{Colour, Place, Scene, Subject, Time, Weather};

const SMALL: (u32, u32) = (160, 96);

fn small(prompt: &str, seed: u32) -> Vec<u8> {
    paint(prompt, SMALL.0, SMALL.1, seed)
}

/// The mean of red, green and blue.
fn mean(bytes: &[u8]) -> [f32; 3] {
    let mut sums = [0.0; 3];
    for pixel in bytes.chunks_exact(3) {
        for (sum, part) in sums.iter_mut().zip(pixel) {
            *sum += f32::from(*part);
        }
    }
    sums.map(|sum| sum * 3.0 / bytes.len() as f32)
}

fn luminance(bytes: &[u8]) -> f32 {
    let [red, green, blue] = mean(bytes);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[test]
fn the_same_order_gives_the_same_bytes() {
    for prompt in ["", "a lake at dawn", "城市 夜 雨", "quarterly figures"] {
        assert_eq!(small(prompt, 5), small(prompt, 5), "{prompt}");
    }
}

#[test]
fn pictures_are_the_same_on_every_machine() {
    let sums: Vec<String> =
        ["a calm mountain lake at dawn", "neon city at night", "storm over the sea", "space", "日落 森林 鹿"]
            .map(|prompt| format!("{:016x}", hash(small(prompt, 1))))
            .to_vec();
    let known: Vec<&str> = include_str!("known_sums.txt").lines().collect();
    assert_eq!(sums, known, "pictures changed: look at them, then write these sums to known_sums.txt");
}

#[test]
fn another_seed_or_another_unknown_word_gives_another_picture() {
    assert_ne!(small("a forest", 1), small("a forest", 2));
    assert_ne!(small("a forest for Ada", 1), small("a forest for Bob", 1));
    assert_ne!(small("xyzzy", 1), small("plugh", 1));
}

#[test]
fn a_picture_has_three_bytes_per_pixel_of_the_size_asked_for_within_bounds() {
    assert_eq!(paint("sea", 64, 65, 0).len(), 64 * 65 * 3);
    assert_eq!(paint("sea", 0, 64, 0).len(), 64 * 64 * 3);
    assert_eq!(paint("sea", 64, u32::MAX, 0).len(), 64 * 2048 * 3);
}

#[test]
fn night_is_darker_than_noon() {
    for place in ["mountains", "sea", "forest", "city", "desert", "meadow", "beach", "lake", "village"] {
        for seed in 0..3 {
            let night = luminance(&small(&format!("{place} at night"), seed));
            let noon = luminance(&small(&format!("{place} at noon"), seed));
            assert!(night * 1.6 < noon, "{place}: {night} {noon}");
        }
    }
}

#[test]
fn a_colour_moves_the_whole_picture_towards_its_hue() {
    let hue = |colour: &str, seed| {
        let light = mean(&small(&format!("{colour} mountains at noon"), seed)).map(|part| part / 255.0);
        Lab::of(light.map(|part| part * part))
    };
    for seed in 0..4 {
        assert!(hue("red", seed).a > hue("teal", seed).a + 0.03);
        assert!(hue("gold", seed).b > hue("purple", seed).b + 0.03);
        assert!(hue("monochrome", seed).chroma() < 0.02);
    }
}

#[test]
fn words_become_a_scene() {
    let scene = Scene::new("A RED Lighthouse, in a Storm at midnight", 0);
    assert_eq!((scene.places[0], scene.time), (Place::Sea, Time::Night));
    assert!(scene.has(Subject::Lighthouse) && scene.is_weather(Weather::Storm) && scene.is_weather(Weather::Rain));
    // The lighthouse is red, not the night.
    assert_eq!((scene.accent, scene.colours.len()), (Some(Colour::Red), 0));

    let scene = Scene::new("海上日落，帆船", 0);
    assert_eq!((scene.places[0], scene.time), (Place::Sea, Time::Dusk));
    assert!(scene.has(Subject::Boat));

    assert!(Scene::new("green hills under a blue sky", 0).colours.is_empty());
    assert_eq!(Scene::new("snowy mountains under the northern lights", 0).places, [Place::Mountains]);
}

#[test]
fn every_known_kind_of_picture_can_be_painted_at_odd_sizes() {
    let places = [
        "mountains",
        "sea",
        "beach",
        "forest",
        "city",
        "desert",
        "meadow",
        "lake",
        "river",
        "island",
        "space",
        "garden",
        "village",
        "castle",
        "road",
        "waterfall",
    ];
    let others = [
        "storm deer cat fox at night",
        "snow house windmill bridge",
        "rain lighthouse boat birds dawn",
        "fog palms trees red",
        "rainbow balloon flowers spring",
        "aurora stars moon fireflies",
        "autumn dramatic tower pines dusk",
        "winter neon dreamy",
    ];
    for (number, place) in (0..).zip(places) {
        for (other, words) in (0..).zip(others) {
            let (width, height) = (64 + (number * 37 + other * 53) % 211, 64 + (number * 71 + other * 29) % 173);
            let bytes = paint(&format!("{place} {words}"), width, height, number + other);
            assert_eq!(bytes.len(), (width * height * 3) as usize);
        }
    }
}

#[test]
fn no_prompt_and_no_size_makes_it_panic() {
    let mut dice = Dice::new(11);
    let pieces = [
        "",
        " ",
        "山",
        "雨夜",
        "🦊",
        "e\u{301}",
        "\0",
        "ﬁ",
        "İ",
        "mountains",
        "s",
        "es",
        "ies",
        "no",
        "\u{202e}",
        "𝕬",
        "ß",
    ];
    for round in 0..60 {
        let prompt: String = (0..dice.below(12)).map(|_| pieces[dice.below(pieces.len())]).collect();
        let (width, height) = (64 + dice.below(160) as u32, 64 + dice.below(160) as u32);
        assert_eq!(paint(&prompt, width, height, round).len(), (width * height * 3) as usize);
    }
    small(&"森林 mountains at night, no clouds; ".repeat(400), 1);
    small(&"山".repeat(10_000), 1);
    small(&"s".repeat(10_000), u32::MAX);
    for (prompt, width, height) in [("waterfall", 64, 2048), ("city", 2048, 64), ("castle", 2048, 2048)] {
        assert_eq!(paint(prompt, width, height, 3).len(), (width * height * 3) as usize);
    }
}
