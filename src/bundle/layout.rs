//! Where things lie in a bundle. What is opened was perhaps made by somebody else: a path of their choice is a file of theirs on this machine, and
//! a name of their choice stands in a command to be copied. So `open` takes the paths that `create` writes, and no others.

use super::BundleList;
use crate::error::{Error, Result};
use std::path::Path;

pub const MODELS: &str = "models";
pub const STUDIES: &str = "prompts";
pub const PEOPLE: &str = "human_data";

/// Manifests of models lie beside the models, where their names are looked up.
pub const MANIFEST_ENDING: &str = ".toml";

/// Of the files that belong to a model's folder.
const MODEL_ENDINGS: &[&str] = &[".jinja", ".json", ".model", ".safetensors"];
const STUDY_ENDINGS: &[&str] = &[".toml"];
const PEOPLE_ENDINGS: &[&str] = &[".toml", ".tsv"];

/// Lets nothing pass but what `create` writes.
///
/// # Errors
/// Kind `Output` for the file with this list, naming the first place or path that is none.
pub fn check_layout(list: &BundleList, bundle: &Path) -> Result<()> {
    match odd_place(list).or_else(|| odd_path(list)) {
        None => Ok(()),
        Some(odd) => Err(Error::output(format!("`{}` is nothing that a bundle holds", odd.escape_debug()))
            .at(bundle)
            .hint(
                "a bundle holds the files of one model, one study and its people, in models/, prompts/ and human_data/, \
                 by names of letters, digits, `.`, `_` and `-` that begin with no `.`",
            )),
    }
}

/// Where a manifest says that its model lies: `name` is the manifest's and `model` the model's, below the folder of models.
pub fn path_from_manifest(name: &str, model: &str) -> String {
    "../".repeat(name.matches('/').count()) + model
}

/// What the file at a path of the list has to say of where its model lies; `None` where it is no manifest.
pub fn path_in_manifest(list: &BundleList, path: &str) -> Option<String> {
    let below_models = |path: &str| path.strip_prefix(MODELS)?.strip_prefix('/').map(str::to_owned);
    let (name, model) = (below_models(path)?, below_models(list.model.as_deref()?)?);
    name.ends_with(MANIFEST_ENDING).then(|| path_from_manifest(&name, &model))
}

/// The last part of a name, of characters that every system and every shell takes as they are; never empty, nor hidden.
pub fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let plain = last.chars().map(kept).collect::<String>().trim_start_matches('.').to_owned();
    if plain.is_empty() { "_".to_owned() } else { plain }
}

fn is_plain(part: &str) -> bool {
    plain(part) == part
}

fn odd_place(list: &BundleList) -> Option<&str> {
    let places = [(MODELS, &list.model), (STUDIES, &list.study), (PEOPLE, &list.human_data)];
    let mut named = places.into_iter().filter_map(|(folder, place)| Some((folder, place.as_deref()?)));
    let is_odd = |folder: &str, place: &str| {
        let name = place.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        name.is_none_or(|name| !is_plain(name))
    };
    named.find(|(folder, place)| is_odd(folder, place)).map(|(_, place)| place)
}

fn odd_path(list: &BundleList) -> Option<&str> {
    list.files.iter().map(|file| file.path.as_str()).find(|path| !has_place(list, path))
}

/// Whether it is a file of the model, the study or the people of the list.
fn has_place(list: &BundleList, path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    let is_in = |place: &Option<String>, endings: &[&str]| {
        place.as_deref() == Some(folder) && endings.iter().any(|ending| name.ends_with(*ending))
    };
    path.split('/').all(is_plain)
        && (is_in(&list.model, MODEL_ENDINGS)
            || is_in(&list.study, STUDY_ENDINGS)
            || is_in(&list.human_data, PEOPLE_ENDINGS)
            || (list.model.is_some() && is_beside_models(folder, name)))
}

/// GGUF files, which need no folder, and manifests; a manifest's name may have a folder in it, as in `org/name`.
fn is_beside_models(folder: &str, name: &str) -> bool {
    let is_gguf = folder == MODELS && name.to_ascii_lowercase().ends_with(".gguf");
    let mut folders = folder.split('/');
    let is_near = folders.next() == Some(MODELS) && folders.count() <= 1;
    is_gguf || (is_near && name.ends_with(MANIFEST_ENDING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_plain_and_stay_so() {
        for (name, expected) in [
            ("org/Name-1.5", "Name-1.5"),
            ("a b;c", "a_b_c"),
            ("..a", "a"),
            ("...", "_"),
            ("", "_"),
            ("ä", "_"),
        ] {
            assert_eq!(plain(name), expected);
            assert!(is_plain(expected) && (name == expected || !is_plain(name)), "{name}");
        }
    }
}
