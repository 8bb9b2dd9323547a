//! Bootstrap replicates of one human distribution, laid out so that a metric runs over all of them at once.
//! Knows no randomness: it is given the replicates.

use super::concentration::{entropy, modal_mass};
use super::distances::{
    SMOOTHING, jensen_shannon_bits, p_ln_p, smoothed, total_variation_from_uniform, variance,
};
use super::metric::Metric;
use crate::elementary::ln;

/// R replicates of one human distribution over K options, with every term of a metric that depends on people
/// alone.
#[derive(Debug, Clone)]
pub(super) struct Replicates {
    /// The scale's values moved and stretched to 0..=1; \[K\]. The metrics do not see the difference.
    positions: Vec<f64>,
    /// Shares of the options; \[K, R\], one option's replicates side by side.
    shares: Vec<f64>,
    /// Cumulative shares up to each option but the last; \[K−1, R\].
    cumulative: Vec<f64>,
    /// nats; \[R\].
    entropies: Vec<f64>,
    /// In positions; \[R\].
    means: Vec<f64>,
    /// \[R\].
    modal_masses: Vec<f64>,
    /// `Σ p' ln p'` of the smoothed shares p', nats; \[R\].
    smoothed_terms: Vec<f64>,
    /// Total variation from equal shares; \[R\].
    from_uniform: Vec<f64>,
    /// In squares of positions; \[R\].
    variances: Vec<f64>,
    /// \[R\].
    ones: Vec<f64>,
}

impl Replicates {
    /// `rows` are R distributions over the options at `positions`, end to end.
    pub(super) fn new(positions: &[f64], rows: &[f64]) -> Self {
        let option_count = positions.len();
        let replicate_count = rows.len() / option_count;
        let mut shares = vec![0.0; rows.len()];
        let mut cumulative = vec![0.0; rows.len() - replicate_count];
        for (r, row) in rows.chunks_exact(option_count).enumerate() {
            let mut total = 0.0;
            for (k, &share) in row.iter().enumerate() {
                shares[k * replicate_count + r] = share;
                total += share;
                if k + 1 < option_count {
                    cumulative[k * replicate_count + r] = total;
                }
            }
        }
        let of_each =
            |f: &dyn Fn(&[f64]) -> f64| rows.chunks_exact(option_count).map(f).collect::<Vec<f64>>();
        Replicates {
            positions: positions.to_vec(),
            shares,
            cumulative,
            entropies: of_each(&entropy),
            means: of_each(&|row| mean(row, positions)),
            modal_masses: of_each(&modal_mass),
            smoothed_terms: of_each(&|row| row.iter().map(|p| p_ln_p(smoothed(*p, row.len()))).sum()),
            from_uniform: of_each(&total_variation_from_uniform),
            variances: of_each(&|row| variance(row, positions)),
            ones: vec![1.0; replicate_count],
        }
    }

    /// Means, in positions; \[R\].
    pub(super) fn means(&self) -> &[f64] {
        &self.means
    }

    pub(super) fn replicate_count(&self) -> usize {
        self.ones.len()
    }

    /// Adds `weight` × the metric's numerator of `model` against each replicate to `out`; \[R\].
    ///
    /// The same numbers, up to rounding, as [`Metric::numerator`] on each replicate.
    pub(super) fn add_numerators(&self, metric: Metric, model: &[f64], weight: f64, out: &mut [f64]) {
        match metric {
            Metric::TotalVariation => {
                for (&share, of_people) in model.iter().zip(self.by_option(&self.shares)) {
                    add(out, of_people, |q| 0.5 * weight * (share - q).abs());
                }
            }
            Metric::JensenShannon => self.add_jensen_shannon(model, weight, out, |bits| bits),
            Metric::JensenShannonDistance => self.add_jensen_shannon(model, weight, out, f64::sqrt),
            Metric::Wasserstein1 => self.add_wasserstein_1(model, weight, out),
            Metric::Alignment => {
                out.iter_mut().for_each(|out| *out += weight);
                self.add_wasserstein_1(model, -weight, out);
            }
            Metric::KullbackLeibler => self.add_kullback_leibler(model, weight, out),
            Metric::KolmogorovSmirnov => self.add_kolmogorov_smirnov(model, weight, out),
            Metric::TotalVariationScore => {
                add(out, &self.from_uniform, |even| 100.0 * weight * even);
                self.add_numerators(Metric::TotalVariation, model, -100.0 * weight, out);
            }
            Metric::VarianceRatio => {
                let of_model = weight * variance(model, &self.positions);
                out.iter_mut().for_each(|out| *out += of_model);
            }
            Metric::MeanDifference => {
                let of_model = mean(model, &self.positions);
                add(out, &self.means, |of_people| weight * (of_model - of_people));
            }
            Metric::EntropyRatio => {
                let of_model = weight * entropy(model);
                out.iter_mut().for_each(|out| *out += of_model);
            }
            Metric::ModalMass => {
                let of_model = weight * modal_mass(model);
                out.iter_mut().for_each(|out| *out += of_model);
            }
            Metric::ModalMassDifference => {
                let of_model = modal_mass(model);
                add(out, &self.modal_masses, |of_people| weight * (of_model - of_people));
            }
        }
    }

