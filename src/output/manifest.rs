//! `manifest.json`: what a run was, written last and in one piece. Reads back only formats it knows.

use super::folder::ResultFolder;
use super::records::{FORMAT_VERSION, RunManifest, ShardCard};
use crate::error::{Error, Result};
use crate::partial_file::PartialFile;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes the manifest, which marks the folder as finished. Call it after everything else.
///
/// # Errors
/// Kind `Output` when a number in it has no JSON form, or the file cannot be written.
pub fn write_manifest(folder: &ResultFolder, manifest: &RunManifest) -> Result<PathBuf> {
    let path = folder.manifest_path();
    refuse_non_finite(manifest).map_err(|error| error.at(&path))?;
    write_json(&path, manifest)
}

/// Writes what a shard cost, which marks it as finished.
///
/// # Errors
/// Kind `Output` when the file cannot be written.
pub fn write_shard_card(folder: &ResultFolder, card: &ShardCard) -> Result<PathBuf> {
    write_json(&folder.shard_path(), card)
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<PathBuf> {
    let failed = |source: std::io::Error| Error::output("cannot write this file").at(path).because(source);
    let mut json = serde_json::to_vec_pretty(value).map_err(|source| failed(source.into()))?;
    json.push(b'\n');
    let mut file = PartialFile::create(path)?;
    file.write_all(&json).map_err(failed)?;
    file.finish()
}

/// Reads what a finished shard cost.
///
/// # Errors
/// Kind `Output` when the file cannot be read, or is something else.
pub fn read_shard_card(folder: &ResultFolder) -> Result<ShardCard> {
    let path = folder.shard_path();
    let json =
        std::fs::read(&path).map_err(|source| Error::output("cannot be read").at(&path).because(source))?;
    serde_json::from_slice(&json).map_err(|source| {
        Error::output("this does not tell of a shard").at(&path).line(source.line().max(1)).because(source)
    })
}

/// Reads the manifest of a finished folder.
///
/// # Errors
/// Kind `Output` when it is missing (the run did not finish), is not a manifest, or is of another format version.
pub fn read_manifest(folder: &ResultFolder) -> Result<RunManifest> {
    let path = folder.manifest_path();
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let is_other = std::fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file());
    if is_other {
        return Err(Error::output("the manifest is not a file").at(&path));
    }
    let json = match std::fs::read(&path) {
        Ok(json) => json,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound && folder.shard_path().is_file() => {
            return Err(Error::output("this is one shard of a run")
                .at(folder.path())
                .hint("`respondent merge` makes a run of all shards"));
        }
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
            let hint = match folder.journal_path().is_file() {
                true => format!("`respondent run --resume {}` goes on with it", folder.path().display()),
                false => "a merge that was killed is begun again, with the same --out".to_owned(),
            };
            return Err(Error::output("there is no manifest, so this run did not finish")
                .at(&path)
                .hint(hint));
        }
        Err(source) => return Err(Error::output("cannot read the manifest").at(&path).because(source)),
    };
    parse(&json, &path)
}

fn parse(json: &[u8], path: &Path) -> Result<RunManifest> {
    let broken = |source: serde_json::Error| {
        Error::output("this is not a run manifest").at(path).line(source.line().max(1)).because(source)
    };
    let value: serde_json::Value = serde_json::from_slice(json).map_err(broken)?;
    // the version first: a manifest from a later release should say so, not complain of a field
    match value.get("format_version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(FORMAT_VERSION) => {}
        Some(version) => {
            return Err(Error::output(format!(
                "results of format version {version}, and this build reads version {FORMAT_VERSION}"
            ))
            .at(path)
            .hint("use the release that wrote them"));
        }
        None => return Err(Error::output("this is not a run manifest: it has no format_version").at(path)),
    }
    serde_json::from_slice(json).map_err(broken)
}

/// JSON has no NaN; serde would write null and the manifest would not read back.
fn refuse_non_finite(manifest: &RunManifest) -> Result<()> {
    if let Some((stage, _)) = manifest.stage_wall_seconds.iter().find(|(_, seconds)| !seconds.is_finite()) {
        return Err(Error::output(format!("the wall time of stage `{stage}` is not a number")));
    }
    let groups = manifest.study.human_data.iter().flat_map(|data| &data.groups);
    for item in groups.flat_map(|group| &group.items) {
        if !item.missing_count.is_finite() || item.counts.iter().any(|count| !count.is_finite()) {
            return Err(Error::output(format!("the human counts of item `{}` are not numbers", item.item)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixtures::manifest;

    fn claimed() -> (tempfile::TempDir, ResultFolder) {
        let root = tempfile::tempdir().unwrap();
        let folder = ResultFolder::claim(&root.path().join("run")).unwrap();
        (root, folder)
    }

    #[test]
    fn reads_back_what_was_written_and_marks_the_folder_finished() {
        let (_root, folder) = claimed();
        assert!(read_manifest(&folder).unwrap_err().to_string().contains("did not finish"));
        write_manifest(&folder, &manifest()).unwrap();
        assert!(folder.is_finished());
        assert_eq!(read_manifest(&folder).unwrap(), manifest());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no .partial is left");
    }

    #[test]
    fn refuses_another_format_version_before_anything_else() {
        let (_root, folder) = claimed();
        std::fs::write(folder.manifest_path(), r#"{"format_version": 99}"#).unwrap();
        let error = read_manifest(&folder).unwrap_err();
        assert!(error.to_string().contains("format version 99"), "{error}");
        assert!(error.hint_text().is_some());
    }

    #[test]
    fn names_the_line_of_broken_json() {
        let (_root, folder) = claimed();
        std::fs::write(folder.manifest_path(), "{\n\"format_version\": 1,\n!").unwrap();
        let error = read_manifest(&folder).unwrap_err();
        assert!(error.to_string().contains("manifest.json:3: this is not a run manifest"), "{error}");
    }

    #[test]
    fn refuses_a_number_that_json_cannot_hold() {
        let (_root, folder) = claimed();
        let mut broken = manifest();
        broken.stage_wall_seconds[0].1 = f64::NAN;
        let error = write_manifest(&folder, &broken).unwrap_err();
        assert!(error.to_string().contains("wall time of stage"), "{error}");
        assert!(!folder.is_finished());
    }
}
