//! All integration tests, one binary. Each module opens with what belongs in it.

// Comparison metrics against numbers from scipy and numpy.
mod metrics_goldens;
