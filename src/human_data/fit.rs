//! Whether a data set has what a study asks of it. Knows the study only as survey values.

use super::HumanData;
use crate::error::{Error, Result};
use crate::survey::{Item, Persona, ResponseScale};

impl HumanData {
    /// Refuses a study whose personas or items have no counts here, or counts over another number of options.
    /// `items` refer to `scales` by index.
    ///
    /// # Errors
    /// Kind `HumanData`, naming the counts file, and the line where there is one.
    pub fn check_against(
        &self,
        personas: &[Persona],
        items: &[Item],
        scales: &[ResponseScale],
    ) -> Result<()> {
        for persona in personas {
            for item in items {
                let scale = scales.get(item.scale_index);
                let scale =
                    scale.ok_or_else(|| Error::study(format!("the item `{}` has no scale", item.id)))?;
                self.check_item(&persona.population_group, item, scale)?;
            }
        }
        Ok(())
    }

    fn check_item(&self, group: &str, item: &Item, scale: &ResponseScale) -> Result<()> {
        let same = |index: &usize| {
            self.marginals[*index].population_group == group && self.marginals[*index].item == item.id
        };
        let Some(index) = (0..self.marginals.len()).find(same) else {
            let message =
                format!("there are no counts of the group `{group}` for the item `{}` of the study", item.id);
            return Err(Error::human_data(message).at(&self.path).hint(
                "the study's population groups and item ids must be those of its human data; leave `human_data` out to run it without people",
            ));
        };
        let (here, there) = (self.marginals[index].counts.len(), scale.option_count());
        if here == there {
            return Ok(());
        }
        let message = format!(
            "the item `{}` has counts for {here} options; the study's scale `{}` has {there}",
            item.id, scale.id
        );
        let error = Error::human_data(message).at(&self.path);
        Err(match self.marginal_lines.get(index) {
            Some(line) => error.line(*line),
            None => error,
        })
    }
}
