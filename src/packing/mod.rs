//! The prefix trie over all prompts, and its cutting into batches. Integers only: no text, no tensors.
