//! Text to integers: prompts to token ids, options to the token sequences that mean them.
//! Knows nothing of tensors.
