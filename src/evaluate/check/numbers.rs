//! What two packagings say to a sample of prompts. Two questions are kept apart: what each says to the very same token ids, which
//! is about weights and arithmetic; and what each says as it is asked itself, which is what a run would find.

use super::super::events::{Event, Stage, Stop};
use super::super::prepare::Prepared;
use super::agreement::{Said, SaidOnce};
use super::{CheckSettings, Side};
use crate::engine::{Decoder, Prefill, ReadoutLogits, ReadoutRequest, ReadoutScope, ReadoutSettings};
use crate::error::{Error, ErrorKind, Result};
use crate::packing::PrefixTrie;
use crate::scoring::OptionProbe;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::time::Instant;

/// Indices of cells, ascending: drawn from those whose ids on the first side all mean something to the second.
pub fn sample(
    [first, _]: [&Prepared; 2],
    [_, other]: [&Side<'_>; 2],
    settings: &CheckSettings,
) -> Vec<usize> {
    let vocab_size = other.speaker.files.config.decoder.vocab_size as u32;
    let mut known: Vec<usize> = (0..first.prompts.len())
        .filter(|&index| {
            let cell = &first.prompts[index];
            let options = cell.probe.events().sequences.iter().flatten();
            cell.ids.iter().chain(options).all(|&id| id < vocab_size)
        })
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let (drawn, _) = known.partial_shuffle(&mut rng, settings.sample_count);
    let mut drawn = drawn.to_vec();
    drawn.sort_unstable();
    drawn
}

/// Reads every cell of the sample: on the ids that `shared` has for it, with the whole vocabulary behind the prompt, and on its
/// own ones.
///
/// # Errors
/// The engine's; kind `Interrupted` when asked to stop.
pub fn read(
    decoder: &Decoder,
    shared: &Prepared,
    own: &Prepared,
    sample: &[usize],
    settings: &CheckSettings,
    events: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Result<Vec<Said>> {
    let config = decoder.config();
    let vocabulary: Vec<u32> = (0..config.vocab_size as u32).collect();
    let (mut sequences, mut requests) = (Vec::new(), Vec::new());
    for &index in sample {
        sequences.push(config.sequence(&shared.prompts[index].ids, &[]));
        requests.push(ReadoutRequest::new(&vocabulary));
        for cell in [&shared.prompts[index], &own.prompts[index]] {
            for (prefix, wanted) in cell.probe.readouts() {
                sequences.push(config.sequence(&cell.ids, prefix));
                requests.push(ReadoutRequest::new(wanted));
            }
        }
    }
    let found = prefill(decoder, &PrefixTrie::new(&sequences), &requests, settings, events, stop)?;
    let mut found = found.into_iter();
    let mut said = Vec::new();
    for &index in sample {
        let whole = found.next().expect("every sequence of the trie is read");
        let mut once = |probe: &OptionProbe| {
            let readouts: Vec<ReadoutLogits> = found.by_ref().take(probe.readout_count()).collect();
            SaidOnce::new(probe, &readouts)
        };
        said.push(Said {
            next_log_probs: (0..whole.wanted.len()).map(|id| whole.log_prob(id, 0, 1.0) as f32).collect(),
            on_shared_ids: once(&shared.prompts[index].probe)?,
            as_asked: once(&own.prompts[index].probe)?,
        });
    }
    Ok(said)
}

fn prefill(
    decoder: &Decoder,
    trie: &PrefixTrie,
    requests: &[ReadoutRequest<'_>],
    settings: &CheckSettings,
    events: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Result<Vec<ReadoutLogits>> {
    let (stage, total, start) = (Stage::Prefill, trie.token_count(), Instant::now());
    events(Event::Started { stage, total });
    let readout = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0] };
    let mut found: Vec<Option<ReadoutLogits>> = vec![None; requests.len()];
    let mut done = 0;
    for batch in Prefill::new(decoder, trie, requests, &readout, settings.token_budget) {
        let batch = batch?;
        for (sequence, logits) in batch.readouts {
            found[sequence] = Some(logits);
        }
        done += batch.token_count as u64;
        events(Event::Advanced { stage, done, total });
        if stop.is_requested() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped before the sample was read"));
        }
    }
    events(Event::Finished { stage, wall_seconds: start.elapsed().as_secs_f64() });
    Ok(found.into_iter().flatten().collect())
}
