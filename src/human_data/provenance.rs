//! `provenance.toml`: where counts come from, what their hash is, and which columns mean what.
//! Every field is described in `human_data/README.md`.

use crate::data_folder::TextFile;
use crate::error::Result;
use crate::spanned::Spanned;
use serde::Deserialize;

/// The one layout of human data that this program reads.
const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provenance {
    pub schema_version: Spanned<u32>,
    pub id: Spanned<String>,
    pub title: Spanned<String>,
    pub citation: Spanned<String>,
    pub counted: Spanned<String>,
    pub licence: Spanned<String>,
    #[serde(default)]
    pub kind: HumanKind,
    #[serde(default)]
    pub caveats: Vec<String>,
    /// What was counted; kept for the reader, who may hold the same file.
    pub source: Source,
    pub counts: FileHash,
    /// Of `responses.tsv`, where people are known one by one.
    pub responses: Option<FileHash>,
    pub columns: Columns,
}

/// What the numbers in `counts.tsv` are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HumanKind {
    /// Whole people.
    #[default]
    Counted,
    /// Shares of weighted people times their effective number, so that they scatter as so many people would.
    Weighted,
    /// Of each distribution only mean and SD are known; it is the one of greatest entropy that has them.
    Reconstructed,
    /// Shares of nobody knows how many people, times a number that somebody assumed.
    AssumedN,
}

impl HumanKind {
    /// Whether it is known how many people chose which option.
    pub fn knows_responses(self) -> bool {
        matches!(self, HumanKind::Counted | HumanKind::Weighted)
    }

    pub fn name(self) -> &'static str {
        match self {
            HumanKind::Counted => "counted",
            HumanKind::Weighted => "weighted",
            HumanKind::Reconstructed => "reconstructed",
            HumanKind::AssumedN => "assumed_n",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub description: Spanned<String>,
    pub sha256: Option<Spanned<String>>,
    #[expect(dead_code, reason = "for the reader of the file; parsed so that a typing error is noticed")]
    pub row_count: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileHash {
    pub sha256: Spanned<String>,
}

/// Names of the columns of `counts.tsv`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Columns {
    pub population_group: Spanned<String>,
    /// Their values joined by full stops are the item id.
    pub item: Vec<Spanned<String>>,
    pub valid: Spanned<String>,
    pub missing: Spanned<String>,
    /// One per option, in scale order.
    pub counts: Vec<Spanned<String>>,
}

impl Columns {
    /// Every column, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &Spanned<String>> {
        [&self.population_group, &self.valid, &self.missing].into_iter().chain(&self.item).chain(&self.counts)
    }
}

impl FileHash {
    /// `file` is the provenance.
    ///
    /// # Errors
    /// When what was described is not what is there.
    pub fn check_hash(&self, file: &TextFile, described: &TextFile) -> Result<()> {
        let (stated, found) = (self.sha256.as_ref(), described.sha256());
        if *stated == found {
            return Ok(());
        }
        let name = described.path.file_name().unwrap_or_default().to_string_lossy();
        let message = format!("{name} has the sha256 {found}, not the {stated} stated here");
        Err(file.refuse(self.sha256.span(), message).hint(
            "the file was altered, or their line endings were: restore the file, or if the change was meant, state its new hash",
        ))
    }
}

/// # Errors
/// With file and line, when a field is unknown, absent, empty or repeated.
pub(super) fn read(file: &TextFile) -> Result<Provenance> {
    let provenance: Provenance = file.parse_toml()?;
    if *provenance.schema_version.as_ref() != SCHEMA_VERSION {
        let message = format!("this program reads schema_version {SCHEMA_VERSION}");
        return Err(file.refuse(provenance.schema_version.span(), message));
    }
    let Provenance { id, title, citation, counted, licence, source, counts, responses, columns, .. } =
        &provenance;
    let texts = [id, title, citation, counted, licence, &source.description];
    if let Some(empty) = texts.into_iter().chain(columns.names()).find(|text| text.as_ref().trim().is_empty())
    {
        return Err(file.refuse(empty.span(), "this text is empty"));
    }
    let responses = responses.as_ref().map(|responses| &responses.sha256);
    for hash in [&counts.sha256].into_iter().chain(&source.sha256).chain(responses) {
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hash.as_ref().len() != 64 || !hash.as_ref().bytes().all(lower_hex) {
            return Err(file.refuse(hash.span(), "a sha256 is 64 lower-case hexadecimal digits"));
        }
    }
    if columns.item.is_empty() || columns.counts.len() < 2 {
        let message = "`columns` needs one item column and two count columns at least";
        return Err(file.refuse(columns.population_group.span(), message));
    }
    let mut seen: Vec<&str> = Vec::new();
    for name in columns.names() {
        if seen.contains(&name.as_ref().as_str()) {
            return Err(file.refuse(name.span(), format!("the column `{}` has two meanings", name.as_ref())));
        }
        seen.push(name.as_ref());
    }
    Ok(provenance)
}
