//! Other rules that a control may follow, each with one thing about it that is to be found out. Knows no tokens and no tensors.

use super::planted::{BaseResponse, Planted};
use respondent::error::{Error, Result};
use respondent::human_data::HumanData;
use respondent::prompts::{AnswerKey, Study};

/// Nats for the option shown first, where nothing else counts.
const FIRST_BONUS: f64 = 6.0;
/// What the collapsed respondent leaves to all other options together.
const OTHERS: f64 = 1e-3;

/// Whom a control answers as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The built-in control.
    BuiltIn,
    /// As the built-in one, with anger and shame and guilt in each other's place.
    Reversed,
    /// As people do, each persona as its own.
    People,
    /// Every option alike.
    Even,
    /// The highest option, whatever is asked.
    Collapsed,
    /// The option shown first.
    First,
    /// The letter A; in other formats every option alike.
    LetterA,
}

impl Rule {
    pub const ALL: [(&str, Rule); 7] = [
        ("built-in", Rule::BuiltIn),
        ("reversed", Rule::Reversed),
        ("people", Rule::People),
        ("even", Rule::Even),
        ("collapsed", Rule::Collapsed),
        ("first", Rule::First),
        ("letter-a", Rule::LetterA),
    ];

    pub fn named(name: &str) -> Option<Rule> {
        Rule::ALL.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
    }

    /// What is planted by this rule.
    ///
    /// # Errors
    /// Kind `Study` where the rule has nothing to say of an item.
    pub fn plant(self, study: &Study, people: &HumanData) -> Result<Planted> {
        let built_in = Planted::new(study)?;
        let mut base = Vec::new();
        for (persona_index, persona) in study.personas.iter().enumerate() {
            let mut responses = Vec::new();
            for item_index in 0..study.items.len() {
                let item = &study.items[item_index];
                let count = study.scales[item.scale_index].option_count();
                let own = &built_in.base[persona_index];
                responses.push(match self {
                    Rule::BuiltIn => own[item_index].clone(),
                    Rule::Reversed => own[opposite(study, item_index)?].clone(),
                    Rule::People => of_people(people, &persona.population_group, &item.id)?,
                    Rule::Even | Rule::First | Rule::LetterA => response(vec![1.0 / count as f64; count]),
                    Rule::Collapsed => {
                        let mut shares = vec![OTHERS / (count - 1) as f64; count];
                        shares[count - 1] = 1.0 - OTHERS;
                        response(shares)
                    }
                });
            }
            base.push(responses);
        }
        let effects = study.formats.iter().zip(&built_in.effects);
        let effect = |(format, own): (&respondent::prompts::ElicitationFormat, &(f64, f64))| match self {
            Rule::BuiltIn | Rule::Reversed => *own,
            Rule::First => (1.0, FIRST_BONUS),
            Rule::LetterA if format.key == AnswerKey::Letter => (1.0, FIRST_BONUS),
            _ => (1.0, 0.0),
        };
        Ok(Planted { base, effects: effects.map(effect).collect() })
    }
}

/// The item of the same variable about the emotion on the other side: anger for shame and guilt, and guilt for anger.
fn opposite(study: &Study, item_index: usize) -> Result<usize> {
    let item = &study.items[item_index];
    let emotion = match item.facets["emotion"].as_str() {
        "shame" | "guilt" => "anger",
        "anger" => "guilt",
        _ => return Ok(item_index),
    };
    let id = format!("{}.{emotion}", item.variable);
    let found = study.items.iter().position(|other| other.id == id);
    found.ok_or_else(|| Error::study(format!("there is no item `{id}`")))
}

/// Shares of people, half a person more on each option so that none is impossible.
fn of_people(people: &HumanData, group: &str, item: &str) -> Result<BaseResponse> {
    let missing = || Error::human_data(format!("nobody of {group} responded to {item}"));
    let counts = &people.marginal(group, item).ok_or_else(missing)?.counts;
    let total: f64 = counts.iter().map(|count| count + 0.5).sum();
    Ok(response(counts.iter().map(|count| (count + 0.5) / total).collect()))
}

fn response(probabilities: Vec<f64>) -> BaseResponse {
    let by_share = |a: &usize, b: &usize| probabilities[*a].total_cmp(&probabilities[*b]);
    let mode = (0..probabilities.len()).max_by(by_share).unwrap_or(0);
    BaseResponse { mode, tilt: 0.0, probabilities }
}
