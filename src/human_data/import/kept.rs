//! Participants whose responses are kept, gathered row by row. Their names serve to put their rows together and go no further.

use crate::survey::Participants;
use std::collections::BTreeMap;

/// By the name in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeptPeople {
    people: BTreeMap<String, Person>,
}

#[derive(Debug, Clone, PartialEq)]
struct Person {
    group: String,
    weight: f64,
    /// By item the index of the option.
    responses: Vec<Option<u8>>,
}

impl KeptPeople {
    pub fn count(&self) -> u64 {
        self.people.len() as u64
    }

    /// Whether a row says of its participant what earlier rows do.
    pub fn check(&self, participant: &str, group: &str, weight: f64) -> Result<(), String> {
        let Some(known) = self.people.get(participant) else { return Ok(()) };
        let name = participant.escape_debug();
        if known.group != group {
            return Err(format!("the participant `{name}` was of another group before, `{}`", known.group));
        }
        match known.weight == weight {
            true => Ok(()),
            false => Err(format!("the participant `{name}` had another weight before, {}", known.weight)),
        }
    }

    /// The responses of one row, which [`KeptPeople::check`] has passed: by index of the item that of the option, `None` for no response.
    /// Scales were checked to be short enough.
    pub fn add(
        &mut self,
        participant: &str,
        group: &str,
        weight: f64,
        item_count: usize,
        responses: &[(usize, Option<usize>)],
    ) {
        let person = self.people.entry(participant.to_owned()).or_insert_with(|| Person {
            group: group.to_owned(),
            weight,
            responses: vec![None; item_count],
        });
        for (item, response) in responses {
            person.responses[*item] = response.and_then(|option| u8::try_from(option).ok());
        }
    }

    /// Those who responded to something, by group. `items` are the ids of all.
    pub fn by_group<'a>(&self, items: impl Iterator<Item = &'a str> + Clone) -> Vec<Participants> {
        let mut groups: BTreeMap<&str, Participants> = BTreeMap::new();
        for person in self.people.values().filter(|person| person.responses.iter().any(Option::is_some)) {
            let group = groups.entry(&person.group).or_insert_with(|| Participants {
                population_group: person.group.clone(),
                weights: Vec::new(),
                responses: items.clone().map(|item| (item.to_owned(), Vec::new())).collect(),
            });
            group.weights.push(person.weight);
            for (item, response) in items.clone().zip(&person.responses) {
                group.responses.entry(item.to_owned()).or_default().push(*response);
            }
        }
        groups.into_values().collect()
    }
}
