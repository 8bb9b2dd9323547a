//! `respondent models fetch`, in a build that can.

use super::byte_progress::ByteProgress;
use super::models_args::FetchCommand;
use super::models_command::tell_imported;
use crate::error::Result;
use crate::models::ModelPlaces;
use crate::models::hub::{FetchEvent, FetchRequest, HubSettings, fetch};
use indicatif::BinaryBytes;

pub fn execute(command: &FetchCommand) -> Result<()> {
    let request = FetchRequest {
        model: command.model.clone(),
        gguf_file: command.file.clone(),
        name: command.name.clone(),
        into: command.place.into.clone(),
        force: command.place.force,
    };
    let progress = ByteProgress::new("fetch", command.quiet);
    let say = |line: &str| {
        if !command.quiet {
            progress.tell(line);
        }
    };
    let listener = |event: FetchEvent<'_>| match event {
        FetchEvent::Resolved { commit, endpoint } => say(&format!("commit {commit} at {endpoint}")),
        FetchEvent::Started { file, size_bytes } => progress.start(file, size_bytes),
        FetchEvent::Advanced { bytes } => progress.advance(bytes, None),
        FetchEvent::Finished { file, size_bytes, check } => {
            say(&format!("{file}  {}  {check}", BinaryBytes(size_bytes)));
        }
    };
    let fetched = fetch(&request, &HubSettings::from_env(), &ModelPlaces::from_env(), &listener);
    progress.clear();
    tell_imported(&fetched?, command.quiet)
}
