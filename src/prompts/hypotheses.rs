//! The `[[hypotheses]]` of `study.toml`: what a study claims, and everything that can be wrong with a claim before anything is run.
//! Every field is described in `prompts/README.md`.

use super::structure::{StudyFile, formats, item_id};
use crate::data_folder::TextFile;
use crate::error::Result;
use crate::spanned::Spanned;
use crate::survey::{Between, Factor, Hypothesis, Prediction, Quantity, Reach, Selector};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

type SelectorFile = BTreeMap<Spanned<String>, Vec<Spanned<String>>>;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HypothesisFile {
    pub id: Spanned<String>,
    /// A sentence for readers.
    claim: Spanned<String>,
    /// What is averaged.
    quantity: Quantity,
    /// The group whose people the quantity is held against; else that of the persona.
    people_of: Option<Spanned<String>>,
    /// One side: property of a cell to a list of its values.
    more: SelectorFile,
    /// The other side; without, the mean of the one.
    less: Option<SelectorFile>,
    #[serde(default)]
    within: SelectorFile,
    between: Option<BetweenFile>,
    /// The claim is made of each combination of these properties' values.
    #[serde(default)]
    for_each: Vec<Spanned<String>>,
    /// What the claim is about as it is, and not as an example of others.
    #[serde(default)]
    fixed: Vec<Factor>,
    #[serde(default = "every")]
    reach: Reach,
    predicts: Prediction,
    /// The smallest difference that counts, in the quantity's unit; 0 if left out.
    margin: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BetweenFile {
    property: Spanned<String>,
    values: Option<Spanned<Vec<Spanned<String>>>>,
}

fn every() -> Reach {
    Reach::Every
}

/// Property to the values that cells of the study have there.
type Properties = BTreeMap<String, BTreeSet<String>>;

/// What cells can be told apart by: facets, and what they are made of.
fn properties(study: &StudyFile) -> Properties {
    let mut known = Properties::new();
    let mut add = |name: &str, values: &mut dyn Iterator<Item = String>| {
        known.entry(name.to_owned()).or_default().extend(values);
    };
    let text = |text: &Spanned<String>| text.as_ref().clone();
    add("persona", &mut study.personas.iter().map(|persona| text(&persona.id)));
    add("population_group", &mut study.personas.iter().map(|persona| text(&persona.population_group)));
    add("language", &mut study.languages.as_ref().iter().map(text));
    add("elicitation_format", &mut formats(study).into_iter().map(|format| format.id));
    add("option_order", &mut study.option_orders.as_ref().iter().map(|order| order.as_ref().to_string()));
    add("item_wording", &mut study.item_wordings.iter().flat_map(|ids| ids.as_ref().iter().map(text)));
    add("temperature", &mut study.temperatures.as_ref().iter().map(|value| value.as_ref().to_string()));
    add("variable", &mut study.variables.iter().map(|variable| text(&variable.id)));
    add("situation", &mut study.situations.iter().map(|situation| text(&situation.id)));
    let facets = study.situations.iter().map(|situation| &situation.facets);
    for (name, value) in facets.chain(study.variables.iter().map(|variable| &variable.facets)).flatten() {
        add(name.as_ref(), &mut std::iter::once(text(value)));
    }
    let situations: Vec<Option<_>> = match study.situations.is_empty() {
        true => vec![None],
        false => study.situations.iter().map(Some).collect(),
    };
    for situation in situations {
        add("item", &mut study.variables.iter().map(|variable| item_id(variable, situation)));
    }
    known
}

/// The hypotheses of a study whose structure has been checked otherwise.
///
/// # Errors
/// With file and line: a property or value that no cell has, an id that is there twice, a margin that is none.
pub(super) fn read_hypotheses(file: &TextFile, study: &StudyFile) -> Result<Vec<Hypothesis>> {
    let known = properties(study);
    let mut ids = BTreeSet::new();
    let mut read = Vec::new();
    for hypothesis in &study.hypotheses {
        if !ids.insert(hypothesis.id.as_ref()) {
            let message = format!("the hypothesis `{}` is there twice", hypothesis.id.as_ref());
            return Err(file.refuse(hypothesis.id.span(), message));
        }
        read.push(read_one(file, hypothesis, &known)?);
    }
    Ok(read)
}

fn read_one(file: &TextFile, hypothesis: &HypothesisFile, known: &Properties) -> Result<Hypothesis> {
    let claim = hypothesis.claim.as_ref().trim();
    if claim.is_empty() {
        return Err(file.refuse(hypothesis.claim.span(), "this text is empty"));
    }
    if let Some(group) = &hypothesis.people_of {
        check_value(file, "population_group", group, known)?;
    }
    for name in &hypothesis.for_each {
        check_property(file, name, known)?;
    }
    let margin = hypothesis.margin.as_ref().map_or(0.0, |margin| *margin.as_ref());
    if let Some(stated) = hypothesis.margin.as_ref().filter(|_| !(margin.is_finite() && margin >= 0.0)) {
        return Err(file.refuse(stated.span(), "a margin is a number from 0 on"));
    }
    let selector = |selector: &SelectorFile| read_selector(file, selector, known);
    Ok(Hypothesis {
        id: hypothesis.id.as_ref().clone(),
        claim: claim.to_owned(),
        quantity: hypothesis.quantity,
        people_of: hypothesis.people_of.as_ref().map(|group| group.as_ref().clone()),
        more: selector(&hypothesis.more)?,
        less: hypothesis.less.as_ref().map(selector).transpose()?,
        within: selector(&hypothesis.within)?,
        between: hypothesis.between.as_ref().map(|between| read_between(file, between, known)).transpose()?,
        for_each: hypothesis.for_each.iter().map(|name| name.as_ref().clone()).collect(),
        fixed: hypothesis.fixed.clone(),
        reach: hypothesis.reach,
        predicts: hypothesis.predicts,
        margin,
    })
}

fn read_selector(file: &TextFile, selector: &SelectorFile, known: &Properties) -> Result<Selector> {
    let mut read = Selector::new();
    for (name, values) in selector {
        check_property(file, name, known)?;
        values.iter().try_for_each(|value| check_value(file, name.as_ref(), value, known))?;
        if values.is_empty() {
            return Err(file.refuse(name.span(), format!("no value of `{}` is selected", name.as_ref())));
        }
        read.insert(name.as_ref().clone(), values.iter().map(|value| value.as_ref().clone()).collect());
    }
    Ok(read)
}

fn read_between(file: &TextFile, between: &BetweenFile, known: &Properties) -> Result<Between> {
    check_property(file, &between.property, known)?;
    let property = between.property.as_ref().clone();
    let Some(values) = &between.values else { return Ok(Between { property, values: None }) };
    let [first, second] = &values.as_ref()[..] else {
        return Err(file.refuse(values.span(), "`values` are two: the first less the second"));
    };
    for value in [first, second] {
        check_value(file, &property, value, known)?;
    }
    if first.as_ref() == second.as_ref() {
        return Err(file.refuse(values.span(), "both values are the same"));
    }
    Ok(Between { property, values: Some((first.as_ref().clone(), second.as_ref().clone())) })
}

fn check_property(file: &TextFile, name: &Spanned<String>, known: &Properties) -> Result<()> {
    if known.contains_key(name.as_ref()) {
        return Ok(());
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    Err(file
        .refuse(name.span(), format!("cells have no property `{}`", name.as_ref().escape_debug()))
        .hint(format!("they have {}", names.join(", "))))
}

fn check_value(file: &TextFile, property: &str, value: &Spanned<String>, known: &Properties) -> Result<()> {
    if known[property].contains(value.as_ref()) {
        return Ok(());
    }
    let message = format!("no cell has the {property} `{}`", value.as_ref().escape_debug());
    Err(file.refuse(value.span(), message))
}
