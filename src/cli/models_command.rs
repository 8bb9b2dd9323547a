//! `respondent models`: what is on disk, what it is, whether it is still what it was.

use super::byte_progress::ByteProgress;
use super::models_args::{
    ImportCommand, InspectCommand, ListCommand, ModelsCommand, ModelsVerb, VerifyCommand,
};
use super::models_tables::{inspection_lines, list_tables, verify_table};
use super::streams::{print_json, print_out, tell};
use crate::error::{Error, Result};
use crate::models::{
    FileState, ImportRequest, Imported, Manifests, ModelFolder, ModelPlaces, VerifiedFile, catalogue,
    find_path, import, inspect,
};
use indicatif::BinaryBytes;

/// How many files an error names before it counts the rest.
const NAMED_COUNT_MAX: usize = 4;

pub fn execute(command: &ModelsCommand) -> Result<()> {
    match &command.verb {
        ModelsVerb::List(list) => list_models(list),
        ModelsVerb::Inspect(inspect) => inspect_model(inspect),
        ModelsVerb::Import(import) => import_model(import),
        ModelsVerb::Verify(verify) => verify_models(verify),
        ModelsVerb::Check(check) => super::check_command::execute(check),
        ModelsVerb::Fetch(fetch) => super::fetch_command::execute(fetch),
    }
}

fn list_models(command: &ListCommand) -> Result<()> {
    let places = ModelPlaces::from_env();
    let entries = catalogue(&places);
    if command.json {
        let looked_at: Vec<_> = places.own().chain(places.hf_cache.as_deref()).collect();
        return print_json(&serde_json::json!({ "models": entries, "looked_at": looked_at }));
    }
    print_out(&list_tables(&entries, &places))
}

fn inspect_model(command: &InspectCommand) -> Result<()> {
    let inspection = inspect(&ModelFolder::find(&command.model)?, &ModelPlaces::from_env())?;
    match command.json {
        true => print_json(&inspection),
        false => print_out(&inspection_lines(&inspection)),
    }
}

fn import_model(command: &ImportCommand) -> Result<()> {
    let request = ImportRequest {
        path: find_path(&command.path, &ModelPlaces::from_env())?,
        name: command.name.clone(),
        source: command.source.clone(),
        license: command.license.clone(),
        into: command.place.into.clone(),
        force: command.place.force,
    };
    let progress = ByteProgress::new("hash", command.quiet);
    let imported = import(&request, &|done, total| progress.advance(done, Some(total)));
    progress.clear();
    tell_imported(&imported?, command.quiet)
}

/// The manifest's path on stdout, what it is on stderr.
pub fn tell_imported(imported: &Imported, quiet: bool) -> Result<()> {
    let manifest = &imported.manifest;
    print_out(&format!("{}\n", imported.path.display()))?;
    if !quiet {
        let bytes = manifest.files.iter().map(|file| file.size_bytes).sum();
        let files = manifest.files.len();
        tell(&format!("{files} files, {}; `--model {}` takes it", BinaryBytes(bytes), manifest.name));
    }
    Ok(())
}

fn verify_models(command: &VerifyCommand) -> Result<()> {
    let manifests = Manifests::find(&command.names, &ModelPlaces::from_env())?;
    let progress = ByteProgress::new("verify", command.quiet);
    let total = manifests.size_bytes();
    let rows = manifests.verify(&|done| progress.advance(done, Some(total)));
    progress.clear();
    print_out(&verify_table(&rows))?;
    match rows.iter().filter(|row| row.state != FileState::Matches).collect::<Vec<_>>()[..] {
        [] => Ok(()),
        ref unlike => Err(unlike_error(unlike, rows.len())),
    }
}

fn unlike_error(unlike: &[&VerifiedFile], file_count: usize) -> Error {
    let named = unlike.iter().take(NAMED_COUNT_MAX).map(|row| format!("{} of {}", row.file, row.model));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match unlike.len().saturating_sub(NAMED_COUNT_MAX) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let count = unlike.len();
    Error::model(format!("{count} of {file_count} files are not as their manifest says: {named}{more}"))
        .hint("get the model again, or if the change was meant, `respondent models import --force` it")
}
