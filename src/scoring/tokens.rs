//! What the next token tells beside the options: how spread out it is, where the best of the options stands among all tokens,
//! in which surface forms options are written, and which tokens are none of theirs.

use super::OptionProbe;
use crate::elementary::exp;
use crate::engine::ReadoutLogits;
use crate::error::{Error, Result};

/// The mass of a nucleus: the smallest set of tokens that hold it (Holtzman, Buys, Du, Forbes & Choi 2020, The Curious Case of
/// Neural Text Degeneration, arXiv 1904.09751; their top-p vocabulary).
pub const NUCLEUS_MASS: f64 = 0.9;

/// The token behind one prompt at one temperature. Natural logs.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenReading {
    pub temperature: f64,
    /// Shannon entropy of the next token, in nats.
    pub entropy: f64,
    /// Tokens in the nucleus.
    pub nucleus_size: u32,
    pub best: OptionToken,
    /// For each form of the probe's events: the probability that the response is written so. They add up to the options'.
    pub form_probabilities: Vec<f64>,
    /// Of the most probable tokens those that begin no option as it is read, best first, with their log-probs.
    pub off_option: Vec<(u32, f64)>,
}

/// Of the tokens that begin an option the most probable one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptionToken {
    pub id: u32,
    /// 1 for the most probable token of all; the same at every temperature.
    pub rank: u32,
    pub log_prob: f64,
}

/// Reads the tokens behind one prompt. `readouts[i]` belongs to the `i`-th readout of the probe; the first of them must have been
/// ranked.
///
/// # Errors
/// Kind `Usage` when the first readout is not ranked.
pub fn read_tokens(
    probe: &OptionProbe,
    readouts: &[ReadoutLogits],
    temperatures: &[f64],
) -> Result<Vec<TokenReading>> {
    let first = &readouts[0];
    let Some(ranking) = &first.ranking else {
        return Err(Error::usage("the readout was not ranked, so nothing is known of the order of tokens"));
    };
    let begins_option = begins_option(probe);
    let wanted = probe.readouts().next().map(|(_, wanted)| wanted).unwrap_or_default();
    let candidates = (0..wanted.len()).filter(|&index| begins_option(wanted[index]));
    let best = candidates.min_by_key(|&index| (ranking.wanted_ranks[index], wanted[index]));
    let best = best.expect("every option has a form, and every form a first token");
    let read = |(index, &temperature): (usize, &f64)| {
        let sequences: Vec<f64> =
            probe.sequence_log_probs(readouts, index, temperature).into_iter().map(exp).collect();
        let moved = |&(id, log_prob): &(u32, f64)| {
            (id, ((log_prob + first.log_total) / temperature - first.log_sum_exp[index]).min(0.0))
        };
        TokenReading {
            temperature,
            entropy: first.entropies[index],
            nucleus_size: ranking.nucleus_sizes[index],
            best: OptionToken {
                id: wanted[best],
                rank: ranking.wanted_ranks[best],
                log_prob: first.log_prob(best, index, temperature),
            },
            form_probabilities: probe
                .events()
                .forms
                .iter()
                .map(|form| form.event.probability(&sequences))
                .collect(),
            off_option: first.top.iter().filter(|(id, _)| !begins_option(*id)).map(moved).collect(),
        }
    };
    Ok(temperatures.iter().enumerate().map(read).collect())
}

/// Whether some option's form begins with a token. What no option may have begins none.
fn begins_option(probe: &OptionProbe) -> impl Fn(u32) -> bool {
    let events = probe.events();
    let added = events.events.iter().flat_map(|event| &event.add);
    let mut ids: Vec<u32> = added.map(|&sequence| events.sequences[sequence][0]).collect();
    ids.sort_unstable();
    ids.dedup();
    move |id| ids.binary_search(&id).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ReadoutRequest, ReadoutScope, ReadoutSettings};
    use crate::scoring::{MassThresholds, read_cell};
    use crate::tokens::{Claim, option_events};

    const TEMPERATURES: [f64; 3] = [0.5, 1.0, 2.0];

    /// Options "1" and "10" over the tokens `1` `0` `2` `,`, and " 1" as the token `4`; `5` is nobody's.
    fn probe() -> OptionProbe {
        let claim = |option: Option<usize>, form: &str, ids: &[u32]| Claim {
            option_index: option,
            surface_form: form.to_owned(),
            ids: ids.to_vec(),
        };
        let claims = [
            claim(Some(0), "1", &[1]),
            claim(Some(0), " 1", &[4]),
            claim(Some(1), "10", &[1, 0]),
            claim(None, "1.", &[1, 3]),
            claim(None, "5", &[5]),
        ];
        OptionProbe::new(option_events(&claims, &["one".to_owned(), "ten".to_owned()]).unwrap())
    }

    fn readouts(probe: &OptionProbe, rows: [[f32; 6]; 2]) -> Vec<ReadoutLogits> {
        let settings =
            ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: TEMPERATURES.to_vec() };
        let read = |((_, wanted), row): ((&[u32], &[u32]), [f32; 6])| {
            let request = ReadoutRequest::new(wanted).naming(6).ranked(Some(NUCLEUS_MASS));
            ReadoutLogits::from_row(&row, &request, &settings).unwrap()
        };
        probe.readouts().zip(rows).map(read).collect()
    }

    #[test]
    fn forms_add_up_to_options_and_off_option_tokens_are_nobodys() {
        let probe = probe();
        // Behind the prompt: 5 before 1 before 4. Behind `1`: mostly `0`.
        let readouts = readouts(&probe, [[-9.0, 2.0, 0.0, -3.0, 1.0, 3.0], [3.0, 0.0, 0.0, 1.0, 0.0, 0.0]]);
        let read = read_tokens(&probe, &readouts, &TEMPERATURES).unwrap();
        let cells =
            read_cell(&probe, &readouts, &TEMPERATURES, MassThresholds { low: 0.0, unusable: 0.0 }).unwrap();
        let written: Vec<&str> = probe.events().forms.iter().map(|form| &*form.surface_form).collect();
        assert_eq!(written, ["1", " 1", "10"]);
        for (tokens, cell) in read.iter().zip(&cells) {
            let forms = &tokens.form_probabilities;
            assert!((forms[0] + forms[1] - cell.log_probs[0].exp()).abs() < 1e-12);
            assert!((forms[2] - cell.log_probs[1].exp()).abs() < 1e-12);
            assert_eq!((tokens.best.id, tokens.best.rank), (1, 2), "5 is before it, and no option's");
            let ids: Vec<u32> = tokens.off_option.iter().map(|token| token.0).collect();
            assert_eq!(ids, [5, 2, 3, 0]);
            // The first of them by hand.
            let weights = [-9.0, 2.0, 0.0, -3.0, 1.0, 3.0_f64].map(|x| (x / tokens.temperature).exp());
            let share = weights[5] / weights.iter().sum::<f64>();
            assert!((tokens.off_option[0].1 - share.ln()).abs() < 1e-12);
        }
        assert_eq!(read[1].nucleus_size, 3, "two hold 0.643 + 0.237");
    }

    #[test]
    fn without_a_ranking_nothing_is_said() {
        let probe = probe();
        let mut readouts = readouts(&probe, [[0.0; 6], [0.0; 6]]);
        readouts[0].ranking = None;
        assert!(read_tokens(&probe, &readouts, &TEMPERATURES).is_err());
    }
}
