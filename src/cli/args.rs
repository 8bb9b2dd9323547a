//! The command line as it is typed. Nothing is checked here beyond its form.

use super::byte_size::ByteSize;
use super::models_args::ModelsCommand;
use crate::engine::{EngineDevice, EngineDtype, ReadoutScope};
use crate::error::Result;
use crate::evaluate::{BRANCH_PROMPT_COUNT, Shard};
use crate::models::Quantisation;
use crate::prompts::{OptionOrder, PromptSettings, TemplateChoice, Thinking};
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What a run keeps from its beginning.
const BEGUN_WITH: [&str; 26] = [
    "memory",
    "model",
    "out",
    "or_resume",
    "shard",
    "full",
    "personas",
    "languages",
    "formats",
    "option_orders",
    "item_wordings",
    "temperatures",
    "low_mass",
    "unusable_mass",
    "top",
    "template",
    "thinking",
    "template_date",
    "seed",
    "certify",
    "replicates",
    "token_budget",
    "branch_prompts",
    "device",
    "dtype",
    "kernel",
];

pub const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    some lines could not be evaluated; the rest was written (cells of a run say themselves whether they are usable)
  2    the command line asks for something impossible
  3    a model is absent, broken, unsupported, or does not fit its config or its manifest
  4    a study is not valid
  5    human data is absent, altered, or does not match the study
  6    results or a manifest could not be written or read (neither is overwritten unasked)
  7    a tokenizer or chat template failed on a prompt
  101  a bug in this program; what was finished is kept
  130  interrupted (Ctrl-C, SIGTERM); what was finished is kept";

/// Reads a language model's whole answer to a survey off its logits, offline, and compares it with people.
///
/// Without a command it runs the built-in study on the built-in control model: seconds, no network.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: RunOptions,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put a study to a model: response distributions, comparison with people, a result folder and a report.
    #[command(after_help = EXIT_CODES)]
    Run(RunCommand),
    Score(ScoreCommand),
    #[command(after_help = EXIT_CODES)]
    Bench(BenchCommand),
    Models(ModelsCommand),
    Humans(super::humans_command::HumansCommand),
    Study(super::study_command::StudyCommand),
    Bundle(super::bundle_command::BundleCommand),
    #[command(after_help = EXIT_CODES)]
    Compare(super::compare_command::CompareCommand),
    #[command(after_help = EXIT_CODES)]
    Verify(super::verify_command::VerifyCommand),
    #[command(after_help = EXIT_CODES)]
    Plan(super::plan_command::PlanCommand),
    #[command(after_help = EXIT_CODES)]
    Merge(super::merge_command::MergeCommand),
    #[command(after_help = EXIT_CODES)]
    Slurm(super::slurm_command::SlurmCommand),
    /// Make the report of a result folder again, from its files alone.
    Report(ReportCommand),
}

#[derive(Debug, clap::Args)]
pub struct RunCommand {
    /// A built-in study (isear, social_emotions), or a folder as prompts/README.md describes it.
    pub study: Option<String>,
    #[command(flatten)]
    pub options: RunOptions,
}

#[derive(Debug, clap::Args)]
pub struct RunOptions {
    /// A model directory (config.json, model.safetensors, tokenizer.json) or .gguf file; the name of a manifest or of a folder in
    /// models/ or RESPONDENT_MODELS; org/name[@revision] in Hugging Face's cache; or `control`, the built-in one. See
    /// `models list`.
    #[arg(long, value_name = "MODEL", default_value = "control")]
    pub model: String,

    /// Result folder to create; it must not exist. Default: the next free results/STUDY-MODEL-NNN.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Go on with a run that was stopped, killed, or ran out of disk, in this folder: nothing that it had read is read again. Study,
    /// model and settings are those that it was begun with; where any of their bytes are others now, it is refused and says which.
    #[arg(long, value_name = "DIR", conflicts_with_all = BEGUN_WITH)]
    pub resume: Option<PathBuf>,

