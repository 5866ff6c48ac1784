//! Keeps the C allocator from giving memory back to the system between frames.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "the allocator's settings have no safe interface")
)]

/// Blocks from here on are mapped by themselves and go back to the system when freed: bulk data, not a frame's scratch.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAP_FROM_BYTES: i32 = 4 << 20;

/// How much free memory the top of a heap may hold.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEEP_BYTES: i32 = 16 << 20;

/// Has memory that a frame frees kept for the next one, once a process. A software adapter allocates megabytes of scratch
/// for every frame; with glibc's defaults they are returned and faulted in again each time, which measured a quarter of
/// the frame time (13.4 ms against 10.2 at 1280 x 720).
pub fn keep_memory_between_frames() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // SAFETY: mallopt takes its lock itself; a value that it does not like changes nothing.
        ONCE.call_once(|| unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MAP_FROM_BYTES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, KEEP_BYTES);
        });
    }
}
