//! Cells to token ids: render, apply the chat template, encode with surface forms in place, and say where to read. Knows some cells, not the run
//! that they are a branch of.

use super::events::Stop;
use super::probes::Probes;
use super::{RunPlan, Speaker};
use crate::engine::{DecoderConfig, ReadoutRequest};
use crate::error::{Error, ErrorKind, Result};
use crate::packing::PrefixTrie;
use crate::prompts::{Cell, Prompt, PromptOption, render, render_all};
use crate::scoring::{NUCLEUS_MASS, OptionProbe};
use crate::tokens::TextKind;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A prompt ready to be read.
pub struct PreparedPrompt {
    /// The cell it belongs to; for a domain premise the first of those that share it.
    pub cell: Cell,
    /// The option that is asked about, as an index into the scale. `None` where all are.
    pub asked_option: Option<usize>,
    /// What was chosen of the items before it in the conversation.
    pub earlier: Vec<usize>,
    /// False where an earlier item is asked: rows are written of the cell's own alone.
    pub asks_own_item: bool,
    pub rendered_text: String,
    /// The prompt's ids; the response is read behind the last.
    pub ids: Vec<u32>,
    /// Tokens of the prompt's own end that are read as part of every form instead.
    pub stepped_back: usize,
    /// Shared by all prompts with the same forms.
    pub probe: Arc<OptionProbe>,
}

/// The prompts of some cells, and their readouts in one numbering: prompt after prompt, then premise after premise, within each as
/// the probe has them. Cells go by their place among these.
pub struct Prepared {
    /// Those of one cell stand next to each other, by the option that they ask about or the responses that they go on from.
    pub prompts: Vec<PreparedPrompt>,
    /// What stands before responses when nothing is asked. Plain text: no template says how to ask nothing.
    pub premises: Vec<PreparedPrompt>,
    cells: Vec<Cell>,
    top_count: usize,
    /// For each cell its prompts.
    of_cell: Vec<Range<usize>>,
    /// For each cell its premise, where its format has one.
    premise_of: Vec<Option<usize>>,
    /// First readout of each prompt and premise, and one past the last of all.
    first_readout: Vec<usize>,
}

/// Readouts that are to be made together.
pub struct ReadoutTrie<'a> {
    pub trie: PrefixTrie,
    /// For each sequence of the trie.
    pub requests: Vec<ReadoutRequest<'a>>,
    /// Its number among all readouts.
    pub numbers: Vec<usize>,
}

