//! Text to integers: prompts to token ids, options to the token sequences that mean them.
//! Knows nothing of tensors, and reads no files.
//!
//! What is promised here:
//! - A prompt's ids are those of one whole encoding of its text; no text is ever tokenised apart and glued on.
//! - The beginning-of-sequence token stands at most once at the start. A chat template decides itself whether it
//!   writes one; plain text gets what the tokenizer's own post-processor puts in front, as in transformers.
//! - Nothing follows the prompt: what a post-processor would append (an end-of-sequence token) is left away.
//! - The readout position is found from the ids, by comparing the prompt alone with the prompt followed by each
//!   surface form.
//! - The events of different options are disjoint, and no token sequence is counted twice. Where a form is the beginning
//!   of another, the longer one is told from it by its text, in whatever tokens it goes on.

mod claims;
mod encode;
#[cfg(test)]
mod fixtures;
mod guard;
mod spelling;
mod surface_forms;
mod tail;
mod text_tokenizer;
mod vocabulary;

pub use claims::Claim;
pub use encode::{EncodedForm, EncodedPrompt, TextKind};
pub use surface_forms::{FormEvent, OptionEvent, OptionEvents, option_events};
pub use text_tokenizer::TextTokenizer;
pub use vocabulary::{RanksFamily, TokenizerModelFormat, VocabularyMetadata};
