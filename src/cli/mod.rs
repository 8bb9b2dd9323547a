//! What was typed, and what is meant by it.
