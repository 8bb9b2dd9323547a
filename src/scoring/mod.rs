//! Readout logits to response distributions. Knows nothing of people.
