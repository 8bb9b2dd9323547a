//! The prefix trie over all prompts, and its cutting into batches. Integers only: no text, no tensors.
//!
//! A study is a tree: thousands of prompts share the system text, the persona, the situation. Every shared token is
//! one row of the trie and is computed once; [`Batches`] walks it depth first, so that what a batch still needs from
//! earlier ones is always one path from the root.

mod batch;
mod shards;
mod trie;

pub use batch::{Batches, PackedBatch, Piece, PieceReadout};
pub use shards::{Cuts, TriePart};
pub use trie::{PrefixTrie, Segment, TokenSequence};
