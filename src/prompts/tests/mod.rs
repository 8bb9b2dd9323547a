//! Tests of the studies: what is refused, and what the built-in study promises.

mod isear;
mod refusals;
mod rendering;
mod social_emotions;

use std::path::Path;

/// The example study of `prompts/README.md`, word for word.
fn write_example(folder: &Path) {
    let readme = include_str!("../../../prompts/README.md");
    for name in ["study.toml", "en.toml"] {
        let after =
            readme.split_once(&format!("`mood/{name}`:\n\n```toml\n")).expect("the README shows the file").1;
        let text = after.split_once("```").expect("the block ends").0;
        std::fs::write(folder.join(name), text).unwrap();
    }
}
