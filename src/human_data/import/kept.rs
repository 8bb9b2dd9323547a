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
    /// By item id the index of the option.
    responses: BTreeMap<String, u8>,
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

    /// The responses of one row, which [`KeptPeople::check`] has passed; `None` for no response.
    pub fn add<'a>(
        &mut self,
        participant: &str,
        group: &str,
        weight: f64,
        responses: impl Iterator<Item = (&'a str, Option<usize>)>,
    ) {
        let person = self.people.entry(participant.to_owned()).or_insert_with(|| Person {
            group: group.to_owned(),
            weight,
            responses: BTreeMap::new(),
        });
        for (item, response) in responses {
            if let Some(option) = response.and_then(|option| u8::try_from(option).ok()) {
                person.responses.insert(item.to_owned(), option);
            }
        }
    }

    /// Those who responded to something, by group.
    pub fn by_group(&self) -> Vec<Participants> {
        let mut items: Vec<&String> =
            self.people.values().flat_map(|person| person.responses.keys()).collect();
        items.sort_unstable();
        items.dedup();
        let mut groups: BTreeMap<&str, Participants> = BTreeMap::new();
        for person in self.people.values().filter(|person| !person.responses.is_empty()) {
            let group = groups.entry(&person.group).or_insert_with(|| Participants {
                population_group: person.group.clone(),
                weights: Vec::new(),
                responses: items.iter().map(|item| ((*item).clone(), Vec::new())).collect(),
            });
            group.weights.push(person.weight);
            for (item, responses) in &mut group.responses {
                responses.push(person.responses.get(item).copied());
            }
        }
        groups.into_values().collect()
    }
}
