//! GGUF files: metadata, a directory of tensors, and their bytes, from one file or from all parts of a split one; and what the
//! architectures that are supported keep in them.
//!
//! Layout as ggml's `docs/gguf.md` defines it for versions 2 and 3. Nothing is mapped and nothing is believed: every length is
//! held against the file before anything is made of it.

mod architectures;
mod config;
mod file;
mod header;
mod keys;
mod metadata;
mod names;
mod part;
mod rope;
mod split;
mod store;
mod tensors;
mod types;
mod value;

pub(super) use config::read as read_config;
pub use file::GgufFile;
pub use metadata::Metadata;
pub use tensors::TensorInfo;
pub use types::GgmlType;
pub use value::{Array, FromValue, Value, ValueType};
