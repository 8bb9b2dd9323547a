//! From the readouts of a cell to what is said of it at each temperature, by whichever format it was asked in. Knows no tables.

use super::RunPlan;
use super::prepare::PreparedPrompt;
use crate::engine::ReadoutLogits;
use crate::error::Result;
use crate::prompts::{AnswerKey, Cell};
use crate::scoring::{
    BatteryNode, CellReading, OptionProbe, log_probs, premise_normalised, read_battery, read_cell,
    read_verbalised,
};
use crate::survey::ResponseDistribution;

/// What was read of one cell at one temperature, by whichever format.
pub struct CellRead {
    pub reading: CellReading,
    /// Of a verbalised distribution.
    pub expected_counts: Option<Vec<Option<f64>>>,
    /// Log-probs behind the domain premise, and the distribution normalised by them.
    pub premise: Option<(Vec<f64>, Option<ResponseDistribution>)>,
}

/// Reads a cell at each temperature, as its format has it, from all its prompts and what was read of each.
///
/// # Errors
/// As [`read_cell`], [`read_verbalised`] and [`read_battery`].
pub fn read_as_asked(
    plan: &RunPlan,
    cell: &Cell,
    prompts: &[PreparedPrompt],
    readouts: &[Vec<ReadoutLogits>],
) -> Result<Vec<CellRead>> {
    let settings = &plan.settings;
    let format = &plan.study.formats[cell.format_index];
    let plain = |reading| CellRead { reading, expected_counts: None, premise: None };
    if format.key == AnswerKey::Count {
        let asked: Vec<(&OptionProbe, &[ReadoutLogits])> =
            prompts.iter().zip(readouts).map(|(prompt, read)| (&*prompt.probe, read.as_slice())).collect();
        let readings = read_verbalised(&asked, &settings.temperatures, settings.thresholds)?;
        let read = readings.into_iter().map(|read| CellRead {
            reading: read.reading,
            expected_counts: Some(read.expected_counts),
            premise: None,
        });
        return Ok(read.collect());
    }
    if prompts.len() > 1 {
        let nodes: Vec<BatteryNode> = prompts
            .iter()
            .zip(readouts)
            .map(|(prompt, readouts)| BatteryNode {
                earlier: &prompt.earlier,
                probe: &prompt.probe,
                readouts,
            })
            .collect();
        let readings = read_battery(&nodes, &settings.temperatures, settings.thresholds)?;
        return Ok(readings.into_iter().map(plain).collect());
    }
    let readings = read_cell(&prompts[0].probe, &readouts[0], &settings.temperatures, settings.thresholds)?;
    Ok(readings.into_iter().map(plain).collect())
}

/// Notes what was read behind a premise, and the distribution normalised by it where there is a plain one.
///
/// # Errors
/// Kind `Study`; never for what the engine has read.
pub fn set_against(probe: &OptionProbe, readouts: &[ReadoutLogits], readings: &mut [CellRead]) -> Result<()> {
    for (index, read) in readings.iter_mut().enumerate() {
        let behind = log_probs(probe, readouts, index, read.reading.temperature);
        let normalised = match read.reading.distribution {
            Some(_) => premise_normalised(&read.reading.log_probs, &behind)?,
            None => None,
        };
        read.premise = Some((behind, normalised));
    }
    Ok(())
}