    /// Compute only this part of the run, the I-th of N: parts cost about the same and share little. Needs nothing of the others; `respondent
    /// merge` makes a run of all of them, byte for byte that of one process.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Begin in --out, or go on with this very run where it is begun there, or find it finished: one command for a job that may be started again.
    #[arg(long, requires = "out")]
    pub or_resume: bool,

    /// All personas, languages and formats of the study, not only its default subset.
    #[arg(long)]
    pub full: bool,

    /// Only these personas, e.g. `USA,BRA`.
    #[arg(long, value_name = "ID,..", value_delimiter = ',')]
    pub personas: Vec<String>,

    /// Only these prompt languages, e.g. `en`.
    #[arg(long, value_name = "TAG,..", value_delimiter = ',')]
    pub languages: Vec<String>,

    /// Only these elicitation formats of the study, e.g. `number`.
    #[arg(long, value_name = "FORMAT,..", value_delimiter = ',')]
    pub formats: Vec<String>,

    /// Only these option orders of the study: forward, reversed, rotated_1, ...
    #[arg(long, value_name = "ORDER,..", value_delimiter = ',')]
    pub option_orders: Vec<OptionOrder>,

    /// Only these of the study's ways to word its items.
    #[arg(long, value_name = "WORDING,..", value_delimiter = ',')]
    pub item_wordings: Vec<String>,

    /// Temperatures instead of the study's own; 1 is always added. Exact: no sampling, one pass for all.
    #[arg(long, value_name = "T,..", value_delimiter = ',')]
    pub temperatures: Vec<f64>,

    /// Answer mass below which a cell is marked `low_mass`.
    #[arg(long, value_name = "MASS", default_value_t = 0.5)]
    pub low_mass: f64,

    /// Answer mass below which a cell is `unusable`: it gets no distribution and is compared with nobody.
    #[arg(long, value_name = "MASS", default_value_t = 0.1)]
    pub unusable_mass: f64,

    /// How many of the most probable next tokens to note for each prompt.
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    pub top: usize,

    #[command(flatten)]
    pub prompting: PromptOptions,

    /// Seed of the bootstrap.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    /// Cells to compute again, each alone, in f32, by candle's operations, to certify the run's own arithmetic; 0 for none.
    /// Loads the model a second time. Default: 1 % of the cells, at least 20 and at most 1,000.
    #[arg(long, value_name = "COUNT")]
    pub certify: Option<usize>,

    /// Bootstrap replicates behind each interval and noise floor.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub replicates: usize,

    /// Main memory to keep within, as far as can be foretold, e.g. `8GiB`: the token budget is halved until the run is expected to fit, or it is
    /// refused before anything is loaded. `respondent plan` tells what is expected.
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,

    /// Prompts that are prepared and read together. What such branches share is computed once in each; the memory for prompts goes with a branch,
    /// not with the run.
    #[arg(long, value_name = "COUNT", default_value_t = BRANCH_PROMPT_COUNT)]
    pub branch_prompts: usize,

    #[command(flatten)]
    pub engine: EngineOptions,

    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct PromptOptions {
    /// `none` puts plain text to the model, as to a base model; or the Jinja file of another chat template. Default: the
    /// model's own, where it has one.
    #[arg(long, value_name = "none|FILE")]
    pub template: Option<String>,

    /// What becomes of a reasoning model's thinking: `closed` gives a template that reads it `enable_thinking=false`, and
    /// closes a block of thoughts that a generation prompt leaves open; `as-is` leaves both to the template.
    #[arg(long, value_name = "HOW", value_enum, default_value = "closed")]
    pub thinking: ThinkingArgument,

    /// What a chat template that asks for today's date is told, so that a prompt does not change overnight.
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2025-01-01")]
    pub template_date: String,
}

impl PromptOptions {
    pub fn settings(&self) -> PromptSettings {
        let template = match self.template.as_deref() {
            None => TemplateChoice::Model,
            Some("none") => TemplateChoice::None,
            Some(path) => TemplateChoice::File(path.into()),
        };
        PromptSettings { template, thinking: self.thinking.into(), template_date: self.template_date.clone() }
    }
}

/// What becomes of thinking.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ThinkingArgument {
    Closed,
    AsIs,
}

