#!/usr/bin/env bash
# mimalloc's statistics as JSON: large blocks that were freed count as current, and "rss_current" is not what is resident.
#
# Guess:  `malloc_huge.current` falls when a block is freed, and `rss_current` is what the system calls resident.
# Is so:  In a release build `malloc_huge.current` only grows: three blocks of 20 MB one after the other are 60 MB that never go, as is
#         their peak, though one was alive at a time. `rss_current` is, on Linux, the same number as `commit_current`, without the
#         program's own pages, and `page_faults` are only those that read from a disk.
# Ours:   /metrics tells `committed.current` of it, and takes what is resident from /proc.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "try-it"
version = "0.0.0"
edition = "2021"

[dependencies]
libmimalloc-sys = { version = "=0.1.49", features = ["extended"] }
mimalloc = { version = "=0.1.52", default-features = false, features = ["extended"] }
serde_json = "=1.0.154"

[profile.dev]
debug = false
TOML
cat >"$work/src/main.rs" <<'RUST'
use mimalloc::MiMalloc;
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
const SIZE: usize = 20_000_000;

fn figures() -> Value {
    serde_json::from_slice(MiMalloc::stats_json().unwrap().to_bytes()).unwrap()
}

fn main() {
    for _ in 0..3 {
        drop(std::hint::black_box(vec![1u8; SIZE]));
    }
    let told = figures();
    let bytes = |of: &Value| of.as_u64().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")).unwrap();
    let resident = resident.parse::<u64>().unwrap() * 1024;
    let (current, peak) = (bytes(&told["malloc_huge"]["current"]), bytes(&told["malloc_huge"]["peak"]));
    let (rss, commit) = (bytes(&told["process"]["rss_current"]), bytes(&told["process"]["commit_current"]));
    println!("mimalloc {} (crate 0.1.52); three times {SIZE} bytes, each freed before the next", told["mimalloc_version"]);
    println!("malloc_huge: current {current}, peak {peak}; committed {}", told["committed"]["current"]);
    println!("rss_current {rss}, commit_current {commit}, VmRSS {resident}");
    if current < 3 * SIZE as u64 || peak != current || rss != commit || resident == rss {
        eprintln!("this is not what was seen before");
        std::process::exit(1);
    }
}
RUST
cd "$work"
cargo run --quiet --release --target-dir "$work/target"
