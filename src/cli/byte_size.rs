//! A number of bytes as people write it.

use std::str::FromStr;

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    /// `8GiB`, `8G`, `1.5 GB`, `500MB`, `1048576`. Without an `i` and with a `B` a unit is a power of ten; `G` alone is `GiB`, as job schedulers
    /// have it.
    fn from_str(text: &str) -> Result<Self, String> {
        let trouble = || format!("`{text}` is no size in bytes: write e.g. 8GiB, 500MB or 1048576");
        let trimmed = text.trim();
        let unit_at = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(unit_at);
        let unit = unit.trim().to_lowercase();
        let scale = match unit.as_str() {
            "" | "b" => 1.0,
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            "tb" => 1e12,
            "k" | "kib" => 1024.0,
            "m" | "mib" => 1024.0 * 1024.0,
            "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
            "t" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
            _ => return Err(trouble()),
        };
        let bytes = number.parse::<f64>().map_err(|_| trouble())? * scale;
        match (1.0..1e18).contains(&bytes) {
            true => Ok(ByteSize(bytes as u64)),
            false => Err(trouble()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        let bytes = |text: &str| text.parse::<ByteSize>().map(|size| size.0).ok();
        assert_eq!(bytes("8GiB"), Some(8 << 30));
        assert_eq!(bytes("8g"), Some(8 << 30));
        assert_eq!(bytes("1.5 GB"), Some(1_500_000_000));
        assert_eq!(bytes("1048576"), Some(1 << 20));
        for wrong in ["", "GiB", "8 gallons", "-1G", "1e30", "0", "1..2M", "nan"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
