//! What the user calls a model, to a path: a path, a manifest's name, a name below a folder of models, or a repository in
//! Hugging Face's cache. Never the network.

use super::hf_cache::{RepositoryName, find_snapshot};
use super::manifest::{ModelManifest, manifest_path};
use super::places::{FOLDERS_VARIABLE, ModelPlaces};
use crate::error::{Error, Result};
use std::path::{Component, Path, PathBuf};

/// Whether this is a GGUF file by its name.
pub fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

/// The names of all parts of a GGUF file: `NAME-00001-of-00003.gguf` is the first of three, any other name stands alone.
pub fn gguf_parts(name: &str) -> Vec<String> {
    /// More parts than any file has.
    const COUNT_MAX: usize = 1000;
    let alone = || vec![name.to_owned()];
    let Some((stem, count)) = name.strip_suffix(".gguf").and_then(|stem| stem.rsplit_once("-of-")) else {
        return alone();
    };
    let Some((stem, index)) = stem.rsplit_once('-') else { return alone() };
    let five_digits = |text: &str| (text.len() == 5).then(|| text.parse::<usize>().ok())?;
    match (five_digits(index), five_digits(count)) {
        (Some(index), Some(count)) if (1..=count).contains(&index) && count <= COUNT_MAX => {
            (1..=count).map(|index| format!("{stem}-{index:05}-of-{count:05}.gguf")).collect()
        }
        _ => alone(),
    }
}

/// The path of a model. A path goes before names, and names go in the order of [`ModelPlaces`].
///
/// # Errors
/// Kind `Model`: a manifest of that name is broken or its model is gone, or nothing is called so; then the message has all
/// that was looked at.
pub fn find_path(name: &str, places: &ModelPlaces) -> Result<PathBuf> {
    let path = Path::new(name);
    if path.exists() {
        return Ok(path.to_owned());
    }
    let mut looked_at = vec![format!("{} (no such path)", path.display())];
    // What steps out of a folder, or is absolute, can only have been meant as a path.
    if !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_))) {
        if let Some(found) = find_in_folders(name, places, &mut looked_at)? {
            return Ok(found);
        }
        match find_in_cache(name, places) {
            Some(Ok(found)) => return Ok(found),
            Some(Err(told)) => looked_at.push(told),
            None => {}
        }
    }
    let message = format!("no such model: `{name}`; looked at:\n  {}", looked_at.join("\n  "));
    Err(Error::model(message).hint(way_out(name)))
}

fn find_in_folders(name: &str, places: &ModelPlaces, looked_at: &mut Vec<String>) -> Result<Option<PathBuf>> {
    for folder in places.own() {
        let manifest = manifest_path(folder, name);
        if manifest.is_file() {
            let path = ModelManifest::read(&manifest)?.model_path(&manifest);
            if !path.exists() {
                let message = format!("the model is gone: there is no {}", path.display());
                return Err(Error::model(message).at(manifest).hint("import it again from where it is now"));
            }
            return Ok(Some(path));
        }
        looked_at.push(format!("{} (no such manifest)", manifest.display()));
        let below = folder.join(name);
        if below.exists() {
            return Ok(Some(below));
        }
        looked_at.push(format!("{} (no such folder)", below.display()));
    }
    Ok(None)
}

/// `org/name[@revision]`, or behind it a `/` and one GGUF file of it; `None` for what cannot be one.
fn find_in_cache(name: &str, places: &ModelPlaces) -> Option<std::result::Result<PathBuf, String>> {
    let (name, file) = match name.rsplit_once('/').filter(|(_, file)| is_gguf(Path::new(file))) {
        Some((name, file)) => (name, Some(file)),
        None => (name, None),
    };
    let name = RepositoryName::parse(name)?;
    let Some(cache) = &places.hf_cache else {
        return Some(Err("no Hugging Face cache (neither HF_HOME nor HOME is set)".to_owned()));
    };
    Some(find_snapshot(cache, &name).and_then(|snapshot| {
        let path = file.map_or(snapshot.path.clone(), |file| snapshot.path.join(file));
        if path.exists() { Ok(path) } else { Err(format!("{} (not there)", path.display())) }
    }))
}

fn way_out(name: &str) -> String {
    let fetch = match RepositoryName::parse(name).filter(|name| name.repository.contains('/')) {
        Some(_) if cfg!(feature = "hub") => format!("; `respondent models fetch {name}` fetches it"),
        Some(_) => "; a build with `--features hub` can fetch it".to_owned(),
        None => String::new(),
    };
    format!(
        "`respondent models list` shows what is on disk; {FOLDERS_VARIABLE} and HF_HOME name further places{fetch}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn places(root: &Path) -> ModelPlaces {
        ModelPlaces {
            project: root.join("models"),
            folders: vec![root.join("more")],
            hf_cache: Some(root.join("hub")),
        }
    }

    #[test]
    fn parts_of_a_split_file_are_counted_from_its_name() {
        assert_eq!(gguf_parts("a-00002-of-00002.gguf"), ["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"]);
        for alone in
            ["a.gguf", "a-00003-of-00002.gguf", "a-1-of-2.gguf", "a-00001-of-99999.gguf", "-of-.gguf"]
        {
            assert_eq!(gguf_parts(alone), [alone]);
        }
    }

    #[test]
    fn folders_of_models_go_in_order_and_before_the_cache() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let snapshot = root.path().join("hub/models--org--tiny/snapshots").join("a".repeat(40));
        fs::create_dir_all(&snapshot).unwrap();
        fs::create_dir_all(root.path().join("hub/models--org--tiny/refs")).unwrap();
        fs::write(root.path().join("hub/models--org--tiny/refs/main"), "a".repeat(40)).unwrap();
        assert_eq!(find_path("org/tiny", &places).unwrap(), snapshot);
        fs::write(snapshot.join("tiny-q8_0.gguf"), "").unwrap();
        assert_eq!(find_path("org/tiny/tiny-q8_0.gguf", &places).unwrap(), snapshot.join("tiny-q8_0.gguf"));
        let missing = find_path("org/tiny@main/q4.gguf", &places).unwrap_err().to_string();
        assert!(missing.contains("q4.gguf (not there)"), "{missing}");
        for below in ["more/org/tiny", "models/org/tiny"] {
            fs::create_dir_all(root.path().join(below)).unwrap();
            assert_eq!(find_path("org/tiny", &places).unwrap(), root.path().join(below));
        }
    }

    #[test]
    fn what_is_missing_is_told_with_every_place() {
        let root = tempfile::tempdir().unwrap();
        let error = find_path("org/tiny@v1", &places(root.path())).unwrap_err();
        let text = error.to_string();
        for place in [
            "models/org/tiny@v1.toml",
            "more/org/tiny@v1 (no such folder)",
            "hub/models--org--tiny (not there)",
        ] {
            assert!(text.contains(place), "{text}");
        }
        let hint = error.hint_text().unwrap();
        assert!(hint.contains("respondent models list") && hint.contains("fetch"), "{hint}");
        for outside in ["../tiny", "/nowhere/tiny", ""] {
            let text = find_path(outside, &places(root.path())).unwrap_err().to_string();
            assert_eq!(text.lines().count(), 2, "only the path was looked at: {text}");
        }
    }
}
