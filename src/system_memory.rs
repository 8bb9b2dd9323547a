//! How much main memory the machine has left and this process holds, where that can be asked. Knows nothing of who holds it.

/// Bytes that can be taken without swapping; `None` where the system does not say (elsewhere than on Linux).
pub fn available_bytes() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemAvailable:")
}

/// Bytes of this process in main memory now.
pub fn resident_bytes() -> Option<u64> {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// The most that this process held since [`forget_peak`], or since it began.
pub fn peak_bytes() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM:")
}

/// Lets the peak start again from what is held now. Where the system refuses, it counts from the start of the process.
pub fn forget_peak() {
    // Linux's own switch (man 5 proc, clear_refs); elsewhere there is no such file.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A line of a file in proc, in bytes.
fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_covers_what_was_held() {
        let held = vec![1u8; 64 << 20];
        std::hint::black_box(&held);
        assert!(super::resident_bytes().unwrap() > 64 << 20);
        drop(held);
        assert!(super::peak_bytes().unwrap() > 64 << 20);
    }
}
