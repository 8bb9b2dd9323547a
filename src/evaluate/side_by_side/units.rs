//! The rows of `cells.parquet` back to what was held against people: the mean over option orders, as a run makes it.

use crate::compare::ModelUnit;
use crate::error::{Error, Result};
use crate::output::records::CellRow;
use crate::survey::ResponseDistribution;
use std::collections::BTreeMap;

/// Item to the values of its scale.
pub type ItemScales = BTreeMap<String, Vec<f64>>;

/// Population group, persona, item, language and format; temperature by its bits.
type UnitKey<'a> = ([&'a str; 5], u64);

#[derive(Default)]
struct UnitSum {
    probabilities: Vec<f64>,
    cell_count: u32,
    unusable_count: u32,
}

/// All units of a run, and the scale of each item.
///
/// # Errors
/// Kind `Output` when rows contradict each other: an item with two scales, a probability that is none.
pub fn units(rows: &[CellRow]) -> Result<(Vec<ModelUnit>, ItemScales)> {
    let mut readings: BTreeMap<(&str, u64), Vec<&CellRow>> = BTreeMap::new();
    for row in rows {
        readings.entry((&row.cell_id, row.temperature.to_bits())).or_default().push(row);
    }
    let mut scales = ItemScales::new();
    let mut sums: BTreeMap<UnitKey<'_>, UnitSum> = BTreeMap::new();
    for ((_, temperature), options) in &readings {
        let row = options[0];
        let values: Vec<f64> = options.iter().map(|row| row.option_value).collect();
        if *scales.entry(row.item.clone()).or_insert_with(|| values.clone()) != values {
            return Err(Error::output(format!("the item {} has two scales", row.item)));
        }
        let names = [&row.population_group, &row.persona, &row.item, &row.language, &row.elicitation_format];
        let sum = sums.entry((names.map(String::as_str), *temperature)).or_default();
        match options.iter().map(|row| row.probability).collect::<Option<Vec<f64>>>() {
            None => sum.unusable_count += 1,
            Some(shares) => {
                sum.cell_count += 1;
                sum.probabilities.resize(shares.len(), 0.0);
                sum.probabilities.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
            }
        }
    }
    let units = sums.into_iter().map(|(key, sum)| unit(key, &sum)).collect::<Result<_>>()?;
    Ok((units, scales))
}

fn unit(
    ([population_group, persona, item, language, format], temperature): UnitKey,
    sum: &UnitSum,
) -> Result<ModelUnit> {
    let distribution = match sum.cell_count {
        0 => None,
        _ => Some(ResponseDistribution::from_weights(&sum.probabilities)?),
    };
    Ok(ModelUnit {
        population_group: population_group.to_owned(),
        persona: persona.to_owned(),
        item: item.to_owned(),
        language: language.to_owned(),
        elicitation_format: format.to_owned(),
        temperature: f64::from_bits(temperature),
        distribution,
        cell_count: sum.cell_count,
        unusable_count: sum.unusable_count,
    })
}
