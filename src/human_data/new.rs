//! A data set's folder: counts, provenance, and whatever goes with them. Written aside, and put in place whole.

use super::participants::text_of;
use super::provenance::HumanKind;
use super::{COUNTS_FILE, PROVENANCE_FILE, RESPONSES_FILE};
use crate::data_folder::sha256;
use crate::error::{Error, Result};
use crate::survey::Participants;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Where a data set goes.
pub struct Target {
    pub folder: PathBuf,
    aside: PathBuf,
    earlier: PathBuf,
}

impl Target {
    /// The folder `id` in `into`.
    ///
    /// # Errors
    /// Kind `Output` when it is taken, unless it may be replaced; without a hint, for what to do the caller knows.
    pub fn new(into: &Path, id: &str, may_replace: bool) -> Result<Self> {
        let folder = into.join(id);
        if folder.exists() && !may_replace {
            return Err(Error::output("there is a data set of this id already").at(&folder));
        }
        let beside = |ending: &str| into.join(format!(".{id}.{ending}"));
        Ok(Target { aside: beside("partial"), earlier: beside("earlier"), folder })
    }

    fn put(&self, files: &[(&str, &str)]) -> Result<()> {
        let failed =
            |source: std::io::Error| Error::output("cannot be written").at(&self.folder).because(source);
        if self.aside.exists() {
            fs::remove_dir_all(&self.aside).map_err(failed)?;
        }
        fs::create_dir_all(&self.aside).map_err(failed)?;
        for (name, text) in files {
            let file = fs::File::create(self.aside.join(name)).map_err(failed)?;
            std::io::Write::write_all(&mut &file, text.as_bytes()).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
        if self.folder.exists() {
            fs::rename(&self.folder, &self.earlier).map_err(failed)?;
        }
        fs::rename(&self.aside, &self.folder).map_err(failed)?;
        if self.earlier.exists() {
            fs::remove_dir_all(&self.earlier).map_err(failed)?;
        }
        Ok(())
    }
}

/// A data set that is to be written.
pub struct NewHumanData {
    pub id: String,
    pub title: String,
    pub citation: String,
    pub licence: String,
    pub caveats: Vec<String>,
    /// What was counted, and how.
    pub counted: String,
    pub kind: HumanKind,
    /// The file that it was made from.
    pub source: NewSource,
    pub rows: Vec<NewRow>,
    /// The same people one by one; none where they are not known, or not to be kept.
    pub participants: Vec<Participants>,
}

pub struct NewSource {
    description: String,
    sha256: String,
    row_count: u64,
}

impl NewSource {
    /// `bytes` are all of the file.
    pub fn new(description: String, bytes: &[u8], row_count: u64) -> Self {
        NewSource { description, sha256: sha256(bytes), row_count }
    }
}

/// The responses of one group to one item.
pub struct NewRow {
    pub population_group: String,
    pub item: String,
    pub valid_count: u64,
    pub missing_count: u64,
    /// One per option of the item's scale, lowest first.
    pub counts: Vec<f64>,
}

impl NewHumanData {
    /// Writes it, and files of other names beside it.
    ///
    /// # Errors
    /// Kind `Output`.
    pub fn write(&self, target: &Target, more: &[(&str, &str)]) -> Result<()> {
        let counts = self.counts_text();
        let responses = (!self.participants.is_empty()).then(|| text_of(&self.participants));
        let provenance = self.provenance_text(&counts, responses.as_deref())?;
        let mut files = vec![(COUNTS_FILE, counts.as_str()), (PROVENANCE_FILE, &provenance)];
        files.extend(responses.as_deref().map(|text| (RESPONSES_FILE, text)));
        files.extend(more);
        target.put(&files)
    }

    fn columns(&self) -> Vec<String> {
        let option_count = self.rows.iter().map(|row| row.counts.len()).max().unwrap_or(0);
        (1..=option_count).map(|option| format!("option_{option}")).collect()
    }

    fn counts_text(&self) -> String {
        let columns = self.columns();
        let mut text = format!("population_group\titem\tn_valid\tn_missing\t{}\n", columns.join("\t"));
        for row in &self.rows {
            let told = |count: &f64| match self.kind {
                HumanKind::Counted => format!("{}", count.round()),
                _ => format!("{count:.9}"),
            };
            let mut counts: Vec<String> = row.counts.iter().map(told).collect();
            counts.resize(columns.len(), String::new());
            let NewRow { population_group, item, valid_count, missing_count, .. } = row;
            let counts = counts.join("\t");
            let _ = writeln!(text, "{population_group}\t{item}\t{valid_count}\t{missing_count}\t{counts}");
        }
        text
    }

    fn provenance_text(&self, counts: &str, responses: Option<&str>) -> Result<String> {
        let text = |text: &str| Value::String(text.to_owned());
        let texts = |texts: &[String]| Value::Array(texts.iter().map(|one| text(one)).collect());
        let entries = [
            ("schema_version", Value::Integer(1)),
            ("id", text(&self.id)),
            ("title", text(&self.title)),
            ("citation", text(&self.citation)),
            ("counted", text(&self.counted)),
            ("licence", text(&self.licence)),
            ("kind", text(self.kind.name())),
            ("caveats", texts(&self.caveats)),
            (
                "source",
                table([
                    ("description", text(&self.source.description)),
                    ("sha256", text(&self.source.sha256)),
                    ("row_count", Value::Integer(self.source.row_count as i64)),
                ]),
            ),
            ("counts", table([("sha256", text(&sha256(counts.as_bytes())))])),
            (
                "columns",
                table([
                    ("population_group", text("population_group")),
                    ("item", texts(&["item".to_owned()])),
                    ("valid", text("n_valid")),
                    ("missing", text("n_missing")),
                    ("counts", texts(&self.columns())),
                ]),
            ),
        ];
        let mut entries = table(entries);
        if let (Some(responses), Value::Table(entries)) = (responses, &mut entries) {
            let hash = table([("sha256", text(&sha256(responses.as_bytes())))]);
            entries.insert("responses".to_owned(), hash);
        }
        toml::to_string(&entries)
            .map_err(|source| Error::output("the provenance cannot be written").because(source))
    }
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Table>())
}
