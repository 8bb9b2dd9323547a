//! A verbalised distribution: for each option a distribution over the numbers from 0 to 100, read digit by digit, of which the
//! expectation counts. Exact: nothing is sampled.

use super::OptionProbe;
use super::cell::{CellReading, MassThresholds, ReadingStatus, log_probs};
use crate::elementary::exp;
use crate::engine::ReadoutLogits;
use crate::error::Result;
use crate::survey::ResponseDistribution;

/// What was told of the people who would choose each option, at one temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct VerbalisedReading {
    /// `log_probs` is −∞ for every option: no response chose one. `answer_mass` is the least, over the options asked about, of
    /// the probability that the response is a number.
    pub reading: CellReading,
    /// Expected number for each option, given that the response is one; `None` where none can be.
    pub expected_counts: Vec<Option<f64>>,
}

/// Reads the prompts of one cell, each about one option, in scale order, with the readouts of each. `probes` have the
/// numbers as their options, in ascending order from 0.
///
/// The distribution is of the expected counts: p(k) = E(k) / Σ E. They need not sum to 100.
///
/// # Errors
/// The distribution's own check is passed on.
pub fn read_verbalised(
    asked: &[(&OptionProbe, &[ReadoutLogits])],
    temperatures: &[f64],
    thresholds: MassThresholds,
) -> Result<Vec<VerbalisedReading>> {
    let read = |(index, &temperature): (usize, &f64)| {
        let mut expected_counts = Vec::with_capacity(asked.len());
        let mut answer_mass: f64 = 1.0;
        for (probe, readouts) in asked {
            let numbers: Vec<f64> =
                log_probs(probe, readouts, index, temperature).into_iter().map(exp).collect();
            let mass: f64 = numbers.iter().sum();
            let expected: f64 = numbers.iter().enumerate().map(|(count, p)| count as f64 * p).sum();
            expected_counts.push((mass > 0.0).then(|| expected / mass));
            answer_mass = answer_mass.min(mass);
        }
        let counts: Option<Vec<f64>> = expected_counts.iter().copied().collect();
        let told = counts.filter(|counts| counts.iter().sum::<f64>() > 0.0);
        let status = match (ReadingStatus::of(answer_mass, thresholds), &told) {
            (_, None) => ReadingStatus::Unusable,
            (status, Some(_)) => status,
        };
        let distribution = match (status, told) {
            (ReadingStatus::Unusable, _) | (_, None) => None,
            (_, Some(counts)) => Some(ResponseDistribution::from_weights(&counts)?),
        };
        let log_probs = vec![f64::NEG_INFINITY; asked.len()];
        let reading = CellReading { temperature, log_probs, answer_mass, status, distribution };
        Ok(VerbalisedReading { reading, expected_counts })
    };
    temperatures.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ReadoutRequest, ReadoutScope, ReadoutSettings};
    use crate::tokens::{Claim, option_events};

    /// Numbers 0 to 3 as single tokens.
    fn probe() -> OptionProbe {
        let claim =
            |id: u32| Claim { option_index: Some(id as usize), surface_form: id.to_string(), ids: vec![id] };
        let names: Vec<String> = (0..4).map(|count| count.to_string()).collect();
        OptionProbe::new(option_events(&(0..4).map(claim).collect::<Vec<_>>(), &names).unwrap())
    }

    fn readout(probabilities: [f32; 5]) -> Vec<ReadoutLogits> {
        let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0] };
        let row = probabilities.map(|p| p.max(1e-30).ln());
        vec![ReadoutLogits::from_row(&row, &ReadoutRequest::new(&[0, 1, 2, 3]), &settings).unwrap()]
    }

    fn read(rows: [[f32; 5]; 2]) -> VerbalisedReading {
        let (probe, thresholds) = (probe(), MassThresholds { low: 0.5, unusable: 0.1 });
        let rows = rows.map(readout);
        let asked: Vec<(&OptionProbe, &[ReadoutLogits])> =
            rows.iter().map(|row| (&probe, row.as_slice())).collect();
        read_verbalised(&asked, &[1.0], thresholds).unwrap().remove(0)
    }

    #[test]
    fn expectations_given_a_number_make_the_distribution() {
        // 3 with 0.6 and 1 with 0.2 of 0.8; 1 with 0.5 and 0 with 0.5 of 1.
        let VerbalisedReading { reading, expected_counts } =
            read([[0.0, 0.2, 0.0, 0.6, 0.2], [0.5, 0.5, 0.0, 0.0, 0.0]]);
        let expected_counts: Vec<f64> = expected_counts.into_iter().flatten().collect();
        assert!((expected_counts[0] - 2.5).abs() < 1e-6 && (expected_counts[1] - 0.5).abs() < 1e-6);
        assert!((reading.answer_mass - 0.8).abs() < 1e-6);
        let told = reading.distribution.unwrap();
        assert!((told.probabilities()[0] - 2.5 / 3.0).abs() < 1e-6);
        assert_eq!(reading.status, ReadingStatus::Ok);
    }

    #[test]
    fn one_option_without_a_number_or_all_without_people_is_no_distribution() {
        let without = read([[0.0, 0.02, 0.0, 0.03, 0.95], [0.5, 0.5, 0.0, 0.0, 0.0]]);
        assert_eq!((without.reading.status, without.reading.distribution), (ReadingStatus::Unusable, None));
        assert!((without.expected_counts[0].unwrap() - 2.2).abs() < 1e-5, "it is told all the same");
    }
}
