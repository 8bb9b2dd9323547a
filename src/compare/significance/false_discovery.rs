//! Many tests at once: p-values adjusted so that, of those called small, only a stated share is expected to be chance.

/// Benjamini and Hochberg's adjusted p-values, in the order of `p_values`: calling those up to q a discovery keeps the expected share
/// of false ones among them at most q, for tests that are independent or go together (Benjamini & Hochberg 1995,
/// doi:10.1111/j.2517-6161.1995.tb02031.x; Benjamini & Yekutieli 2001, doi:10.1214/aos/1013699998).
///
/// Each is the least, over all p-values not below it, of p × their number / rank; at most 1.
pub fn adjusted_p_values(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, index) in order.into_iter().enumerate().rev() {
        least = least.min(p_values[index] * p_values.len() as f64 / (rank + 1) as f64);
        adjusted[index] = least;
    }
    adjusted
}
