//! Prompts as token ids: two made here, or lines of a file. Knows no text.

use crate::engine::DecoderConfig;
use crate::error::{Error, Result};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A survey: personas, situations for each, items for each situation; and the tokens that each adds.
const SURVEY_LEVELS: [(usize, usize); 3] = [(2, 180), (10, 60), (12, 30)];
/// Prompts that share nothing, as long as the survey's.
const FLAT_LEVELS: [(usize, usize); 1] = [(24, 270)];

/// Ids that are read where a line does not say which.
const WANTED_COUNT: usize = 6;

/// A longer line is refused: no model has room for it.
const LINE_BYTES_MAX: u64 = 4 << 20;
const PROMPT_COUNT_MAX: usize = 1 << 20;
/// Ids of all lines together: half a GiB.
const ID_COUNT_MAX: usize = 1 << 27;

/// Which prompts are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadSource {
    Survey,
    Flat,
    /// One JSON object a line: `input_ids`, and `wanted` if it likes.
    File(PathBuf),
}

impl WorkloadSource {
    /// `survey`, `flat`, or a path.
    pub fn from_name(name: &str) -> Self {
        match name {
            "survey" => WorkloadSource::Survey,
            "flat" => WorkloadSource::Flat,
            path => WorkloadSource::File(path.into()),
        }
    }

    pub fn name(&self) -> String {
        match self {
            WorkloadSource::Survey => "survey".to_owned(),
            WorkloadSource::Flat => "flat".to_owned(),
            WorkloadSource::File(path) => path.display().to_string(),
        }
    }
}

/// Token ids in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    pub name: String,
    pub prompts: Vec<Prompt>,
}

/// One prompt and what is read at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub ids: Vec<u32>,
    pub wanted: Vec<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkloadLine {
    input_ids: Vec<u32>,
    wanted: Option<Vec<u32>>,
}

impl Workload {
    /// Makes or reads the prompts, and checks that the model can take them.
    ///
    /// # Errors
    /// Kind `Usage`, with file and line, when a line is not of the form, an id is beyond the vocabulary, a prompt is empty
    /// or longer than the model's positions, or the file too large.
    pub fn new(source: &WorkloadSource, config: &DecoderConfig, seed: u64) -> Result<Self> {
        let prompts = match source {
            WorkloadSource::Survey => made(&SURVEY_LEVELS, config, seed)?,
            WorkloadSource::Flat => made(&FLAT_LEVELS, config, seed)?,
            WorkloadSource::File(path) => read(path, config)?,
        };
        Ok(Workload { name: source.name(), prompts })
    }

    /// Tokens of all prompts, what is shared counted again and again.
    pub fn flat_token_count(&self) -> u64 {
        self.prompts.iter().map(|prompt| prompt.ids.len() as u64).sum()
    }
}

/// Spread over the vocabulary.
fn default_wanted(vocab_size: usize) -> Vec<u32> {
    (1..=WANTED_COUNT).map(|index| (index * vocab_size / (WANTED_COUNT + 1)) as u32).collect()
}

/// Every path through the levels. Siblings differ in their first token, so that they share nothing.
fn made(levels: &[(usize, usize)], config: &DecoderConfig, seed: u64) -> Result<Vec<Prompt>> {
    let len: usize = levels.iter().map(|level| level.1).sum();
    let widest = levels.iter().map(|level| level.0).max().unwrap_or(0);
    let vocab_size = config.vocab_size;
    if widest > vocab_size || len > config.position_count_max {
        return Err(Error::usage(format!(
            "this workload needs {len} positions and {widest} token ids; the model has {} and {vocab_size}",
            config.position_count_max
        ))
        .hint("give a --workload file that fits the model"));
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut paths = vec![Vec::with_capacity(len)];
    for &(branch_count, token_count) in levels {
        paths = paths
            .iter()
            .flat_map(|path: &Vec<u32>| {
                let first = random.random_range(0..vocab_size);
                let branches = (0..branch_count).map(|branch| {
                    let mut ids = path.clone();
                    ids.push(((first + branch) % vocab_size) as u32);
                    ids.extend((1..token_count).map(|_| random.random_range(0..vocab_size as u32)));
                    ids
                });
                branches.collect::<Vec<_>>()
            })
            .collect();
    }
    let wanted = default_wanted(vocab_size);
    Ok(paths.into_iter().map(|ids| Prompt { ids, wanted: wanted.clone() }).collect())
}

fn read(path: &Path, config: &DecoderConfig) -> Result<Vec<Prompt>> {
    let failed = |source: std::io::Error| {
        Error::usage("cannot be read")
            .at(path)
            .because(source)
            .hint("--workload takes `survey`, `flat`, or a file of JSON lines")
    };
    let mut input = BufReader::new(File::open(path).map_err(failed)?);
    let (mut prompts, mut id_count) = (Vec::new(), 0);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let len = input.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line).map_err(failed)?;
        if len == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let refused = |error: Error| error.at(path).line(number);
        let prompt = parse(&line, config).map_err(refused)?;
        id_count += prompt.ids.len() + prompt.wanted.len();
        prompts.push(prompt);
        if prompts.len() > PROMPT_COUNT_MAX || id_count > ID_COUNT_MAX {
            return Err(refused(Error::usage(format!(
                "a workload has at most {PROMPT_COUNT_MAX} prompts and {ID_COUNT_MAX} token ids"
            ))));
        }
    }
    match prompts.is_empty() {
        true => Err(Error::usage("holds no prompts").at(path)),
        false => Ok(prompts),
    }
}

