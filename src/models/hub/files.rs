//! Which files of a repository a model needs. Knows names only.

use super::super::find::is_gguf;
use super::super::import::SMALL_FILES;
use crate::error::{Error, Result};
use std::path::Path;

const SINGLE: &str = "model.safetensors";
pub const INDEX: &str = "model.safetensors.index.json";

/// How many GGUF files an error names before it counts the rest.
const NAMED_COUNT_MAX: usize = 12;

/// What to fetch, in this order.
#[derive(Debug, PartialEq, Eq)]
pub struct NeededFiles {
    pub small: Vec<String>,
    /// `None`: the files that the index names.
    pub single_weights: Option<String>,
}

/// # Errors
/// Kind `Model` for a repository without config or safetensors, with the way out.
pub fn needed_files(there: &[String], name: &str) -> Result<NeededFiles> {
    let has = |file: &str| there.iter().any(|known| known == file);
    let single_weights = has(SINGLE).then(|| SINGLE.to_owned());
    if !has("config.json") || (single_weights.is_none() && !has(INDEX)) {
        let error = Error::model(format!("{name} is not a model with config.json and safetensors"));
        let pickled =
            ["pytorch_model.bin", "pytorch_model.bin.index.json"].into_iter().find(|file| has(file));
        return Err(match pickled {
            _ if there.iter().any(|file| is_gguf(Path::new(file))) => {
                error.hint(format!("name one of its GGUF files with --file: {}", ggufs(there)))
            }
            Some(file) => error.hint(format!(
                "{file} is a pickle, which can run code; look for a conversion to safetensors"
            )),
            None => error.hint("look for another repository of the same model"),
        });
    }
    let small = SMALL_FILES.iter().filter(|file| **file != INDEX && has(file));
    Ok(NeededFiles { small: small.map(|file| (*file).to_owned()).collect(), single_weights })
}

/// The repository's GGUF files, in words.
pub fn ggufs(there: &[String]) -> String {
    let all: Vec<&str> = there.iter().map(String::as_str).filter(|file| is_gguf(Path::new(file))).collect();
    match &all[..] {
        [] => "no GGUF file".to_owned(),
        all if all.len() <= NAMED_COUNT_MAX => all.join(", "),
        all => format!("{} and {} more", all[..NAMED_COUNT_MAX].join(", "), all.len() - NAMED_COUNT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(there: &[&str]) -> Result<NeededFiles> {
        let there: Vec<String> = there.iter().map(|file| (*file).to_owned()).collect();
        needed_files(&there, "org/tiny")
    }

    #[test]
    fn only_what_a_model_needs() {
        let found = needed(&[
            ".gitattributes",
            "README.md",
            "config.json",
            "flax_model.msgpack",
            "model.safetensors",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "tokenizer.json",
        ]);
        let small = ["config.json", "tokenizer.json"].map(str::to_owned).to_vec();
        assert_eq!(found.unwrap(), NeededFiles { small, single_weights: Some(SINGLE.to_owned()) });
        assert_eq!(needed(&["config.json", INDEX]).unwrap().single_weights, None);
    }

    #[test]
    fn what_cannot_be_used_names_the_way_out() {
        for (there, part) in [
            (&["config.json", "pytorch_model.bin"][..], "pickle"),
            (&["a-q4_k.gguf", "README.md"], "--file: a-q4_k.gguf"),
            (&["README.md"], "another repository"),
        ] {
            let error = needed(there).unwrap_err();
            assert!(error.hint_text().unwrap().contains(part), "{error:?}");
        }
    }
}
