//! `study.toml`: the shape of a study without its words, and everything that can be wrong with it alone.
//! Every field is described in `prompts/README.md`.

use super::battery::{BatteryFile, check_battery};
use super::hypotheses::HypothesisFile;
use super::{AnswerKey, Battery, ElicitationFormat, OptionOrder};
use crate::data_folder::TextFile;
use crate::error::Result;
use crate::spanned::Spanned;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;

/// The one layout of study files that this program reads.
const SCHEMA_VERSION: u32 = 1;
/// Situations times variables; a study is asked of people too.
const ITEM_COUNT_MAX: usize = 10_000;
/// Letters run from A to Z.
const MAX_OPTION_COUNT: usize = 26;

pub(super) type Facets = BTreeMap<Spanned<String>, Spanned<String>>;
/// Facet, or `population_group`, to value to readable name.
pub(super) type Names = BTreeMap<Spanned<String>, Facets>;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StudyFile {
    /// 1.
    pub schema_version: Spanned<u32>,
    /// Letters, digits, `-` and `_`; so are all ids below.
    pub id: Spanned<String>,
    /// For the report.
    pub title: Spanned<String>,
    pub citation: Spanned<String>,
    /// Sentences that the report prints.
    #[serde(default)]
    pub caveats: Vec<Spanned<String>>,
    /// Id of a data set of people, a folder in human_data/.
    pub human_data: Option<Spanned<String>>,
    /// Language tags; each has a file TAG.toml.
    pub languages: Spanned<Vec<Spanned<String>>>,
    /// `number`, `letter`, `label`, and those of `elicitation_formats`.
    pub formats: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub elicitation_formats: BTreeMap<Spanned<String>, FormatFile>,
    /// `forward`, `reversed`, and `rotated_1`, `rotated_2`, ...: forward, begun so many options later.
    pub option_orders: Spanned<Vec<Spanned<OptionOrder>>>,
    /// Ids of ways to word what is asked; the first is what `variables` say, others have tables in the wording files. One without a name if left out.
    pub item_wordings: Option<Spanned<Vec<Spanned<String>>>>,
    /// Positive; 1 is always read too.
    pub temperatures: Spanned<Vec<Spanned<f64>>>,
    /// Names of the properties of items, in column order: lower-case letters, digits, `_`.
    pub facets: Vec<Spanned<String>>,
    /// Readable names of the values of a facet, or of `population_group`, for the report.
    #[serde(default)]
    pub names: Names,
    /// What a run takes unless it is asked for more.
    pub default_subset: SubsetFile,
    pub scales: Vec<ScaleFile>,
    /// What an item is about. Each variable is asked about each.
    #[serde(default)]
    pub situations: Vec<SituationFile>,
    /// What is asked.
    pub variables: Vec<VariableFile>,
    pub personas: Vec<PersonaFile>,
    #[serde(default)]
    pub hypotheses: Vec<HypothesisFile>,
}

