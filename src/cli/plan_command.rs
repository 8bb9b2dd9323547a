//! `respondent plan`: what a run will be, before any weight is loaded.

use super::args::RunOptions;
use super::progress::StageProgress;
use super::run_command::settings;
use super::streams::{print_json, print_out, printable};
use crate::error::{Error, Result};
use crate::evaluate::{RunOutlook, RunPlan, Shard, Speaker, Stop, outlook};
use crate::models::ModelFolder;
use indicatif::{BinaryBytes, HumanCount};
use std::fmt::Write as _;

/// Tell what a run will be: cells, readouts, tokens, arithmetic, the memory that it will take at its peak, and how it could be shared out.
///
/// Takes what `respondent run` takes. Memory is an estimate for the packed kernels of a CPU, fitted to runs; docs/reliability.md holds it against what runs took. Prompts are rendered and encoded; of the model no weight is read, only its headers. With --memory it tells the token
/// budget that fits, or what would do.
#[derive(Debug, clap::Args)]
pub struct PlanCommand {
    /// A built-in study (isear, social_emotions), or a folder. Default: isear.
    pub study: Option<String>,

    /// Tell how it would be cut into this many shards.
    #[arg(long, value_name = "N")]
    pub shards: Option<usize>,

    #[command(flatten)]
    pub options: RunOptions,
}

pub fn execute(command: &PlanCommand, stop: &Stop) -> Result<()> {
    let options = &command.options;
    let out_of_place = options.resume.is_some() || options.shard.is_some() || options.out.is_some();
    if out_of_place || options.or_resume {
        return Err(Error::usage("a plan makes no folder, and is of a whole run").hint(
            "leave --out, --resume, --or-resume and --shard out; --shards N tells how it would be cut",
        ));
    }
    if let Some(count) = command.shards {
        Shard::new(1, count)?;
    }
    let plan = RunPlan::new(settings(command.study.as_deref(), options))?;
    let device = options.engine.open_device()?;
    let model = ModelFolder::find(&options.model)?;
    super::set_threads(options.engine.threads)?;
    let speaker = Speaker::open(&model, &plan.settings.prompting)?;
    let progress = StageProgress::new(options.quiet);
    let wanted = (command.shards, options.memory.map(|size| size.0));
    let found = outlook(&plan, (&speaker, &model, &device), wanted, &|event| progress.on_event(event), stop)?;
    match options.json {
        true => print_json(&found),
        false => print_out(&lines(&found)),
    }
}

fn lines(found: &RunOutlook) -> String {
    let mut text = String::new();
    let mut line = |name: &str, told: String| {
        let _ = writeln!(text, "{name:<18} {told}");
    };
    let times = found.flat_token_count as f64 / found.trie_token_count.max(1) as f64;
    line("study", printable(&found.study));
    line("model", printable(&found.model));
    line("cells", HumanCount(found.cell_count).to_string());
    line("prompts", HumanCount(found.prompt_count).to_string());
    if found.branch_count > 1 {
        line(
            "branches",
            format!("{}, prepared and read one after the other", HumanCount(found.branch_count)),
        );
    }
    line("readouts", HumanCount(found.readout_count).to_string());
    line(
        "tokens",
        format!(
            "{}, {} if every cell were by itself ({times:.1} times fewer)",
            HumanCount(found.trie_token_count),
            HumanCount(found.flat_token_count)
        ),
    );
    line("arithmetic", format!("{:.3} TFLOP", found.flop_count as f64 / 1e12));
    if let [first, rest @ ..] = &found.shard_token_counts[..] {
        let (least, most) = rest.iter().fold((first, first), |(least, most), n| (least.min(n), most.max(n)));
        let again = found.shard_token_counts.iter().sum::<u64>() as f64 / found.trie_token_count as f64 - 1.0;
        line(
            "shards",
            format!(
                "{} of {} to {} tokens, {:.2} % computed again",
                found.shard_token_counts.len(),
                HumanCount(*least),
                HumanCount(*most),
                100.0 * again.max(0.0)
            ),
        );
    }
    let Some(memory) = &found.memory else {
        line("memory", "not told by this system".to_owned());
        return text;
    };
    let bytes = |count: u64| BinaryBytes(count).to_string();
    line("token budget", HumanCount(memory.token_budget).to_string());
    line("memory, expected", format!("{} at the peak, in {}", bytes(memory.peak_bytes), memory.peak_stage));
    line("  prompts", format!("{}, held with a branch of them", bytes(memory.prepared_bytes)));
    line("  weights", bytes(memory.weights_bytes));
    line("  a batch", format!("{}, with keys, values and logits", bytes(memory.working_bytes)));
    line("  results", bytes(memory.results_bytes));
    if memory.certificate_bytes > 0 {
        line(
            "  certificate",
            format!("{} of f32 weights, after the others", bytes(memory.certificate_bytes)),
        );
    }
    if memory.compare_bytes > 0 {
        line(
            "  people",
            format!("{} of replicates, while the model is held against them", bytes(memory.compare_bytes)),
        );
    }
    line("  page", format!("{}, at the end", bytes(memory.page_bytes)));
    text
}