impl Prepared {
    /// Prepares cells in parallel, and tells of each that it is.
    ///
    /// # Errors
    /// The first failing cell's, with its id; kind `Interrupted` when asked to stop.
    pub fn new(
        plan: &RunPlan,
        speaker: &Speaker,
        cells: Vec<Cell>,
        advanced: &(dyn Fn() + Sync),
        stop: &Stop,
    ) -> Result<Self> {
        let probes = Probes::default();
        let prepare = |cell: &Cell| {
            if stop.is_requested() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped while prompts were prepared"));
            }
            let prepared = prepare(plan, speaker, &probes, cell).map_err(|error| {
                Error::new(error.kind(), format!("cell {}", plan.cell_id(cell))).because(error)
            })?;
            advanced();
            Ok(prepared)
        };
        let of_cells = cells.par_iter().map(prepare).collect::<Result<Vec<Vec<PreparedPrompt>>>>()?;
        let (mut prompts, mut of_cell) = (Vec::new(), Vec::new());
        for of_one in of_cells {
            of_cell.push(prompts.len()..prompts.len() + of_one.len());
            prompts.extend(of_one);
        }
        let (premises, premise_of) = prepare_premises(plan, speaker, &probes, &cells)?;
        let mut first_readout = vec![0];
        for prompt in prompts.iter().chain(&premises) {
            first_readout.push(first_readout[first_readout.len() - 1] + prompt.probe.readout_count());
        }
        let top_count = plan.settings.top_count;
        Ok(Prepared { prompts, premises, cells, top_count, of_cell, premise_of, first_readout })
    }

    /// Prepares a branch: these cells of the plan.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn branch(
        plan: &RunPlan,
        speaker: &Speaker,
        cells: Range<usize>,
        advanced: &(dyn Fn() + Sync),
        stop: &Stop,
    ) -> Result<Self> {
        Prepared::new(plan, speaker, plan.cells.range(cells).collect(), advanced, stop)
    }

    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The prompts of one cell, as indices.
    pub fn of_cell(&self, cell_index: usize) -> Range<usize> {
        self.of_cell[cell_index].clone()
    }

    /// The cell that a prompt belongs to.
    pub fn cell_of(&self, prompt_index: usize) -> usize {
        self.of_cell.partition_point(|prompts| prompts.end <= prompt_index)
    }

    /// The premise of one cell, as an index.
    pub fn premise_of(&self, cell_index: usize) -> Option<usize> {
        self.premise_of[cell_index]
    }

    /// The trie of those readouts that are left to make.
    pub fn trie(&self, config: &DecoderConfig, is_left: impl Fn(usize) -> bool) -> ReadoutTrie<'_> {
        self.trie_of(0..self.prompts.len() + self.premises.len(), config, is_left)
    }

    /// The same of some prompts, or past all prompts premises. No other is looked at.
    pub fn trie_of(
        &self,
        owners: Range<usize>,
        config: &DecoderConfig,
        is_left: impl Fn(usize) -> bool,
    ) -> ReadoutTrie<'_> {
        let (mut sequences, mut requests, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        let mut number = self.first_readout[owners.start];
        for index in owners {
            let prompt =
                self.prompts.get(index).unwrap_or_else(|| &self.premises[index - self.prompts.len()]);
            for (place, (prefix, wanted)) in prompt.probe.readouts().enumerate() {
                if is_left(number) {
                    sequences.push(config.sequence(&prompt.ids, prefix));
                    requests.push(self.request(index, place, wanted));
                    numbers.push(number);
                }
                number += 1;
            }
        }
        ReadoutTrie { trie: PrefixTrie::new(&sequences), requests, numbers }
    }

    /// The token behind a prompt is ranked, and the most probable ones named, where rows are written of it; other readouts say how likely a surface form
    /// goes on.
    fn request<'a>(&self, prompt_index: usize, place: usize, wanted: &'a [u32]) -> ReadoutRequest<'a> {
        let is_own = self.prompts.get(prompt_index).is_some_and(|prompt| prompt.asks_own_item);
        let request = ReadoutRequest::new(wanted);
        match place == 0 && is_own {
            true => request.naming(self.top_count).ranked(Some(NUCLEUS_MASS)),
            false => request,
        }
    }

    pub fn readout_count(&self) -> usize {
        self.first_readout[self.first_readout.len() - 1]
    }

    /// What one readout wants; `None` for one that there is not.
    pub fn wanted(&self, readout: usize) -> Option<ReadoutRequest<'_>> {
        if readout >= self.readout_count() {
            return None;
        }
        let (index, place) = self.owner(readout);
        let premise = || self.premises.get(index - self.prompts.len());
        let prompt = self.prompts.get(index).or_else(premise)?;
        let (_, wanted) = prompt.probe.readouts().nth(place)?;
        Some(self.request(index, place, wanted))
    }

    /// Tokens if every prompt were computed by itself.
    pub fn flat_token_count(&self) -> u64 {
        let count = |prompt: &PreparedPrompt| prompt.ids.len() + prompt.probe.continuation_token_count();
        self.prompts.iter().chain(&self.premises).map(|prompt| count(prompt) as u64).sum()
    }

    /// The prompt that a readout belongs to, or past all prompts the premise, and its number within it.
    pub fn owner(&self, readout: usize) -> (usize, usize) {
        let prompt = self.first_readout.partition_point(|&first| first <= readout) - 1;
        (prompt, readout - self.first_readout[prompt])
    }
}

