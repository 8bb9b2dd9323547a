//! Which of the items that were asked could be compared, condition by condition, and the baselines over those items
//! alone. Knows no words of the page.

use super::arithmetic::mean;
use super::run::{Readout, Subject};
use super::tables::RunTables;
use crate::output::records::ComparisonRow;
use std::collections::{BTreeSet, HashMap};

/// One persona asked in one language and elicitation format, about items that have people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedCondition<'a> {
    pub subject: Subject,
    pub language: String,
    pub format: String,
    /// Items that were asked and that people of the group responded to.
    pub asked: BTreeSet<&'a str>,
    /// Those of them with a usable cell at the reported temperature.
    pub compared: BTreeSet<&'a str>,
}

impl AskedCondition<'_> {
    pub fn is_whole(&self) -> bool {
        self.compared.len() == self.asked.len()
    }

    pub fn is_missing(&self) -> bool {
        self.compared.is_empty()
    }

    pub fn is_part(&self) -> bool {
        !self.is_missing() && !self.is_whole()
    }

    /// `en · number`.
    pub fn name(&self) -> String {
        format!("{} · {}", self.language, self.format)
    }

    /// `33 of 35`.
    pub fn share_of_items(&self) -> String {
        format!("{} of {}", self.compared.len(), self.asked.len())
    }

    pub fn is_of(&self, row: &ComparisonRow) -> bool {
        row.predictor == "model"
            && row.population_group == self.subject.population_group
            && row.persona.as_deref() == Some(&self.subject.persona)
            && row.language.as_deref() == Some(&self.language)
            && row.elicitation_format.as_deref() == Some(&self.format)
    }

    /// What a baseline's metric is over the items that the model is compared on. `None` where the baseline lacks one of
    /// them, and for the entropy ratio, which is no mean over items.
    pub fn baseline_over_compared(
        &self,
        comparisons: &[ComparisonRow],
        predictor: &str,
        metric: &str,
    ) -> Option<f64> {
        let of_baseline = comparisons.iter().filter(|row| {
            row.level == "item"
                && row.predictor == predictor
                && row.metric == metric
                && row.population_group == self.subject.population_group
                && row.item.as_deref().is_some_and(|item| self.compared.contains(item))
        });
        let values: Vec<f64> = of_baseline.map(|row| row.value).collect();
        let is_complete = values.len() == self.compared.len() && metric != "entropy_ratio";
        mean(values).filter(|_| is_complete)
    }
}

/// A group, persona, language and elicitation format.
type Place<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Every condition that was asked, by subject, and in it by language and format in the order given.
pub fn asked_conditions<'a>(
    tables: &'a RunTables,
    readouts: &[Readout<'a>],
    subjects: &[Subject],
    (languages, formats): (&[String], &[String]),
    has_people: impl Fn(&str, &str) -> bool,
) -> Vec<AskedCondition<'a>> {
    let Some(temperature) = readouts.first().map(|readout| readout.cell.temperature) else {
        return Vec::new();
    };
    let mut asked: HashMap<Place, BTreeSet<&'a str>> = HashMap::new();
    for cell in readouts.iter().map(|readout| readout.cell) {
        if has_people(&cell.population_group, &cell.item) {
            let place = (&*cell.population_group, &*cell.persona, &*cell.language, &*cell.elicitation_format);
            asked.entry(place).or_default().insert(&cell.item);
        }
    }
    let mut compared: HashMap<Place, BTreeSet<&'a str>> = HashMap::new();
    for row in tables.comparisons.iter().filter(|row| row.temperature == Some(temperature)) {
        if let (Some(item), Some(persona), Some(language), Some(format)) =
            (&row.item, &row.persona, &row.language, &row.elicitation_format)
        {
            compared.entry((&row.population_group, persona, language, format)).or_default().insert(item);
        }
    }
    let mut conditions = Vec::new();
    for subject in subjects {
        for (language, format) in languages.iter().flat_map(|l| formats.iter().map(move |f| (l, f))) {
            let place: Place = (&subject.population_group, &subject.persona, language, format);
            let Some(asked) = asked.get(&place) else { continue };
            conditions.push(AskedCondition {
                subject: subject.clone(),
                language: language.clone(),
                format: format.clone(),
                asked: asked.clone(),
                compared: compared.get(&place).cloned().unwrap_or_default(),
            });
        }
    }
    conditions
}
