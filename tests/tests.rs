//! All integration tests, one binary. Each module opens with what belongs in it.

// Chat templates against what transformers renders.
mod templates;
// Tokenizers against the ids of transformers; whole prompts with tokenizers of three kinds.
mod tokenizers;