fn parse(line: &[u8], config: &DecoderConfig) -> Result<Prompt> {
    if line.len() as u64 > LINE_BYTES_MAX {
        return Err(Error::usage(format!("the line is longer than {LINE_BYTES_MAX} bytes")));
    }
    // An array would be taken for an object's fields in order.
    let object = line.trim_ascii_start().first() == Some(&b'{');
    let form = || Error::usage("a line must be a JSON object like {\"input_ids\": [1, 2], \"wanted\": [3]}");
    if !object {
        return Err(form());
    }
    let line: WorkloadLine = serde_json::from_slice(line).map_err(|source| form().because(source))?;
    let wanted = line.wanted.unwrap_or_else(|| default_wanted(config.vocab_size));
    if let Some(id) = line.input_ids.iter().chain(&wanted).find(|&&id| id as usize >= config.vocab_size) {
        return Err(Error::usage(format!("token id {id} is beyond the vocabulary of {}", config.vocab_size)));
    }
    match line.input_ids.len() {
        0 => Err(Error::usage("the prompt has no tokens")),
        len if len > config.position_count_max => Err(Error::usage(format!(
            "the prompt has {len} tokens, and the model {} positions",
            config.position_count_max
        ))),
        _ => Ok(Prompt { ids: line.input_ids, wanted }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::shape_config;
    use crate::packing::{PrefixTrie, TokenSequence};

    fn trie_token_count(workload: &Workload) -> u64 {
        let views: Vec<_> =
            workload.prompts.iter().map(|prompt| TokenSequence::new(&prompt.ids, &[])).collect();
        PrefixTrie::new(&views).token_count()
    }

    #[test]
    fn the_survey_shares_what_it_says() {
        for shape in ["tiny", "qwen2.5-0.5b"] {
            let config = shape_config(shape).unwrap().decoder;
            for seed in 0..4 {
                let survey = Workload::new(&WorkloadSource::Survey, &config, seed).unwrap();
                assert_eq!((survey.prompts.len(), survey.flat_token_count()), (240, 64_800));
                assert_eq!(trie_token_count(&survey), 8_760);
                let flat = Workload::new(&WorkloadSource::Flat, &config, seed).unwrap();
                assert_eq!((flat.prompts.len(), flat.flat_token_count()), (24, 6_480));
                assert_eq!(trie_token_count(&flat), 6_480);
            }
        }
    }

    #[test]
    fn a_seed_makes_a_workload() {
        let config = shape_config("tiny").unwrap().decoder;
        let made = |seed| Workload::new(&WorkloadSource::Survey, &config, seed).unwrap();
        assert_eq!(made(3), made(3));
        assert_ne!(made(3), made(4));
    }

    #[test]
    fn a_small_model_is_told_what_a_workload_needs() {
        let config = DecoderConfig { position_count_max: 100, ..shape_config("tiny").unwrap().decoder };
        let error = Workload::new(&WorkloadSource::Survey, &config, 1).unwrap_err();
        assert!(error.to_string().starts_with("this workload needs 270 positions"), "{error}");
    }

    fn from_file(text: &str) -> Result<Workload> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.jsonl");
        std::fs::write(&path, text).unwrap();
        let config = DecoderConfig { position_count_max: 5, ..shape_config("tiny").unwrap().decoder };
        Workload::new(&WorkloadSource::File(path), &config, 1)
    }

    #[test]
    fn lines_are_prompts() {
        let workload = from_file("{\"input_ids\": [1, 2], \"wanted\": [3]}\n\n{\"input_ids\": [4]}").unwrap();
        assert_eq!(workload.prompts[0], Prompt { ids: vec![1, 2], wanted: vec![3] });
        assert_eq!(workload.prompts[1].wanted, [146, 292, 438, 585, 731, 877]);
    }

    #[test]
    fn bad_lines_are_refused_with_their_number() {
        let good = "{\"input_ids\": [1]}\n";
        for (line, message) in [
            ("{\"input_ids\": []}", "the prompt has no tokens"),
            ("{\"input_ids\": [1, 2, 3, 4, 5, 6]}", "the prompt has 6 tokens, and the model 5 positions"),
            ("{\"input_ids\": [1024]}", "token id 1024 is beyond the vocabulary of 1024"),
            ("{\"input_ids\": [1], \"wanted\": [9999]}", "token id 9999 is beyond"),
            ("{\"input_ids\": [-1]}", "a line must be a JSON object"),
            ("{\"input_ids\": [1], \"id\": 2}", "a line must be a JSON object"),
            ("[[1]]", "a line must be a JSON object"),
        ] {
            let error = from_file(&format!("{good}{line}\n")).unwrap_err().to_string();
            assert!(error.contains(&format!("ids.jsonl:2: {message}")), "{error}");
        }
        let long = format!("{{\"input_ids\": [1{}]}}", " ".repeat(LINE_BYTES_MAX as usize));
        assert!(from_file(&long).unwrap_err().to_string().contains("ids.jsonl:1: the line is longer"));
        assert!(from_file("\n").unwrap_err().to_string().ends_with("ids.jsonl: holds no prompts"));
        let absent = Workload::new(
            &WorkloadSource::from_name("no/such.jsonl"),
            &shape_config("tiny").unwrap().decoder,
            1,
        );
        assert!(absent.unwrap_err().to_string().starts_with("no/such.jsonl: cannot be read"));
    }
}
