//! What is asked, and as whom: items and personas, with their wording per language.

use std::collections::BTreeMap;
use std::fmt;

/// A language tag as the study writes it, e.g. `en`, `es`, `pt`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(pub String);

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub id: String,
    /// Id of what is asked; several items ask it about several situations.
    pub variable: String,
    /// Index into the study's scales.
    pub scale_index: usize,
    /// Named properties that rows and contrasts group by, e.g. `emotion = anger`.
    pub facets: BTreeMap<String, String>,
    /// The item's text in each language, in each of the study's wordings.
    pub stems: BTreeMap<Language, Vec<String>>,
}

impl Item {
    /// The id of what its variable is asked about; `None` where it is asked of nothing in particular.
    pub fn situation(&self) -> Option<&str> {
        self.id.strip_prefix(&self.variable)?.strip_prefix('.')
    }
}

/// Whom the model is asked to answer as.
#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    pub id: String,
    /// The human group this persona stands in for.
    pub population_group: String,
    /// The persona's text in each language.
    pub texts: BTreeMap<Language, String>,
}
