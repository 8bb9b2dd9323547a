//! All integration tests, one binary. Each module opens with what belongs in it.
