//! The files that must agree with each other.

use leptos::config::LeptosOptions;

#[test]
fn leptos_toml_and_cargo_toml_agree() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let cargo: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let metadata = cargo["workspace"]["metadata"]["leptos"][0].clone();
    let deployed: toml::Table = toml::from_str(&read("Leptos.toml")).unwrap();
    for (name, value) in &deployed {
        assert_eq!(metadata.get(name), Some(value), "{name}");
    }
    let options: LeptosOptions = toml::from_str(&read("Leptos.toml")).unwrap();
    assert_eq!(
        (options.output_name.as_ref(), options.site_root.as_ref(), options.hash_files),
        ("tessera", "target/site", true)
    );
}
