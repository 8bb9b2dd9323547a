//! GGUF files: metadata, a directory of tensors, and their bytes, from one file or from all parts of a split one. Knows the
//! container, not what any architecture keeps in it.
//!
//! Layout as ggml's `docs/gguf.md` defines it for versions 2 and 3. Nothing is mapped and nothing is believed: every length is
//! held against the file before anything is made of it.

mod file;
mod header;
mod metadata;
mod part;
mod split;
mod tensors;
mod types;
mod value;

pub use file::GgufFile;
pub use metadata::Metadata;
pub use tensors::TensorInfo;
pub use types::GgmlType;
pub use value::{Array, FromValue, Value, ValueType};