impl From<ThinkingArgument> for Thinking {
    fn from(argument: ThinkingArgument) -> Self {
        match argument {
            ThinkingArgument::Closed => Thinking::Closed,
            ThinkingArgument::AsIs => Thinking::AsIs,
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct EngineOptions {
    /// Most tokens in one forward pass. More is faster up to a point and takes more memory.
    #[arg(long, value_name = "TOKENS", default_value_t = 2048)]
    pub token_budget: usize,

    /// `cpu`, or `cuda:N` in a build with CUDA.
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub device: String,

    /// Numbers that weights and activations are multiplied in: `f32`, or `bf16`, which is faster, rounds more and takes
    /// half the memory; on a CPU without AVX512-BF16 it saves memory and costs time. Sums, norms and attention are f32 either
    /// way on a CPU.
    #[arg(long, value_name = "DTYPE", default_value = "f32", value_enum)]
    pub dtype: DtypeArgument,

    /// The CPU's arithmetic: `auto` takes the best it has; `avx512`, `avx2` or `neon` that one; `portable` runs on every
    /// CPU. All of these come to the same bytes however prompts share batches, and in f32 `avx512`, `avx2` and `neon` to each
    /// other's. `candle` is that library's operations, a reference that rounds with its batches (f32 only).
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub kernel: String,

    /// Worker threads. Default: all cores.
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<usize>,
}

/// Score prompts from JSON lines: log-probs of token ids or of options, log-sum-exp, entropy, top tokens.
///
/// One JSON object a line:
///
///   {"id": "a", "input_ids": [1, 2, 3], "wanted": [17, 18]}
///   {"id": "b", "prompt": "The sky is", "options": [" blue", " green"]}
///   {"id": "c", "messages": [{"role": "user", "content": "Yes or no?"}], "options": [["Yes", "yes"], ["No", "no"]]}
///
/// An option may be several strings that all count as it; options are exclusive, so "1" never collects "10".
/// `answer_prefix` goes behind the prompt or the generation prompt. Each line of output, in input order:
///
///   {"id", "temperature", "log_probs", "log_sum_exp", "answer_mass", "entropy", "top": [{"id", "token", "log_prob"}]}
///
/// answer_mass is there for options; all logs are natural, minus infinity is null. entropy (nats) and top are those of
/// the next token at temperature 1, whatever --temperature is. With several temperatures the first is told as above,
/// and all of them under "temperatures". Lines are read and answered in chunks of 4096. A bad
/// line is reported on stderr with its number, the rest goes on, and the exit code is 1.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = EXIT_CODES)]
pub struct ScoreCommand {
    /// JSON lines; `-` is standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    pub input: String,

    /// A model's directory, .gguf file or name as `models list` tells it, or `control`.
    #[arg(long, value_name = "MODEL")]
    pub model: String,

    /// Temperatures at which to tell log-probs.
    #[arg(long, value_name = "T,..", value_delimiter = ',', default_value = "1")]
    pub temperature: Vec<f64>,

    /// How many of the most probable next tokens to tell.
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub top: usize,

    /// `wanted` reads nothing but the wanted ids, or options of one token each: log_probs, log_sum_exp, entropy and top then
    /// share out what these ids have among them, and there is no answer_mass.
    #[arg(long, value_name = "SCOPE", value_enum, default_value = "vocabulary")]
    pub readout: ReadoutArgument,

    /// Rank the whole vocabulary behind each prompt, and tell how many tokens hold this much of the probability (0.9 is usual),
    /// with the rank of each wanted id, or of the best token that begins an option, and each surface form's probability.
    #[arg(long, value_name = "MASS")]
    pub nucleus: Option<f64>,

    /// Stop at the first bad line.
    #[arg(long)]
    pub strict: bool,

    #[command(flatten)]
    pub prompting: PromptOptions,

    #[command(flatten)]
    pub engine: EngineOptions,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Measure inference throughput on a workload, against the machine's own peak.
///
/// Measures the machine's peak, loads the model, and runs the workload from token ids in memory to readouts, several times.
///
/// Times, rates, operations and fractions of the peak go to stdout, as a card or as JSON. What cannot be measured on a
/// path is `-` or null.
#[derive(Debug, clap::Args)]
pub struct BenchCommand {
    /// A model's directory, .gguf file or name as `models list` tells it, or `control`.
    #[arg(long, value_name = "MODEL", conflicts_with = "shape")]
    pub model: Option<String>,

    /// A named shape with random weights (tiny, qwen2.5-0.5b, llama-3.2-1b, ...); they are as fast as the real ones.
    #[arg(long, value_name = "NAME", default_value = "qwen2.5-0.5b")]
    pub shape: String,

    /// `survey`: 240 prompts of 270 tokens with 8,760 in the prefix trie. `flat`: 24 prompts that share nothing. Or a file
    /// with a line {"input_ids": [1, 2], "wanted": [3]} for each prompt; `wanted` may be left out.
    #[arg(long, value_name = "NAME|FILE", default_value = "survey")]
    pub workload: String,

    /// Quantise the weights when they are loaded, as a GGML file would hold them; rows that do not fill blocks of 256 become
    /// q8_0.
    #[arg(long, value_name = "TYPE", value_enum)]
    pub quantise: Option<QuantiseArgument>,

    /// `wanted` multiplies the readout matrix for the wanted ids only, instead of reading the whole vocabulary.
    #[arg(long, value_name = "SCOPE", value_enum, default_value = "vocabulary")]
    pub readout: ReadoutArgument,

    /// How often the workload is run and timed.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub repeat: usize,

    /// Seed of random weights and of the workloads made here.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    /// Before anything is timed, hold log-probs of some prompts against candle's operations in f32: at most 1e-4 nats apart in
    /// f32, 0.25 in bf16. Loads the model twice, one after the other.
    #[arg(long)]
    pub verify: bool,

    /// Write a line {"log_probs": [..]} (natural, of the wanted ids) for each prompt to this file, in input order.
    #[arg(long, value_name = "FILE")]
    pub log_probs: Option<PathBuf>,

    #[command(flatten)]
    pub engine: EngineOptions,

    /// Print one JSON object instead of the card.
    #[arg(long)]
    pub json: bool,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct ReportCommand {
    /// A finished result folder.
    pub folder: PathBuf,
}

impl EngineOptions {
    /// # Errors
    /// Kind `Usage` for a device or kernel that this build or machine does not have.
    pub fn open_device(&self) -> Result<EngineDevice> {
        EngineDevice::new(&self.device, self.dtype.into(), &self.kernel)
    }
}

/// In which numbers is multiplied.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DtypeArgument {
    F32,
    Bf16,
}

/// Among which ids probability is shared out.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ReadoutArgument {
    Vocabulary,
    Wanted,
}

impl From<ReadoutArgument> for ReadoutScope {
    fn from(argument: ReadoutArgument) -> Self {
        match argument {
            ReadoutArgument::Vocabulary => ReadoutScope::Vocabulary,
            ReadoutArgument::Wanted => ReadoutScope::Wanted,
        }
    }
}

/// GGML types that stay quantised in memory.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum QuantiseArgument {
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "q6_k")]
    Q6K,
    #[value(name = "q4_k")]
    Q4K,
}

impl From<QuantiseArgument> for Quantisation {
    fn from(argument: QuantiseArgument) -> Self {
        match argument {
            QuantiseArgument::Q8_0 => Quantisation::Q8_0,
            QuantiseArgument::Q6K => Quantisation::Q6K,
            QuantiseArgument::Q4K => Quantisation::Q4K,
        }
    }
}

impl From<DtypeArgument> for EngineDtype {
    fn from(argument: DtypeArgument) -> Self {
        match argument {
            DtypeArgument::F32 => EngineDtype::F32,
            DtypeArgument::Bf16 => EngineDtype::Bf16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
