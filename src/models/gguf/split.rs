//! The parts of a split GGUF file: finds the others beside any one of them and makes sure that they belong together. Names and
//! keys as `llama_split_path` and `gguf-split` of llama.cpp write them.

use super::super::folder::ModelFolder;
use super::header::broken;
use super::metadata::Metadata;
use super::part::Part;
use crate::error::{Error, Result};
use std::path::Path;

const NUMBER: &str = "split.no";
const COUNT: &str = "split.count";
const TENSOR_COUNT: &str = "split.tensors.count";

/// All parts in their order; the file itself where it is whole.
pub fn open_all(path: &Path) -> Result<Vec<Part>> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::model("not the name of a file").at(path))?;
    let model = ModelFolder::Gguf(path.to_owned());
    let opened = Part::open_if_present(&model, name)?.ok_or_else(|| Error::model("no such file").at(path))?;
    let count = opened.metadata.get::<u16>(COUNT)?.unwrap_or(1);
    if count <= 1 {
        return Ok(vec![opened]);
    }
    let number = number(&opened.metadata, count)?;
    let prefix = prefix(path, number, count)?;
    let mut opened = Some(opened);
    let mut parts = Vec::new();
    for at in 0..count {
        let part = match opened.take_if(|_| at == number) {
            Some(part) => part,
            None => open_other(&model, &part_name(&prefix, at, count), at, count)?,
        };
        parts.push(part);
    }
    check_together(&parts)?;
    Ok(parts)
}

fn open_other(model: &ModelFolder, name: &str, at: u16, count: u16) -> Result<Part> {
    let path = model.describe(name);
    let Some(part) = Part::open_if_present(model, name)? else {
        return Err(Error::model(format!("part {} of {count} is missing", at + 1))
            .at(path)
            .hint("all parts of a split model have to lie beside each other"));
    };
    let (said, said_count) = (part.metadata.require::<u16>(NUMBER)?, part.metadata.require::<u16>(COUNT)?);
    if (said, said_count) != (at, count) {
        let message = format!(
            "by its name it is part {} of {count}, by its metadata part {} of {said_count}",
            at + 1,
            u32::from(said) + 1
        );
        return Err(broken(&path, message));
    }
    Ok(part)
}

fn number(metadata: &Metadata, count: u16) -> Result<u16> {
    let number = metadata.require::<u16>(NUMBER)?;
    match number < count {
        true => Ok(number),
        false => Err(broken(metadata.path(), format!("metadata `{NUMBER}` is {number} of {count} parts"))),
    }
}

fn part_name(prefix: &str, number: u16, count: u16) -> String {
    format!("{prefix}-{:05}-of-{count:05}.gguf", u32::from(number) + 1)
}

/// What the names of all parts start with.
fn prefix(path: &Path, number: u16, count: u16) -> Result<String> {
    let ending = part_name("", number, count);
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.strip_suffix(&ending)).map(str::to_owned).ok_or_else(|| {
        Error::model(format!(
            "this is one of {count} parts of a model, but its name does not end in `{ending}`"
        ))
        .at(path)
        .hint("give the parts the names back that they were split under")
    })
}

/// What every part says about the whole has to be the same, and true.
fn check_together(parts: &[Part]) -> Result<()> {
    let first = &parts[0].metadata;
    let found: usize = parts.iter().map(|part| part.tensors.len()).sum();
    for part in parts {
        let path = part.file.path();
        let strangers = |what: String| {
            Err(broken(path, what).hint("the parts belong to different models, or one is damaged"))
        };
        if let Some(key) = first.first_difference(&part.metadata, &[NUMBER]) {
            return strangers(format!("metadata `{key}` is not what the first part says"));
        }
        let said = part.metadata.require::<u64>(TENSOR_COUNT)?;
        if said != found as u64 {
            return strangers(format!("the parts should hold {said} tensors, but hold {found}"));
        }
    }
    Ok(())
}
