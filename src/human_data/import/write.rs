//! A data set's folder: counts, provenance, and the rows that were left out. Written aside, and put in place whole.

use super::codebook::{Codebook, Holds};
use super::rows::ReadRows;
use super::{ImportSettings, file_name};
use crate::error::{Error, Result};
use crate::human_data::provenance::HumanKind;
use crate::human_data::{COUNTS_FILE, PROVENANCE_FILE};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use toml::{Table, Value};

const BAD_ROWS_FILE: &str = "bad_rows.tsv";

/// Where the data set goes.
pub struct Target {
    pub folder: PathBuf,
    aside: PathBuf,
    earlier: PathBuf,
}

impl Target {
    /// # Errors
    /// Kind `Output` when it is taken.
    pub fn new(settings: &ImportSettings, id: &str) -> Result<Self> {
        let folder = settings.into.join(id);
        if folder.exists() && !settings.force {
            return Err(Error::output("there is a data set of this id already")
                .at(&folder)
                .hint("--force puts the new one in its place"));
        }
        let beside = |ending: &str| settings.into.join(format!(".{id}.{ending}"));
        Ok(Target { aside: beside("partial"), earlier: beside("earlier"), folder })
    }

    fn put(&self, files: &[(&str, String)]) -> Result<()> {
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

/// Writes everything; says whether people were weighted.
///
/// # Errors
/// Kind `Output`.
pub fn write(
    target: &Target,
    codebook: &Codebook,
    settings: &ImportSettings,
    found: &ReadRows,
) -> Result<HumanKind> {
    let is_weighted = codebook.participants.as_ref().is_some_and(|people| people.weight.is_some());
    let kind = match codebook.moments {
        Some(_) => HumanKind::Reconstructed,
        None if is_weighted => HumanKind::Weighted,
        None => HumanKind::Counted,
    };
    let counts = counts_text(codebook, found, kind);
    let provenance = provenance_text(codebook, settings, found, kind, &counts)?;
    let mut bad = "line\treason\n".to_owned();
    for row in &found.bad {
        let _ = writeln!(bad, "{}\t{}", row.line, row.reason.replace(['\t', '\n', '\r'], " "));
    }
    target.put(&[(COUNTS_FILE, counts), (PROVENANCE_FILE, provenance), (BAD_ROWS_FILE, bad)])?;
    Ok(kind)
}

fn option_count_max(codebook: &Codebook) -> usize {
    codebook.scales.values().map(|scale| scale.codes.as_ref().len()).max().unwrap_or(0)
}

fn counts_text(codebook: &Codebook, found: &ReadRows, kind: HumanKind) -> String {
    let columns: Vec<String> =
        (1..=option_count_max(codebook)).map(|option| format!("option_{option}")).collect();
    let mut text = format!("population_group\titem\tn_valid\tn_missing\t{}\n", columns.join("\t"));
    for ((group, item), cell) in &found.tally.cells {
        // A group in which nobody responded to an item has no distribution there.
        if cell.valid_count == 0 {
            continue;
        }
        let told = |count: &f64| match kind {
            HumanKind::Counted => format!("{}", count.round()),
            _ => format!("{count:.9}"),
        };
        let mut counts: Vec<String> = cell.counts().iter().map(told).collect();
        counts.resize(columns.len(), String::new());
        let _ = writeln!(
            text,
            "{group}\t{item}\t{}\t{}\t{}",
            cell.valid_count,
            cell.missing_count,
            counts.join("\t")
        );
    }
    text
}

fn provenance_text(
    codebook: &Codebook,
    settings: &ImportSettings,
    found: &ReadRows,
    kind: HumanKind,
    counts: &str,
) -> Result<String> {
    let text = |text: &str| Value::String(text.to_owned());
    let texts = |texts: &[String]| Value::Array(texts.iter().map(|one| text(one)).collect());
    let columns: Vec<String> =
        (1..=option_count_max(codebook)).map(|option| format!("option_{option}")).collect();
    let holds = codebook.counts.as_ref().map(|table| table.holds);
    let what = match kind {
        HumanKind::Reconstructed => "table of means and standard deviations",
        _ if holds.is_some() => "table of counts",
        _ => "participant-level file",
    };
    let weighted = match (kind, holds) {
        (_, Some(Holds::Percentages)) => {
            "People by response: the only whole numbers that round to the percentages of the table."
        }
        (HumanKind::Counted, _) => "People by response.",
        (HumanKind::Reconstructed, _) => {
            "Shares of the distribution of greatest entropy that has the mean and SD, times n."
        }
        (_, _) => "Shares of weighted people times their effective number (Kish).",
    };
    let mut source = Table::new();
    let bytes = fs::read(&settings.file)
        .map_err(|source| Error::human_data("cannot be read").at(&settings.file).because(source))?;
    source.insert("description".into(), text(&format!("{what} {}", file_name(&settings.file))));
    source.insert("sha256".into(), text(&hex(&bytes)));
    source.insert("row_count".into(), Value::Integer(found.row_count as i64));
    let mut table = Table::new();
    table.insert("schema_version".into(), Value::Integer(1));
    table.insert("id".into(), text(codebook.id.as_ref()));
    table.insert("title".into(), text(&codebook.title));
    table.insert("citation".into(), text(&codebook.citation));
    let counted = format!(
        "{weighted} {} rows read, {} left out, {} bad; codebook {}.",
        found.row_count,
        found.left_out_count,
        found.bad.len(),
        file_name(&settings.codebook)
    );
    table.insert("counted".into(), text(&counted));
    table.insert("licence".into(), text(&codebook.licence));
    table.insert("kind".into(), text(kind.name()));
    table.insert("caveats".into(), texts(&codebook.caveats));
    table.insert("source".into(), Value::Table(source));
    let hash = Table::from_iter([("sha256".to_owned(), text(&hex(counts.as_bytes())))]);
    table.insert("counts".into(), Value::Table(hash));
    let mut meanings = Table::new();
    meanings.insert("population_group".into(), text("population_group"));
    meanings.insert("item".into(), texts(&["item".to_owned()]));
    meanings.insert("valid".into(), text("n_valid"));
    meanings.insert("missing".into(), text("n_missing"));
    meanings.insert("counts".into(), texts(&columns));
    table.insert("columns".into(), Value::Table(meanings));
    toml::to_string(&table)
        .map_err(|source| Error::output("the provenance cannot be written").because(source))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
