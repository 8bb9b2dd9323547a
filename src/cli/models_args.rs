//! The command line of `respondent models` as it is typed.

use super::args::{EXIT_CODES, EngineOptions, PromptOptions};
use clap::Subcommand;
use std::path::PathBuf;

/// Models on disk: list, inspect, import, verify, check, fetch.
///
/// Models lie in `models/` of the working directory, in the folders that RESPONDENT_MODELS lists (separated as in PATH),
/// and in Hugging Face's cache (HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, else ~/.cache/huggingface/hub). --model
/// of run, score and bench takes what `list` calls them, or a path.
#[derive(Debug, clap::Args)]
pub struct ModelsCommand {
    #[command(subcommand)]
    pub verb: ModelsVerb,
}

#[derive(Debug, Subcommand)]
pub enum ModelsVerb {
    #[command(after_help = EXIT_CODES)]
    List(ListCommand),
    #[command(after_help = EXIT_CODES)]
    Inspect(InspectCommand),
    #[command(after_help = EXIT_CODES)]
    Import(ImportCommand),
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyCommand),
    #[command(after_help = EXIT_CODES)]
    Check(Box<CheckCommand>),
    #[command(after_help = EXIT_CODES)]
    Fetch(FetchCommand),
}

/// Tell what models are on disk, and why some of them cannot be used.
///
/// A line for each model: its name as --model takes it, family, parameters, dtype, size on disk, place.
///
/// Reads configs and the headers of weight files, no weights. What cannot be used comes below, with the reason.
#[derive(Debug, clap::Args)]
pub struct ListCommand {
    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// Tell what a model is, from its config and headers alone: family, size, context, tokenizer, template, memory.
///
/// The memory is that of the weights alone, in either --dtype; activations come on top and depend on --token-budget. The
/// sha256 are those of the model's manifest, where it has one; `verify` computes them.
#[derive(Debug, clap::Args)]
pub struct InspectCommand {
    /// A name that `list` tells, or a path.
    pub model: String,

    /// Print one JSON object instead of lines.
    #[arg(long)]
    pub json: bool,
}

/// Write a manifest of a model: a name for it, and the sha256 of each of its files.
///
/// Hashes the files and writes models/NAME.toml, by which the model can be called and verified from then on. The model
/// stays where it is. The manifest names config, tokenizer and template files and all *.safetensors; it is TOML and meant
/// to be read. A model below the manifest's folder is noted by its relative path, so that both can be moved.
#[derive(Debug, clap::Args)]
pub struct ImportCommand {
    /// A model's folder, or its name in Hugging Face's cache.
    pub path: String,

    /// What the model is to be called. Default: its folder's name.
    #[arg(long)]
    pub name: Option<String>,

    /// Where it comes from; noted, not looked at.
    #[arg(long, value_name = "TEXT")]
    pub source: Option<String>,

    /// Its licence; noted, not looked at.
    #[arg(long, value_name = "TEXT")]
    pub license: Option<String>,

    #[command(flatten)]
    pub place: ManifestPlace,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct ManifestPlace {
    /// Folder for the manifest. Names are looked up in models/ and in the folders of RESPONDENT_MODELS.
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub into: PathBuf,

    /// Overwrite a manifest of that name.
    #[arg(long)]
    pub force: bool,
}

/// Hash the files of models again and hold them against their manifests, offline.
///
/// Tells every file that is changed, missing or extra. An extra file is one that the manifest does not name and that the
/// model would be read from. The exit code is 3 if anything is not as the manifest says, or there is no manifest to verify.
#[derive(Debug, clap::Args)]
pub struct VerifyCommand {
    /// Names or paths of manifests. Default: all in models/ and in the folders of RESPONDENT_MODELS.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Hold two packagings of one model against each other, on the prompts of a study.
///
/// A GGUF file and the folder it was made from, two quantisations, a model before and after a conversion. All of the study's
/// prompts are written and tokenised by both: how many differ in text, in token ids, in the tokens of the options, and the
/// first that do. For a sample of prompts both are then run: how far apart the next token's whole distribution is (KL divergence
/// in nats, total variation), the options' log-probs, and the responses; on the very same token ids, which is about weights,
/// and each as it is asked itself, which is what a run would find.
///
/// The exit code is 3 if any prompt differs. How far apart numbers may be is for you to say.
#[derive(Debug, clap::Args)]
pub struct CheckCommand {
    /// A model's directory, .gguf file or name as `models list` tells it, or `control`.
    pub model: String,

    /// The other packaging.
    #[arg(long, value_name = "MODEL")]
    pub against: String,

    /// Id of a built-in study, or a study's folder.
    #[arg(long, value_name = "STUDY", default_value = "isear")]
    pub study: String,

    /// All of the study, not its default subset.
    #[arg(long)]
    pub full: bool,

    /// Prompts whose numbers are compared, drawn by --seed; 0 reads no weights.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub sample: usize,

    /// Seed of the sample.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    #[command(flatten)]
    pub prompting: PromptOptions,

    #[command(flatten)]
    pub engine: EngineOptions,

    /// Print one JSON object instead of the card.
    #[arg(long)]
    pub json: bool,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

#[cfg_attr(
    feature = "hub",
    doc = "Fetch a model from a hub into Hugging Face's cache, and write its manifest.

Resolves the revision to a commit, fetches the files of that commit that a model needs, checks each against the hub's hash. They
come to lie in Hugging Face's cache, where every other program finds them too. A download that breaks off is taken up where it
ended, in this run or the next. Environment: HF_TOKEN for gated models (taken from nowhere else), HF_ENDPOINT for another hub,
HF_HUB_OFFLINE=1 forbids it."
)]
#[cfg_attr(
    not(feature = "hub"),
    doc = "(not in this build, which has no network code)

`cargo build --release --features hub` makes a build that fetches models. Without it, bring a model here by other means
(`hf download org/name` fills the cache that `list` reads) and `import` it."
)]
#[derive(Debug, clap::Args)]
pub struct FetchCommand {
    /// org/name[@revision]; a revision is a branch, a tag or a commit, `main` if none is given.
    #[arg(value_name = "ORG/NAME[@REVISION]")]
    pub model: String,

    /// One GGUF file of the repository instead of config, tokenizer and safetensors.
    #[arg(long, value_name = "NAME.gguf")]
    pub file: Option<String>,

    /// What the model is to be called. Default: the repository's name without its organisation.
    #[arg(long)]
    pub name: Option<String>,

    #[command(flatten)]
    pub place: ManifestPlace,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}
