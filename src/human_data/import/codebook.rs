//! The codebook: what the columns of a file of participants, or of a table of counts, mean. Every field is described in `human_data/README.md`.

use crate::data_folder::TextFile;
use crate::error::{Error, Result};
use crate::spanned::Spanned;
use crate::survey;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

const SCHEMA_VERSION: u32 = 1;

/// JSON Schema of a codebook, from the types that read it.
pub fn codebook_schema() -> serde_json::Value {
    schemars::schema_for!(Codebook).to_value()
}

/// No codebook is larger.
const BYTES_MAX: u64 = 4 << 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Codebook {
    schema_version: Spanned<u32>,
    pub id: Spanned<String>,
    pub title: String,
    pub citation: String,
    pub licence: String,
    #[serde(default)]
    pub caveats: Vec<String>,
    #[serde(default)]
    pub file: FileLayout,
    /// Either the file has participants,
    pub participants: Option<Participants>,
    /// or somebody has counted them already.
    pub counts: Option<CountsTable>,
    /// or only means and standard deviations are known: people are reconstructed.
    pub moments: Option<MomentsTable>,
    pub scales: BTreeMap<String, Scale>,
    pub items: BTreeMap<Spanned<String>, ItemColumn>,
    pub long: Option<Long>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLayout {
    /// One character; else a tab for `.tsv` files and a comma for others.
    pub delimiter: Option<Spanned<String>>,
    /// `.` or `,`, in weights.
    pub decimal: Option<Spanned<String>>,
    /// What stands for no response, in any item.
    #[serde(default)]
    pub missing: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Participants {
    /// The column that tells participants apart.
    pub id: String,
    pub weight: Option<String>,
    /// The column of the population group,
    pub group: Option<Spanned<String>>,
    /// or an expression over the columns that says it; none or nothing leaves the row out.
    pub group_expression: Option<Spanned<String>>,
    /// Value of `group` to population group; others are left out. Without, the value itself.
    pub groups: Option<BTreeMap<String, String>>,
    /// An expression; rows for which it is false are left out.
    pub filter: Option<Spanned<String>>,
    /// Keep each participant's group, weight and responses, without the id, besides the counts: intervals then know what goes together in
    /// people.
    #[serde(default)]
    pub keep: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Option codes, lowest first.
    pub codes: Spanned<Vec<String>>,
    /// What the codes count as where means are taken, rising; without, the codes are numbers.
    pub values: Option<Spanned<Vec<f64>>>,
}

impl Scale {
    /// One for each code, as [`Codebook::read`] has found them to be.
    pub fn values(&self) -> Vec<f64> {
        match &self.values {
            Some(values) => values.as_ref().clone(),
            None => self.codes.as_ref().iter().filter_map(|code| code.parse().ok()).collect(),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemColumn {
    /// The item's column; in a long file its value in the item column.
    pub column: Spanned<String>,
    pub scale: Spanned<String>,
    /// The highest code stands for the lowest, and so on.
    #[serde(default)]
    pub reverse: bool,
    /// Response in the file to option code; without, the response is the code.
    pub values: Option<BTreeMap<String, Spanned<String>>>,
    /// What stands for no response here, besides what does everywhere.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// A file with a row for each response.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Long {
    pub item: String,
    pub response: String,
}

/// A table of counts: a row for each group, item and option (`option` and `count`), or for each group and item (`options`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountsTable {
    pub group: Spanned<String>,
    /// Value of `group` to population group; others are left out. Without, the value itself.
    pub groups: Option<BTreeMap<String, String>>,
    pub item: String,
    pub option: Option<String>,
    pub count: Option<String>,
    /// Option code to the column of its counts.
    pub options: Option<BTreeMap<String, String>>,
    /// The column of valid responses, which the counts must add up to.
    pub n: Option<String>,
    #[serde(default)]
    pub holds: Holds,
}

/// A table of means and standard deviations: a row for each group and item.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MomentsTable {
    pub group: Spanned<String>,
    /// Value of `group` to population group; others are left out. Without, the value itself.
    pub groups: Option<BTreeMap<String, String>>,
    pub item: String,
    pub mean: String,
    pub sd: String,
    /// The column of valid responses.
    pub n: String,
    #[serde(default)]
    pub sd_divisor: SdDivisor,
}

/// What the sum of squares was divided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum SdDivisor {
    /// As nearly all programs print it.
    #[default]
    #[serde(rename = "n-1")]
    NLessOne,
    #[serde(rename = "n")]
    N,
}

/// What the cells of a table of counts are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    #[default]
    Counts,
    /// Of the valid responses; `n` says how many they are.
    Percentages,
}

impl Codebook {
    /// # Errors
    /// Kind `HumanData` with file and line.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |source: std::io::Error| Error::human_data("cannot be read").at(path).because(source);
        let len = std::fs::metadata(path).map_err(failed)?.len();
        if len > BYTES_MAX {
            return Err(Error::human_data(format!("{len} bytes are too many for a codebook")).at(path));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let file = TextFile::on_disk(path, text, crate::error::ErrorKind::HumanData);
        let codebook: Codebook = file.parse_toml()?;
        codebook.check(&file)?;
        Ok(codebook)
    }

    fn check(&self, file: &TextFile) -> Result<()> {
        if *self.schema_version.as_ref() != SCHEMA_VERSION {
            let message = format!("this program reads schema_version {SCHEMA_VERSION}");
            return Err(file.refuse(self.schema_version.span(), message));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if self.id.as_ref().is_empty() || !self.id.as_ref().chars().all(plain) {
            return Err(file.refuse(self.id.span(), "an id is letters, digits, `-` and `_`"));
        }
        match (&self.participants, &self.counts, &self.moments) {
            (Some(people), None, None) => self.check_people(file, people)?,
            (None, Some(counts), None) => self.check_counts(file, counts)?,
            (None, None, Some(moments)) => self.check_moments(file, moments)?,
            _ => {
                let message = "a codebook has one of `participants`, `counts` and `moments`";
                return Err(file.refuse(self.id.span(), message));
            }
        }
        let one_of = |text: &Option<Spanned<String>>, is_one: fn(&str) -> bool, message: &str| match text {
            Some(text) if !is_one(text.as_ref()) => Err(file.refuse(text.span(), message.to_owned())),
            _ => Ok(()),
        };
        one_of(&self.file.delimiter, |text| text.len() == 1, "a delimiter is one ASCII character")?;
        one_of(&self.file.decimal, |text| [".", ","].contains(&text), "`decimal` is `.` or `,`")?;
        if let Some((_, scale)) = self.scales.iter().find(|(_, scale)| !has_codes(scale.codes.as_ref())) {
            return Err(file.refuse(scale.codes.span(), "a scale has two codes or more, each once"));
        }
        for (id, item) in &self.items {
            self.check_item(file, id, item)?;
        }
        match self.items.is_empty() {
            true => Err(file.refuse(self.id.span(), "there are no items")),
            false => Ok(()),
        }
    }

    fn check_people(&self, file: &TextFile, people: &Participants) -> Result<()> {
        match (&people.group, &people.group_expression) {
            (Some(group), Some(_)) => {
                Err(file.refuse(group.span(), "`group` and `group_expression` are both given"))
            }
            (None, None) => {
                Err(file.refuse(self.id.span(), "`participants` says neither `group` nor `group_expression`"))
            }
            (group, expression) if people.keep && self.has_long_scale() => {
                let place = group.as_ref().or(expression.as_ref()).map_or(self.id.span(), Spanned::span);
                let most = survey::Participants::OPTION_COUNT_MAX;
                Err(file.refuse(place, format!("`keep` is for scales of up to {most} codes")))
            }
            (None, Some(expression)) if people.groups.is_some() => {
                Err(file.refuse(expression.span(), "`groups` goes with `group`, not with an expression"))
            }
            _ => Ok(()),
        }
    }

    fn has_long_scale(&self) -> bool {
        let most = survey::Participants::OPTION_COUNT_MAX;
        self.scales.values().any(|scale| scale.codes.as_ref().len() > most)
    }

    fn check_counts(&self, file: &TextFile, counts: &CountsTable) -> Result<()> {
        let refuse = |message: String| Err(file.refuse(counts.group.span(), message));
        if self.long.is_some() {
            return refuse(
                "`long` goes with `participants`; a long table of counts has `option` and `count`".into(),
            );
        }
        if counts.holds == Holds::Percentages && counts.n.is_none() {
            return refuse(
                "percentages alone do not say how many people they are of: name the column `n`".into(),
            );
        }
        let options = match (&counts.option, &counts.count, &counts.options) {
            (Some(_), Some(_), None) => return Ok(()),
            (None, None, Some(options)) => options,
            _ => {
                return refuse("`counts` has either `option` and `count` (long), or `options` (wide)".into());
            }
        };
        let columns: std::collections::BTreeSet<&String> = options.values().collect();
        if columns.len() < options.len() {
            return refuse("a column of `options` is of two options".into());
        }
        if let Some((id, item)) = self.items.iter().find(|(_, item)| item.values.is_some()) {
            let message = format!("`options` says the codes: {} needs no `values`", id.as_ref());
            return Err(file.refuse(item.column.span(), message));
        }
        let codes = self.scales.values().flat_map(|scale| scale.codes.as_ref());
        match codes.into_iter().find(|code| !options.contains_key(*code)) {
            Some(code) => refuse(format!("`options` has no column for the code `{code}`")),
            None => Ok(()),
        }
    }

    fn check_moments(&self, file: &TextFile, moments: &MomentsTable) -> Result<()> {
        if self.long.is_some() {
            return Err(file.refuse(moments.group.span(), "`long` goes with `participants`"));
        }
        for scale in self.scales.values() {
            let place = scale.values.as_ref().map_or(scale.codes.span(), Spanned::span);
            let values = scale.values();
            let rises =
                values.windows(2).all(|pair| pair[0] < pair[1]) && values.iter().all(|v| v.is_finite());
            if values.len() != scale.codes.as_ref().len() || !rises {
                let message = "a mean is taken of numbers: one for each code, rising";
                return Err(file.refuse(place, message).hint("`values` says them where codes are none"));
            }
        }
        match self.items.iter().find(|(_, item)| item.values.is_some() || !item.missing.is_empty()) {
            Some((id, item)) => {
                let message =
                    format!("{} has neither `values` nor `missing` in a table of means", id.as_ref());
                Err(file.refuse(item.column.span(), message))
            }
            None => Ok(()),
        }
    }

    fn check_item(&self, file: &TextFile, id: &Spanned<String>, item: &ItemColumn) -> Result<()> {
        let Some(scale) = self.scales.get(item.scale.as_ref()) else {
            let message = format!("there is no scale `{}`", item.scale.as_ref().escape_debug());
            return Err(file.refuse(item.scale.span(), message));
        };
        let codes = scale.codes.as_ref();
        if let Some(code) =
            item.values.iter().flat_map(BTreeMap::values).find(|code| !codes.contains(code.as_ref()))
        {
            let message = format!("the scale `{}` has no code `{}`", item.scale.as_ref(), code.as_ref());
            return Err(file.refuse(code.span(), message));
        }
        if id.as_ref().trim().is_empty() || id.as_ref().contains(['\t', '\n', '\r']) {
            return Err(file.refuse(id.span(), "an item's id is one line without tabs"));
        }
        if super::starts_formula(id.as_ref()) {
            let message = "an item's id that begins with `=`, `+`, `-` or `@` is a formula to a spreadsheet";
            return Err(file.refuse(id.span(), message));
        }
        let twice = self.items.iter().any(|(other, known)| {
            other.as_ref() != id.as_ref() && known.column.as_ref() == item.column.as_ref()
        });
        match twice {
            true => Err(file.refuse(
                item.column.span(),
                format!("the column `{}` is of two items", item.column.as_ref()),
            )),
            false => Ok(()),
        }
    }
}

fn has_codes(codes: &[String]) -> bool {
    codes.len() >= 2
        && codes.iter().enumerate().all(|(index, code)| !code.is_empty() && !codes[..index].contains(code))
}
