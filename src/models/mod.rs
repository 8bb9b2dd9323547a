//! Reads model folders into decoders: config, weights, tokenizer and template files.
