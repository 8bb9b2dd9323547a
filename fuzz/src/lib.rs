//! Where fuzz targets put the files that they have read. Knows no format.

use std::path::PathBuf;

/// A folder of this process's own that holds `bytes` under `name`.
pub fn folder_with(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("respondent-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
    std::fs::write(folder.join(name), bytes).expect("the temporary folder can be written");
    folder
}
