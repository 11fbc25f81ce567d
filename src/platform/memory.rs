//! What the server takes of the machine's memory.

use std::ffi::CStr;

use mimalloc::MiMalloc;
use serde::Deserialize;

/// In bytes; `None` where it cannot be told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// What is in the machine's memory, with the parts of the program itself that were needed.
    pub resident: Option<u64>,
    /// What the allocator has of the system, used or kept for what comes.
    pub committed: Option<u64>,
}

/// Leaves huge pages to others: the allocator asks for them, and then a few bytes that live on keep 2 MiB. Idle that is more than
/// half of what the heap takes, and no request is faster for it. A system without them has nothing to leave.
pub fn leave_huge_pages() {
    #[cfg(target_os = "linux")]
    // Where that is not allowed, nothing but memory is lost.
    let _: Result<(), _> = rustix::thread::disable_transparent_huge_pages(true);
}

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
