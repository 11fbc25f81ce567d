//! Where the files of the front-end lie. Their names carry a hash, which cargo-leptos writes beside the executable.
//!
//! Leptos' own `HydrationScripts` reads that file for every page; this reads it once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use leptos::config::LeptosOptions;

use crate::platform::browser::navigation::PageView;

/// The addresses of the front-end's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets {
    pub css: String,
    pub js: String,
    pub wasm: String,
    /// Loads the chunks, where the app's own script does not (scripts/join-chunks.mjs).
    pub split: Option<String>,
    /// The files of code that each page needs, by its chunk, and those that are loaded later (scripts/join-chunks.mjs).
    chunks: BTreeMap<String, Vec<String>>,
}

impl Assets {
    /// The files of this build; `None` without a front-end build, as in tests: pages then come without scripts.
    pub fn of(options: &LeptosOptions) -> Option<&'static Self> {
        static ASSETS: OnceLock<Option<Assets>> = OnceLock::new();
        ASSETS.get_or_init(|| Self::load(options)).as_ref()
    }

    /// The files of `/components`, a bundle of its own (scripts/gallery.sh) with the style sheet of the app; `None` where
    /// it was not built.
    pub fn of_gallery(options: &LeptosOptions) -> Option<&'static Self> {
        static ASSETS: OnceLock<Option<Assets>> = OnceLock::new();
        ASSETS.get_or_init(|| Self::load_gallery(options)).as_ref()
    }

    fn load_gallery(options: &LeptosOptions) -> Option<Self> {
        let app = Self::of(options)?;
        let package = Path::new(&*options.site_root).join(&*options.site_pkg_dir);
        let hashes = std::fs::read_to_string(package.join("gallery.txt")).ok()?;
        let mut options = options.clone();
        options.output_name = "gallery".into();
        Some(Self { css: app.css.clone(), ..Self::named(&options, &hashes, |_| None)? })
    }

    fn load(options: &LeptosOptions) -> Option<Self> {
        let directory = std::env::current_exe().ok()?.parent()?.to_path_buf();
        let hashes = std::fs::read_to_string(directory.join(&*options.hash_file)).ok()?;
        let package = Path::new(&*options.site_root).join(&*options.site_pkg_dir);
        Self::named(options, &hashes, |manifest| std::fs::read_to_string(package.join(manifest)).ok())
    }

    /// The addresses that follow from the lines of the hash file (`js: …`, `wasm: …`, `css: …`, `manifest: …`,
    /// `split: …`) and from the manifest of chunks.
    fn named(
        options: &LeptosOptions,
        hashes: &str,
        read_manifest: impl FnOnce(&str) -> Option<String>,
    ) -> Option<Self> {
        let hash = |kind: &str| {
            hashes.lines().find_map(|line| {
                let (name, hash) = line.split_once(':')?;
                (name.trim() == kind).then(|| hash.trim())
            })
        };
        let base = format!("/{}", options.site_pkg_dir.trim_matches('/'));
        let name = &options.output_name;
        let file = |kind: &str| hash(kind).map(|hash| format!("{base}/{name}.{hash}.{kind}"));
        let chunks = hash("manifest")
            .and_then(|hash| read_manifest(&format!("__wasm_split_manifest.{hash}.json")))
            .and_then(|manifest| serde_json::from_str::<BTreeMap<String, Vec<String>>>(&manifest).ok())
            .unwrap_or_default()
            .into_iter()
            .map(|(function, chunks)| {
                (function, chunks.into_iter().map(|chunk| format!("{base}/{chunk}.wasm")).collect())
            })
            .collect();
        Some(Self {
            css: file("css")?,
            js: file("js")?,
            wasm: file("wasm")?,
            split: hash("split").map(|hash| format!("{base}/__wasm_split.{hash}.js")),
            chunks,
        })
    }

    /// The code of a page, so that it loads together with the rest instead of after it: one file in a release, and the
    /// chunks of the splitter in a debug build.
    pub fn chunks_of(&self, page: PageView) -> &[String] {
        self.chunks.get(page.chunk).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Assets {
    /// What the pages ask for and the folder of the site has not.
    pub fn missing(&self, options: &LeptosOptions) -> Vec<&str> {
        let root = Path::new(&*options.site_root);
        let named =
            [&self.css, &self.js, &self.wasm].into_iter().chain(&self.split).chain(self.chunks.values().flatten());
        named.map(String::as_str).filter(|path| !root.join(path.trim_start_matches('/')).is_file()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{CHAT, DASHBOARD, IMAGE, IMAGES};

    fn options() -> LeptosOptions {
        LeptosOptions::builder().output_name("tessera").site_root("target/site").build()
    }

    #[test]
    fn names_carry_their_hashes() {
        let hashes = "js: J\nwasm: W\ncss: C\nmanifest: M\nsplit: S\n";
        let assets = Assets::named(&options(), hashes, |manifest| {
            assert_eq!(manifest, "__wasm_split_manifest.M.json");
            let manifest =
                r#"{"chat_page":["chunk_0.X","split_1.Y"],"dashboard_page":[],"images_page":["a"],"image_page":["b"]}"#;
            Some(manifest.to_owned())
        })
        .unwrap();
        assert_eq!(assets.js, "/pkg/tessera.J.js");
        assert_eq!(assets.wasm, "/pkg/tessera.W.wasm");
        assert_eq!(assets.css, "/pkg/tessera.C.css");
        assert_eq!(assets.split.as_deref(), Some("/pkg/__wasm_split.S.js"));
        assert_eq!(assets.chunks_of(CHAT), ["/pkg/chunk_0.X.wasm", "/pkg/split_1.Y.wasm"]);
        assert!(assets.chunks_of(DASHBOARD).is_empty());
        assert_eq!(
            (assets.chunks_of(IMAGES), assets.chunks_of(IMAGE)),
            (&["/pkg/a.wasm".to_owned()][..], &["/pkg/b.wasm".to_owned()][..])
        );
    }

    #[test]
    fn a_build_that_is_not_split_has_no_chunks() {
        let assets = Assets::named(&options(), "js: J\nwasm: W\ncss: C\n", |_| None).unwrap();
        assert_eq!(assets.split, None);
        assert!(assets.chunks_of(CHAT).is_empty());
    }

    #[test]
    fn half_a_hash_file_counts_as_none() {
        assert_eq!(Assets::named(&options(), "js: J\n", |_| None), None);
    }
}
