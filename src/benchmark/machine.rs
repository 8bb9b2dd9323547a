//! What the system says about the machine and this process; nothing where it does not say.

/// The CPU's name, where `/proc/cpuinfo` has one.
pub fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, name) = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(name.trim().to_owned())
}

/// The most main memory that this process held since [`forget_peak_memory`], in bytes, where `/proc` tells it.
pub fn peak_memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Lets the peak start again from what is held now. Where the system refuses, it counts from the start of the process.
pub fn forget_peak_memory() {
    // Linux's own switch (man 5 proc, clear_refs); elsewhere there is no such file.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_covers_what_was_held() {
        let held = vec![1u8; 64 << 20];
        std::hint::black_box(&held);
        assert!(super::peak_memory_bytes().unwrap() > 64 << 20);
    }
}