/// A format of the study's own; `number`, `letter` and `label` need no declaration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FormatFile {
    pub key: AnswerKey,
    /// Whether each option has a line; true if left out.
    pub show_options: Option<Spanned<bool>>,
    /// What a response has to end with, any of these. None if left out.
    #[serde(default)]
    pub closings: Vec<Spanned<String>>,
    /// For labels: whether responses are also read behind a text that asks nothing; false if left out.
    pub domain_premise: Option<Spanned<bool>>,
    /// Items that are asked one after another in one conversation. Each by itself if left out.
    pub battery: Option<BatteryFile>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubsetFile {
    pub personas: Spanned<Vec<Spanned<String>>>,
    pub languages: Spanned<Vec<Spanned<String>>>,
    /// All of them if left out.
    pub formats: Option<Spanned<Vec<Spanned<String>>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaleFile {
    pub id: Spanned<String>,
    /// 2 to 26, lowest first.
    pub options: Spanned<Vec<OptionFile>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OptionFile {
    /// One word: what the data of people calls it.
    pub code: Spanned<String>,
    /// Rising strictly.
    pub value: Spanned<f64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SituationFile {
    pub id: Spanned<String>,
    #[serde(default)]
    pub facets: Facets,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VariableFile {
    pub id: Spanned<String>,
    /// Id of a scale.
    pub scale: Spanned<String>,
    #[serde(default)]
    pub facets: Facets,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonaFile {
    pub id: Spanned<String>,
    /// The group of people it stands for, in the human data's words.
    pub population_group: Spanned<String>,
}

/// Refuses whatever is wrong with the structure, whatever the words are.
pub(super) fn check_structure(file: &TextFile, study: &StudyFile) -> Result<()> {
    if *study.schema_version.as_ref() != SCHEMA_VERSION {
        let message = format!("this program reads schema_version {SCHEMA_VERSION}");
        return Err(file.refuse(study.schema_version.span(), message));
    }
    let item_count = study.situations.len().max(1) * study.variables.len();
    if item_count > ITEM_COUNT_MAX {
        let message = format!("{item_count} items are more than {ITEM_COUNT_MAX}");
        return Err(file.refuse(study.schema_version.span(), message));
    }
    check_texts(file, study)?;
    check_ids(file, study)?;
    check_design(file, study)?;
    check_formats(file, study)?;
    check_rotations(file, study)?;
    study.scales.iter().try_for_each(|scale| check_scale(file, scale))?;
    check_variables(file, study)?;
    check_facets(file, study)?;
    check_names(file, study)?;
    check_subset(file, "persona", &study.default_subset.personas, study.personas.iter().map(|p| &p.id))?;
    if let Some(formats) = &study.default_subset.formats {
        check_subset(file, "format", formats, study.formats.as_ref())?;
    }
    check_subset(file, "language", &study.default_subset.languages, study.languages.as_ref())
}

fn check_texts(file: &TextFile, study: &StudyFile) -> Result<()> {
    let groups = study.personas.iter().map(|persona| &persona.population_group);
    let facet_values = study.situations.iter().map(|situation| &situation.facets);
    let facet_values = facet_values.chain(study.variables.iter().map(|variable| &variable.facets));
    [&study.title, &study.citation]
        .into_iter()
        .chain(&study.caveats)
        .chain(groups)
        .chain(facet_values.flat_map(BTreeMap::values))
        .try_for_each(|text| match text.as_ref().trim().is_empty() {
            true => Err(file.refuse(text.span(), "this text is empty")),
            false => Ok(()),
        })
}

/// Readable names are for what there is.
fn check_names(file: &TextFile, study: &StudyFile) -> Result<()> {
    for (facet, names) in &study.names {
        let groups = study.personas.iter().map(|persona| persona.population_group.as_ref());
        let facets = study.situations.iter().map(|situation| &situation.facets);
        let values = facets.chain(study.variables.iter().map(|variable| &variable.facets));
        let values = values.filter_map(|facets| facets.get(facet.as_ref().as_str())).map(Spanned::as_ref);
        let known: HashSet<&String> = match facet.as_ref().as_str() {
            "population_group" => groups.collect(),
            _ => values.collect(),
        };
        if known.is_empty() {
            return Err(file.refuse(facet.span(), format!("`{}` is not a facet", facet.as_ref())));
        }
        if let Some(value) = names.keys().find(|value| !known.contains(value.as_ref())) {
            let message = format!("`{}` has no value `{}`", facet.as_ref(), value.as_ref());
            return Err(file.refuse(value.span(), message));
        }
    }
    Ok(())
}

fn check_ids(file: &TextFile, study: &StudyFile) -> Result<()> {
    let situations = || study.situations.iter().map(|situation| &situation.id);
    let variables = || study.variables.iter().map(|variable| &variable.id);
    let scales = || study.scales.iter().map(|scale| &scale.id);
    let personas = || study.personas.iter().map(|persona| &persona.id);
    let ids = [&study.id].into_iter().chain(&study.human_data).chain(situations()).chain(variables());
    let hypotheses = study.hypotheses.iter().map(|hypothesis| &hypothesis.id);
    let ids = ids.chain(hypotheses);
    ids.chain(scales()).chain(personas()).try_for_each(|id| check_id(file, id, "-_"))?;
    study.languages.as_ref().iter().try_for_each(|tag| check_id(file, tag, "-"))?;
    let wordings = study.item_wordings.iter().flat_map(Spanned::as_ref);
    wordings.clone().try_for_each(|id| check_id(file, id, "-_"))?;
    check_unique(file, "item wording", wordings)?;
    study.facets.iter().try_for_each(|name| check_facet_name(file, name))?;
    check_unique(file, "situation", situations())?;
    check_unique(file, "variable", variables())?;
    check_unique(file, "scale", scales())?;
    check_unique(file, "persona", personas())?;
    check_unique(file, "language", study.languages.as_ref())?;
    check_unique(file, "facet", &study.facets)
}

/// Ids go into file names, column values and command lines, so they are kept plain.
pub(super) fn is_id(text: &str, extra: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

fn check_id(file: &TextFile, id: &Spanned<String>, extra: &str) -> Result<()> {
    if !is_id(id.as_ref(), extra) {
        let message = format!("`{}` is not an id", id.as_ref().escape_debug());
        let hint = format!("use letters, digits and any of `{extra}`");
        return Err(file.refuse(id.span(), message).hint(hint));
    }
    Ok(())
}

/// Facet names become column names.
fn check_facet_name(file: &TextFile, name: &Spanned<String>) -> Result<()> {
    let text = name.as_ref();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.chars().all(plain) {
        let message = format!("`{}` cannot name a facet", text.escape_debug());
        return Err(file.refuse(name.span(), message).hint("use lower-case letters, digits and `_`"));
    }
    Ok(())
}

fn check_unique<'a, T: Display + Eq + Hash + 'a>(
    file: &TextFile,
    noun: &str,
    entries: impl IntoIterator<Item = &'a Spanned<T>>,
) -> Result<()> {
    let mut seen = HashSet::new();
    for entry in entries {
        if !seen.insert(entry.as_ref()) {
            return Err(file.refuse(entry.span(), format!("the {noun} `{}` is there twice", entry.as_ref())));
        }
    }
    Ok(())
}

fn check_design(file: &TextFile, study: &StudyFile) -> Result<()> {
    check_unique(file, "format", study.formats.as_ref())?;
    check_unique(file, "option order", study.option_orders.as_ref())?;
    let mut temperatures: Vec<f64> = Vec::new();
    for temperature in study.temperatures.as_ref() {
        let value = *temperature.as_ref();
        if !value.is_finite() || value <= 0.0 {
            let message = format!("the temperature {value} is not a positive finite number");
            return Err(file.refuse(temperature.span(), message));
        }
        if temperatures.contains(&value) {
            return Err(file.refuse(temperature.span(), format!("the temperature {value} is there twice")));
        }
        temperatures.push(value);
    }
    let lists = [
        ("languages", study.languages.as_ref().len(), study.languages.span()),
        ("formats", study.formats.as_ref().len(), study.formats.span()),
        ("item_wordings", study.item_wordings.as_ref().map_or(1, |of| of.as_ref().len()), study.id.span()),
        ("option_orders", study.option_orders.as_ref().len(), study.option_orders.span()),
        ("temperatures", study.temperatures.as_ref().len(), study.temperatures.span()),
        ("variables", study.variables.len(), study.id.span()),
        ("personas", study.personas.len(), study.id.span()),
    ];
    match lists.into_iter().find(|(_, count, _)| *count == 0) {
        Some((name, _, span)) => {
            Err(file.refuse(span, format!("`{name}` is empty, so nothing would be asked")))
        }
        None => Ok(()),
    }
}

/// The study's formats in its order, as [`check_structure`] has found them to be.
pub(super) fn formats(study: &StudyFile) -> Vec<ElicitationFormat> {
    let format = |id: &Spanned<String>| match study.elicitation_formats.get(id.as_ref().as_str()) {
        Some(own) => ElicitationFormat {
            id: id.as_ref().clone(),
            key: own.key,
            shows_options: own.show_options.as_ref().is_none_or(|shows| *shows.as_ref()),
            closings: own.closings.iter().map(|closing| closing.as_ref().clone()).collect(),
            has_premise: own.domain_premise.as_ref().is_some_and(|has| *has.as_ref()),
            battery: own.battery.as_ref().map(Battery::new),
        },
        None => {
            let plain = AnswerKey::PLAIN.into_iter().find(|key| key.to_string() == *id.as_ref());
            ElicitationFormat::plain(plain.expect("the structure was checked to name known formats only"))
        }
    };
    study.formats.as_ref().iter().map(format).collect()
}

fn check_formats(file: &TextFile, study: &StudyFile) -> Result<()> {
    let plain: Vec<String> = AnswerKey::PLAIN.iter().map(ToString::to_string).collect();
    for (id, format) in &study.elicitation_formats {
        check_id(file, id, "-_")?;
        if plain.contains(id.as_ref()) {
            let message = format!("the format `{}` is declared already", id.as_ref());
            return Err(file
                .refuse(id.span(), message)
                .hint("give it another id, and this one as its `key`"));
        }
        if !study.formats.as_ref().iter().any(|used| used.as_ref() == id.as_ref()) {
            return Err(file.refuse(id.span(), format!("`formats` does not name `{}`", id.as_ref())));
        }
        let hidden = format.show_options.as_ref().filter(|shows| !shows.as_ref());
        if let Some(hidden) = hidden.filter(|_| format.key == AnswerKey::Letter) {
            return Err(file.refuse(hidden.span(), "letters mean nothing where no options are shown"));
        }
        let premise = format.domain_premise.as_ref().filter(|has| *has.as_ref());
        if let Some(premise) = premise.filter(|_| format.key != AnswerKey::Label) {
            let message = "only the words of a label are likelier or not before anything is asked";
            return Err(file
                .refuse(premise.span(), message)
                .hint("a domain premise goes with `key = \"label\"`"));
        }
        if let Some(battery) = &format.battery {
            check_battery(file, study, format.key, premise.is_some(), battery)?;
        }
        if let Some(closing) = format.closings.iter().find(|closing| closing.as_ref().is_empty()) {
            return Err(file.refuse(closing.span(), "a closing is empty"));
        }
        check_unique(file, "closing", &format.closings)?;
    }
    let known = |id: &Spanned<String>| {
        plain.contains(id.as_ref()) || study.elicitation_formats.contains_key(id.as_ref().as_str())
    };
    match study.formats.as_ref().iter().find(|id| !known(id)) {
        Some(id) => Err(file
            .refuse(id.span(), format!("the format `{}` is unknown", id.as_ref().escape_debug()))
            .hint(format!("{} need no declaration; others want [elicitation_formats.ID]", plain.join(", ")))),
        None => Ok(()),
    }
}

/// Two rotations that are one on some scale would count it twice.
fn check_rotations(file: &TextFile, study: &StudyFile) -> Result<()> {
    let least = study.scales.iter().map(|scale| scale.options.as_ref().len()).min().unwrap_or(0);
    for order in study.option_orders.as_ref() {
        if matches!(order.as_ref(), OptionOrder::Rotated(by) if usize::from(*by) >= least) {
            let message = format!("`{}` needs more options than the {least} of some scale", order.as_ref());
            return Err(file.refuse(order.span(), message));
        }
    }
    Ok(())
}

fn check_scale(file: &TextFile, scale: &ScaleFile) -> Result<()> {
    let options = scale.options.as_ref();
    let id = scale.id.as_ref();
    if !(2..=MAX_OPTION_COUNT).contains(&options.len()) {
        let message = format!("the scale `{id}` has {} options, not 2 to {MAX_OPTION_COUNT}", options.len());
        return Err(file.refuse(scale.options.span(), message));
    }
    for code in options.iter().map(|option| &option.code) {
        let text = code.as_ref();
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let message = format!("`{}` cannot be an option's code", text.escape_debug());
            return Err(file.refuse(code.span(), message).hint("a code is one word, such as \"3\""));
        }
    }
    check_unique(file, &format!("option code of scale `{id}`"), options.iter().map(|option| &option.code))?;
    let mut previous = f64::NEG_INFINITY;
    for value in options.iter().map(|option| &option.value) {
        if !value.as_ref().is_finite() || *value.as_ref() <= previous {
            let message = format!("the values of scale `{id}` do not rise strictly at {}", value.as_ref());
            return Err(file.refuse(value.span(), message).hint("list the options from lowest to highest"));
        }
        previous = *value.as_ref();
    }
    Ok(())
}

fn check_variables(file: &TextFile, study: &StudyFile) -> Result<()> {
    for VariableFile { id, scale, .. } in &study.variables {
        if !study.scales.iter().any(|known| known.id.as_ref() == scale.as_ref()) {
            let message =
                format!("the variable `{}` uses the unknown scale `{}`", id.as_ref(), scale.as_ref());
            return Err(file.refuse(scale.span(), message));
        }
    }
    Ok(())
}

/// Each item gets each declared facet exactly once, from its variable or from its situation.
fn check_facets(file: &TextFile, study: &StudyFile) -> Result<()> {
    let owners = study.situations.iter().map(|situation| &situation.facets);
    for name in owners.chain(study.variables.iter().map(|variable| &variable.facets)).flat_map(BTreeMap::keys)
    {
        if !study.facets.iter().any(|facet| facet.as_ref() == name.as_ref()) {
            let message = format!("the facet `{}` is not in the list `facets`", name.as_ref());
            return Err(file.refuse(name.span(), message));
        }
    }
    for variable in &study.variables {
        if study.situations.is_empty() {
            check_item_facets(file, study, variable, None)?;
        }
        for situation in &study.situations {
            check_item_facets(file, study, variable, Some(situation))?;
        }
    }
    Ok(())
}

fn check_item_facets(
    file: &TextFile,
    study: &StudyFile,
    variable: &VariableFile,
    situation: Option<&SituationFile>,
) -> Result<()> {
    for name in study.facets.iter().map(|name| name.as_ref().as_str()) {
        let by_variable = variable.facets.contains_key(name);
        let by_situation = situation.is_some_and(|situation| situation.facets.contains_key(name));
        let place = situation.map_or(&variable.id, |situation| &situation.id).span();
        let item = item_id(variable, situation);
        match (by_variable, by_situation) {
            (true, true) => {
                let message = format!("the item `{item}` gets the facet `{name}` from both its parts");
                return Err(file.refuse(place, message));
            }
            (false, false) => {
                return Err(file.refuse(place, format!("the item `{item}` has no facet `{name}`")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// `variable.situation`, or the variable alone in a study without situations.
pub(super) fn item_id(variable: &VariableFile, situation: Option<&SituationFile>) -> String {
    match situation {
        Some(situation) => format!("{}.{}", variable.id.as_ref(), situation.id.as_ref()),
        None => variable.id.as_ref().clone(),
    }
}

fn check_subset<'a>(
    file: &TextFile,
    noun: &str,
    subset: &Spanned<Vec<Spanned<String>>>,
    known: impl IntoIterator<Item = &'a Spanned<String>>,
) -> Result<()> {
    let known: HashSet<&str> = known.into_iter().map(|id| id.as_ref().as_str()).collect();
    for id in subset.as_ref() {
        if !known.contains(id.as_ref().as_str()) {
            let message = format!("the default subset names the unknown {noun} `{}`", id.as_ref());
            return Err(file.refuse(id.span(), message));
        }
    }
    if subset.as_ref().is_empty() {
        return Err(file.refuse(subset.span(), format!("the default subset has no {noun}")));
    }
    check_unique(file, noun, subset.as_ref())
}
