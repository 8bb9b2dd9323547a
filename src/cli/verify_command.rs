//! `respondent verify`: is a result folder what its manifest says?

use super::progress::StageProgress;
use super::streams::{print_json, print_out, printable};
use crate::error::{Error, Result};
use crate::evaluate::{Stop, VerifyReport, VerifySample, verify_files, verify_sample};
use crate::models::ModelFolder;
use crate::output::ResultFolder;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Differences that are told one by one.
const SHOWN_COUNT: usize = 5;

/// Verify a finished run: its tables by their sha256, and with --model a sample of its cells, computed again.
///
/// The sample is drawn by a seed, and each of its cells computed alone by the kernel that made the run, or one that comes to the same bits: in f32 `avx512`,
/// `avx2` and `neon` do. On a CPU every column of its rows in
/// cells.parquet, prompts.parquet and tokens.parquet has to come back to the bit; on GPUs, and with `--kernel candle`, sums over other batches may round
/// otherwise, and the largest difference is told. Study and people are looked for as the run had them; another model, study or people than the run's are refused.
#[derive(Debug, clap::Args)]
pub struct VerifyCommand {
    /// A finished result folder.
    pub folder: PathBuf,

    /// The run's model: compute a sample of cells again.
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// How many cells.
    #[arg(long, value_name = "COUNT", default_value_t = 20, requires = "model")]
    pub cells: usize,

    /// Which cells.
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "model")]
    pub seed: u64,

    /// Print one JSON object instead of lines.
    #[arg(long)]
    pub json: bool,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

pub fn execute(command: &VerifyCommand, stop: &Stop) -> Result<()> {
    let folder = ResultFolder::open(&command.folder)?;
    let mut report = verify_files(&folder)?;
    if let Some(model) = &command.model {
        let progress = StageProgress::new(command.quiet);
        let settings = VerifySample { cell_count: command.cells, seed: command.seed };
        let model = ModelFolder::find(model)?;
        let sample = verify_sample(&folder, &model, settings, &|event| progress.on_event(event), stop)?;
        report.sample = Some(sample);
    }
    if command.json {
        print_json(&report)?
    } else {
        print_out(&lines(&report))?
    }
    match report.is_as_stated() {
        true => Ok(()),
        false => Err(Error::output("this folder is not what its run wrote").at(folder.path())),
    }
}

fn lines(report: &VerifyReport) -> String {
    let mut text = String::new();
    for name in &report.whole_files {
        let _ = writeln!(text, "whole    {}", printable(name));
    }
    for name in &report.altered_files {
        let _ = writeln!(text, "altered  {}", printable(name));
    }
    let Some(sample) = &report.sample else {
        let _ = writeln!(text, "no cell was computed again: --model says by which model");
        return text;
    };
    let _ = writeln!(
        text,
        "{} cells computed again, each alone (seed {}, {}): {} rows of three tables, {}",
        sample.cell_count,
        sample.seed,
        sample.kernel,
        sample.row_count,
        match sample.differing_cells().count() {
            0 if sample.allowed_difference_nats > 0.0 => format!(
                "log-probs within {:.0e} nats, shares within {:.0e}; {:.0e} are let pass, for this kernel rounds with its batches",
                sample.largest_difference_nats,
                sample.largest_share_difference,
                sample.allowed_difference_nats
            ),
            0 => "all the same to the bit".to_owned(),
            count => format!(
                "{count} cells differ, log-probs by up to {:.0e} nats",
                sample.largest_difference_nats
            ),
        }
    );
    for difference in sample.differences.iter().take(SHOWN_COUNT) {
        let columns = printable(&difference.columns.join(", "));
        let _ =
            writeln!(text, "differs  {}  {}: {columns}", printable(&difference.cell_id), difference.table);
    }
    if let Some(more) = sample.differences.len().checked_sub(SHOWN_COUNT).filter(|more| *more > 0) {
        let _ = writeln!(text, "and {more} more; --json has them all");
    }
    text
}
