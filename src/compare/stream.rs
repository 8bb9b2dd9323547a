//! Random draws of whole surveys: the stream that belongs to one group and item, and multinomial counts from
//! it. Everything here is integers and one division, so that a seed gives the same draws on every machine and in
//! every version.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The random stream of one population group and item under one seed.
///
/// The ChaCha8 key is made of the three alone, so that draws do not depend on what else is compared, in which
/// order or on which thread: FNV-1a (64 bits) over the seed's eight little-endian bytes and then each
/// string's length (eight little-endian bytes) and UTF-8 bytes; from that hash SplitMix64 makes the four
/// little-endian words of the key.
pub(super) fn stream(seed: u64, population_group: &str, item: &str) -> ChaCha8Rng {
    let mut hash = fnv_1a(0xcbf2_9ce4_8422_2325, &seed.to_le_bytes());
    for text in [population_group, item] {
        hash = fnv_1a(hash, &(text.len() as u64).to_le_bytes());
        hash = fnv_1a(hash, text.as_bytes());
    }
    let mut key = [0; 32];
    for word in key.chunks_exact_mut(8) {
        word.copy_from_slice(&split_mix(&mut hash).to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

fn fnv_1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Draws surveys of a fixed number of people from fixed option probabilities.
#[derive(Debug, Clone)]
pub(super) struct Multinomial {
    people_count: usize,
    /// Cumulative probabilities up to each option but the last, in units of 2⁻³²; \[K−1\].
    /// A rounding of at most 2⁻³³ in a probability; an option nobody chose is never drawn.
    thresholds: Vec<u64>,
}

impl Multinomial {
    /// `weights` are non-negative with a positive sum, e.g. counts of people.
    pub(super) fn new(weights: &[f64], people_count: usize) -> Self {
        let total: f64 = weights.iter().sum();
        let mut cumulative = 0.0;
        let thresholds = weights[..weights.len() - 1].iter().map(|weight| {
            cumulative += weight;
            (cumulative / total * 4_294_967_296.0).round() as u64
        });
        Multinomial { people_count, thresholds: thresholds.collect() }
    }

    /// One survey: the shares of the options, written to `shares`; \[K\]. Takes time in proportion to people
    /// × options.
    pub(super) fn draw(&self, rng: &mut impl RngCore, shares: &mut [f64]) {
        // first, at each option but the last, the number of people beyond it
        shares.fill(0.0);
        for _ in 0..self.people_count {
            let at = u64::from(rng.next_u32());
            for (beyond, &threshold) in shares.iter_mut().zip(&self.thresholds) {
                *beyond += f64::from(u8::from(at >= threshold));
            }
        }
        let people = self.people_count as f64;
        let mut remaining = people;
        for (index, share) in shares.iter_mut().enumerate() {
            let beyond = if index < self.thresholds.len() { *share } else { 0.0 };
            *share = (remaining - beyond) / people;
            remaining = beyond;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_key_never_changes() {
        // from a Python program of the recipe above, with the block function of RFC 8439 at eight rounds
        let expected = [0x5ccd_c4d6, 0xcb4a_f7d4, 0xdaaa_a404, 0x8e5a_fcbf];
        let mut words = stream(7, "USA", "INTS-anger");
        assert_eq!(expected.map(|_| words.next_u32()), expected);
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |seed, group: &str, item: &str| stream(seed, group, item).next_u64();
        let keys = [
            first(1, "ab", "c"),
            first(2, "ab", "c"),
            first(1, "a", "bc"),
            first(1, "abc", ""),
            first(1, "c", "ab"),
        ];
        let distinct: std::collections::BTreeSet<u64> = keys.into_iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn options_nobody_chose_are_never_drawn() {
        let survey = Multinomial::new(&[0.0, 3.0, 0.0, 1.0, 0.0], 200);
        let mut rng = stream(1, "group", "item");
        let mut shares = [0.0; 5];
        for _ in 0..200 {
            survey.draw(&mut rng, &mut shares);
            assert_eq!((shares[0], shares[2], shares[4]), (0.0, 0.0, 0.0));
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn draws_have_the_moments_of_the_multinomial() {
        let (probabilities, people_count, draw_count) = ([0.1, 0.2, 0.3, 0.4], 50, 20_000);
        let survey = Multinomial::new(&probabilities, people_count);
        let mut rng = stream(3, "group", "item");
        let (mut sums, mut squares, mut product) = ([0.0; 4], [0.0; 4], 0.0);
        let mut shares = [0.0; 4];
        for _ in 0..draw_count {
            survey.draw(&mut rng, &mut shares);
            for k in 0..4 {
                sums[k] += shares[k];
                squares[k] += (shares[k] - probabilities[k]).powi(2);
            }
            product += (shares[2] - probabilities[2]) * (shares[3] - probabilities[3]);
        }
        for (k, p) in probabilities.iter().enumerate() {
            let variance = p * (1.0 - p) / people_count as f64;
            // five standard errors of the mean, and 6 % of the variance (its standard error is 1 %)
            assert!((sums[k] / draw_count as f64 - p).abs() < 5.0 * (variance / draw_count as f64).sqrt());
            assert!((squares[k] / draw_count as f64 / variance - 1.0).abs() < 0.06);
        }
        let covariance = -0.3 * 0.4 / people_count as f64;
        assert!((product / draw_count as f64 / covariance - 1.0).abs() < 0.1);
    }
}
