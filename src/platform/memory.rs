//! How much memory the server takes.

use std::ffi::CStr;

use mimalloc::MiMalloc;
use serde::Deserialize;

/// In bytes; `None` where it cannot be told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Physical memory, with the loaded parts of the program itself.
    pub resident: Option<u64>,
    /// What the allocator has from the system: in use, or kept for later.
    pub committed: Option<u64>,
}

/// Switches transparent huge pages off for this process. The allocator asks for them, and then a few bytes that are still in use keep
/// 2 MiB: in an idle server that is more than half of the heap, and no request is faster for it. Nothing on systems without them.
pub fn leave_huge_pages() {
    #[cfg(target_os = "linux")]
    // Where that is not allowed, it only takes more memory.
    let _: Result<(), _> = rustix::thread::disable_transparent_huge_pages(true);
}

/// Reads how much is taken now.
#[must_use]
pub fn memory() -> Memory {
    Memory { resident: resident(), committed: committed() }
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The few of the allocator's figures that mean the same in each of its builds.
#[derive(Deserialize)]
struct Figures {
    committed: Amount,
}

#[derive(Deserialize)]
struct Amount {
    current: u64,
}

fn committed() -> Option<u64> {
    let figures = MiMalloc::stats_json().ok()?;
    let figures: &CStr = &figures;
    serde_json::from_slice::<Figures>(figures.to_bytes()).ok().map(|figures| figures.committed.current)
}