fn prepare(plan: &RunPlan, speaker: &Speaker, probes: &Probes, cell: &Cell) -> Result<Vec<PreparedPrompt>> {
    let prepare = |prompt: Prompt| {
        let (rendered_text, kind) = speaker.render(&prompt.messages, &prompt.answer_prefix)?;
        let text = EncodedText { cell, rendered_text, kind, excluded: &prompt.excluded };
        Ok(PreparedPrompt {
            asked_option: prompt.asked_option,
            earlier: prompt.earlier,
            asks_own_item: prompt.asks_own_item,
            ..text.encode(speaker, probes, &prompt.options)?
        })
    };
    render_all(&plan.study, cell)?.into_iter().map(prepare).collect()
}

/// A text behind which responses are read.
struct EncodedText<'a> {
    cell: &'a Cell,
    rendered_text: String,
    kind: TextKind,
    excluded: &'a [String],
}

impl EncodedText<'_> {
    fn encode(self, speaker: &Speaker, probes: &Probes, options: &[PromptOption]) -> Result<PreparedPrompt> {
        let EncodedText { cell, rendered_text, kind, excluded } = self;
        let encoded = speaker.tokenizer.encode_prompt_excluding(&rendered_text, kind, options, excluded)?;
        let labels: Vec<String> = options.iter().map(|option| option.label.clone()).collect();
        let probe = probes.of(speaker, &encoded, &labels)?;
        let longest = probe.readouts().map(|(prefix, _)| prefix.len()).max().unwrap_or(0);
        speaker.check_len(encoded.ids.len() + longest)?;
        let (ids, stepped_back) = (encoded.ids, encoded.stepped_back);
        Ok(PreparedPrompt {
            cell: *cell,
            asked_option: None,
            earlier: Vec::new(),
            asks_own_item: true,
            rendered_text,
            ids,
            stepped_back,
            probe,
        })
    }
}

/// The premises of some cells, each once, and for each cell which is its own. What a response is made of depends on format,
/// language and scale, not on the order in which options are shown.
fn prepare_premises(
    plan: &RunPlan,
    speaker: &Speaker,
    probes: &Probes,
    cells: &[Cell],
) -> Result<(Vec<PreparedPrompt>, Vec<Option<usize>>)> {
    let mut premises = Vec::new();
    let mut known: BTreeMap<(usize, usize, usize), usize> = BTreeMap::new();
    let mut premise_of = Vec::with_capacity(cells.len());
    for cell in cells {
        if !plan.study.formats[cell.format_index].has_premise {
            premise_of.push(None);
            continue;
        }
        let key = (cell.format_index, cell.language_index, plan.study.items[cell.item_index].scale_index);
        let index = match known.get(&key) {
            Some(&index) => index,
            None => {
                premises.push(prepare_premise(plan, speaker, probes, cell)?);
                known.insert(key, premises.len() - 1);
                premises.len() - 1
            }
        };
        premise_of.push(Some(index));
    }
    Ok((premises, premise_of))
}

fn prepare_premise(
    plan: &RunPlan,
    speaker: &Speaker,
    probes: &Probes,
    cell: &Cell,
) -> Result<PreparedPrompt> {
    let prompt = render(&plan.study, cell)?;
    let rendered_text = prompt.domain_premise.unwrap_or_default();
    let text = EncodedText { cell, rendered_text, kind: TextKind::Plain, excluded: &prompt.excluded };
    text.encode(speaker, probes, &prompt.options).map_err(|error| {
        let (study, language) = (&plan.study, &plan.study.languages[cell.language_index]);
        let format = &study.formats[cell.format_index];
        Error::new(error.kind(), format!("the domain premise of the format `{format}` in `{language}`"))
            .because(error)
    })
}
