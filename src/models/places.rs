//! The folders in which models are looked for, as the environment names them. Looks into none of them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The project's own folder, below the working directory.
const PROJECT_FOLDER: &str = "models";

/// The list of further folders.
pub const FOLDERS_VARIABLE: &str = "RESPONDENT_MODELS";

/// Where models may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPlaces {
    /// `models/` of the working directory.
    pub project: PathBuf,
    /// Those of `RESPONDENT_MODELS`, in its order.
    pub folders: Vec<PathBuf>,
    /// The cache that Hugging Face's libraries share; `None` where neither it nor a home is named.
    pub hf_cache: Option<PathBuf>,
}

impl ModelPlaces {
    pub fn from_env() -> Self {
        Self::from_variables(&|name| std::env::var_os(name))
    }

    /// A variable that is set to nothing counts as not set.
    fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let folders = variable(FOLDERS_VARIABLE).unwrap_or_default();
        ModelPlaces {
            project: PathBuf::from(PROJECT_FOLDER),
            folders: std::env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty()).collect(),
            hf_cache: hf_cache(&|name| variable(name).filter(|value| !value.is_empty())),
        }
    }

    /// Folders of models and manifests, in the order in which a name is looked up.
    pub fn own(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.project).chain(&self.folders).map(PathBuf::as_path)
    }
}

/// As `huggingface_hub/constants.py` 1.x finds it: `HF_HUB_CACHE`, else `HUGGINGFACE_HUB_CACHE`, else `hub` in `HF_HOME`, else
/// in `XDG_CACHE_HOME/huggingface`, else in `~/.cache/huggingface`; `~` and variables inside the first three are expanded.
fn hf_cache(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let expanded = |name: &str| variable(name).map(|value| expand(&value, variable));
    let home = || variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
    let hf_home = || {
        expanded("HF_HOME").or_else(|| {
            let caches = variable("XDG_CACHE_HOME").map(PathBuf::from);
            Some(caches.or_else(|| Some(home()?.join(".cache")))?.join("huggingface"))
        })
    };
    expanded("HF_HUB_CACHE")
        .or_else(|| expanded("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| Some(hf_home()?.join("hub")))
}

/// `~` at the front, `$NAME` and `${NAME}` replaced; names that are not set stay as they stand. A path that is not text is
/// taken as it is.
fn expand(value: &OsStr, variable: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
    let Some(text) = value.to_str() else { return PathBuf::from(value) };
    let mut rest = text;
    let mut out = OsString::new();
    if let Some(home) = variable("HOME").filter(|_| text == "~" || text.starts_with("~/")) {
        out.push(home);
        rest = &text[1..];
    }
    while let Some((before, behind)) = rest.split_once('$') {
        out.push(before);
        let (name, after) = match behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(braced) => braced,
            None => {
                let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                behind.split_at(end.unwrap_or(behind.len()))
            }
        };
        match variable(name) {
            Some(found) => out.push(found),
            None => out.push(&rest[before.len()..rest.len() - after.len()]),
        }
        rest = after;
    }
    out.push(rest);
    PathBuf::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(variables: &[(&str, &str)]) -> ModelPlaces {
        let variables = variables.to_vec();
        ModelPlaces::from_variables(&move |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_cache_is_where_hugging_face_puts_it() {
        let home = ("HOME", "/home/a");
        for (variables, expected) in [
            (&[home][..], "/home/a/.cache/huggingface/hub"),
            (&[home, ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[home, ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/h")], "/h/hub"),
            (&[home, ("HF_HOME", "")], "/home/a/.cache/huggingface/hub"),
            (&[home, ("HF_HOME", "/h"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (&[home, ("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "/new")], "/new"),
            (&[home, ("HF_HOME", "~/hf")], "/home/a/hf/hub"),
            (&[home, ("SCRATCH", "/s"), ("HF_HUB_CACHE", "$SCRATCH/${HOME}_/$NONE")], "/s//home/a_/$NONE"),
            (&[home, ("HF_HUB_CACHE", "/a${b")], "/a${b"),
        ] {
            assert_eq!(places(variables).hf_cache.unwrap(), Path::new(expected), "{variables:?}");
        }
        assert_eq!(places(&[]).hf_cache, None);
    }

    #[test]
    fn folders_keep_their_order() {
        let joined = std::env::join_paths(["/b", "/a"]).unwrap();
        let places = places(&[(FOLDERS_VARIABLE, joined.to_str().unwrap())]);
        assert_eq!(places.own().collect::<Vec<_>>(), ["models", "/b", "/a"].map(Path::new));
    }
}