    /// The metric's denominator at each replicate; \[R\].
    pub(super) fn denominators(&self, metric: Metric) -> &[f64] {
        match metric {
            Metric::EntropyRatio => &self.entropies,
            Metric::TotalVariationScore => &self.from_uniform,
            Metric::VarianceRatio => &self.variances,
            _ => &self.ones,
        }
    }

    fn add_wasserstein_1(&self, model: &[f64], weight: f64, out: &mut [f64]) {
        let mut total = 0.0;
        for (k, of_people) in self.by_option(&self.cumulative).enumerate() {
            total += model[k];
            let step = self.positions[k + 1] - self.positions[k];
            add(out, of_people, |q| weight * step * (total - q).abs());
        }
    }

    /// Of the model from people: `Σ p' ln p' − Σ p' ln q'`.
    fn add_kullback_leibler(&self, model: &[f64], weight: f64, out: &mut [f64]) {
        let logs: Vec<f64> = model.iter().map(|q| ln(smoothed(*q, model.len()))).collect();
        let constant = SMOOTHING / model.len() as f64 * logs.iter().sum::<f64>();
        add(out, &self.smoothed_terms, |term| weight * (term - constant));
        for (log, of_people) in logs.iter().zip(self.by_option(&self.shares)) {
            add(out, of_people, |p| -weight * (1.0 - SMOOTHING) * p * log);
        }
    }

    fn add_kolmogorov_smirnov(&self, model: &[f64], weight: f64, out: &mut [f64]) {
        let mut largest = vec![0.0_f64; self.replicate_count()];
        let mut total = 0.0;
        for (share, of_people) in model.iter().zip(self.by_option(&self.cumulative)) {
            total += share;
            largest.iter_mut().zip(of_people).for_each(|(most, q)| *most = most.max((total - q).abs()));
        }
        add(out, &largest, |most| weight * most);
    }

    /// `of_bits` of the divergence.
    fn add_jensen_shannon(&self, model: &[f64], weight: f64, out: &mut [f64], of_bits: fn(f64) -> f64) {
        let of_model = entropy(model);
        let replicate_count = self.replicate_count();
        for (r, out) in out.iter_mut().enumerate() {
            let of_mixture = |k: usize| p_ln_p(0.5 * (model[k] + self.shares[k * replicate_count + r]));
            let mixture = 0.0 - (0..model.len()).map(of_mixture).sum::<f64>();
            *out += weight * of_bits(jensen_shannon_bits(mixture, of_model, self.entropies[r]));
        }
    }

    fn by_option<'a>(&self, rows: &'a [f64]) -> std::slice::ChunksExact<'a, f64> {
        rows.chunks_exact(self.replicate_count())
    }
}

fn add(out: &mut [f64], of_people: &[f64], term: impl Fn(f64) -> f64) {
    out.iter_mut().zip(of_people).for_each(|(out, &q)| *out += term(q));
}

/// In positions.
pub(super) fn mean(p: &[f64], positions: &[f64]) -> f64 {
    p.iter().zip(positions).map(|(share, position)| share * position).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The plain functions of `distances` and `concentration` are the oracle of the laid-out ones.
        #[test]
        fn all_at_once_equals_one_by_one(
            (option_count, weights) in (2_usize..6).prop_flat_map(|k| {
                let weight = prop_oneof![1 => Just(0.0), 5 => 0.01..1.0_f64];
                (Just(k), proptest::collection::vec(weight, 6 * k))
            }),
            steps in proptest::collection::vec(0.2..3.0_f64, 6),
        ) {
            let rows: Vec<f64> = weights
                .chunks(option_count)
                .flat_map(|row| {
                    let total = row.iter().sum::<f64>();
                    let even = 1.0 / row.len() as f64;
                    row.iter().map(move |w| if total > 0.0 { w / total } else { even })
                })
                .collect();
            let (model, people) = rows.split_at(option_count);
            let values: Vec<f64> = (0..option_count).map(|k| steps[..=k].iter().sum()).collect();
            let range = values[option_count - 1] - values[0];
            let positions: Vec<f64> = values.iter().map(|v| (v - values[0]) / range).collect();
            let replicates = Replicates::new(&positions, people);
            prop_assert_eq!(replicates.replicate_count(), 5);
            for metric in Metric::ALL {
                let mut found = vec![0.0; 5];
                replicates.add_numerators(metric, model, 0.25, &mut found);
                replicates.add_numerators(metric, model, 0.75, &mut found);
                for (r, row) in people.chunks(option_count).enumerate() {
                    let expected = metric.numerator(model, row, &values);
                    // a root makes much of what rounding leaves of 0
                    let tolerance = match metric {
                        Metric::JensenShannonDistance => 1e-7,
                        Metric::TotalVariationScore => 1e-10,
                        _ => 1e-12,
                    };
                    prop_assert!((found[r] - expected).abs() < tolerance, "{} {} {}", metric, found[r], expected);
                    let denominator = metric.denominator(row, &values);
                    prop_assert!((replicates.denominators(metric)[r] - denominator).abs() < 1e-12);
                }
            }
        }
    }
}
