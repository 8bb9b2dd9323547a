//! Studies made from files of other programs: read whole, with what cannot be asked told line by line, and written only when all of it is
//! known to hold together.

mod draft;
mod literal;
mod lm_eval;
mod opinions;

use crate::error::{Error, Result};
use crate::human_data::{NewHumanData, Target, find_human_data};
use crate::prompts::{create_study_folder, find_study};
use draft::Draft;
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};

pub use lm_eval::LmEvalSettings;
pub use opinions::OpinionsSettings;

/// What is imported.
#[derive(Debug, Clone, PartialEq)]
pub enum ImportSource {
    Opinions(OpinionsSettings),
    LmEval(LmEvalSettings),
}

/// A row or line that became no question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// 1-based.
    pub line: u64,
    pub reason: String,
}

/// What was read, before anything is written.
struct StudyImport {
    draft: Draft,
    left_out: Vec<LeftOut>,
    people: Option<(NewHumanData, Target)>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyImportReport {
    pub id: String,
    pub folder: PathBuf,
    pub human_data: Option<PathBuf>,
    pub question_count: usize,
    pub left_out: Vec<LeftOut>,
}

/// Makes `folder` with a study, and the data set of its people where the source has any. The study's id is `id`, or the folder's name.
///
/// # Errors
/// Kinds `Study` and `HumanData` for a source that cannot be read, with its line; kind `Output` where something is there already. Nothing
/// half written is left.
pub fn import_study(source: &ImportSource, folder: &Path, id: Option<&str>) -> Result<StudyImportReport> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let id = id.unwrap_or(&name);
    if folder.exists() {
        let error = Error::output("this is there already, and nothing is written over").at(folder);
        return Err(error.hint("choose another folder"));
    }
    let import = match source {
        ImportSource::Opinions(settings) => opinions::read_opinions(settings, id)?,
        ImportSource::LmEval(settings) => lm_eval::read_lm_eval(settings, id)?,
    };
    let files = import.draft.files()?;
    let named: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    create_study_folder(folder, id, &named)?;
    let written = match &import.people {
        None => Ok(()),
        Some((data, target)) => data.write(target, &[]),
    };
    // What is made is read again by those who read studies and people: a file that they refuse must not stay.
    let checked = written.and_then(|()| {
        find_study(&folder.to_string_lossy())?;
        let people = import.people.as_ref().map(|(_, target)| target.folder.to_string_lossy());
        people.map_or(Ok(()), |folder| find_human_data(&folder).map(|_| ()))
    });
    if let Err(error) = checked {
        // A study that does not pass is none. What cannot be taken away again stays, and is told by the error.
        let _ = std::fs::remove_dir_all(folder);
        if let Some((_, target)) = &import.people {
            let _ = std::fs::remove_dir_all(&target.folder);
        }
        return Err(error);
    }
    Ok(StudyImportReport {
        id: id.to_owned(),
        folder: folder.to_owned(),
        human_data: import.people.map(|(_, target)| target.folder),
        question_count: import.draft.questions.len(),
        left_out: import.left_out,
    })
}

/// # Errors
/// Kind `Usage` when it cannot be read, or is larger than that.
fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let failed = |source: std::io::Error| Error::usage("cannot be read").at(path).because(source);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(Error::usage(format!("is larger than {} MiB", bytes_max >> 20)).at(path)),
        false => Ok(bytes),
    }
}

/// The file's name alone, for folders say where somebody's home is.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
