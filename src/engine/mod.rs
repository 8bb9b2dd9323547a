//! One prefill of a packed batch through a decoder: tensors in between, readouts out. Knows nothing of surveys or text.
