//! House rules as failing tests: heads, file lengths, layers, no unsafe, nothing unfinished.

use super::harness::repository;
use std::path::{Path, PathBuf};

/// Lines, tests included.
const FILE_LINE_COUNT_MAX: usize = 500;

/// Which modules of the crate each module may name, besides itself. Everything may name [`BELOW_ALL`].
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("elementary", &[]),
    ("spanned", &[]),
    ("data_folder", &[]),
    ("guard", &[]),
    ("partial_file", &[]),
    ("system_memory", &[]),
    ("survey", &[]),
    ("prompts", &["survey", "data_folder", "spanned"]),
    ("human_data", &["survey", "data_folder", "spanned"]),
    ("tokens", &["survey", "prompts", "guard"]),
    ("packing", &["tokens"]),
    ("engine", &["packing"]),
    ("models", &["engine", "partial_file", "system_memory"]),
    ("scoring", &["survey", "tokens", "engine"]),
    ("compare", &["survey"]),
    ("output", &["survey", "scoring", "compare", "partial_file", "guard"]),
    ("report", &["output", "partial_file"]),
    (
        "evaluate",
        &[
            "survey",
            "prompts",
            "human_data",
            "tokens",
            "packing",
            "engine",
            "models",
            "scoring",
            "compare",
            "output",
            "report",
            "system_memory",
        ],
    ),
    ("bundle", &["data_folder", "human_data", "models", "partial_file", "prompts"]),
    ("benchmark", &["packing", "engine", "models", "system_memory"]),
    (
        "cli",
        &[
            "evaluate",
            "benchmark",
            "bundle",
            "engine",
            "human_data",
            "models",
            "output",
            "partial_file",
            "prompts",
            "report",
            "scoring",
            "system_memory",
        ],
    ),
];

const BELOW_ALL: &[&str] = &["error", "elementary"];

/// Modules that may name candle.
const TENSOR_MODULES: &[&str] = &["engine", "models"];

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![repository(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}

fn all_rust_files() -> Vec<PathBuf> {
    ["src", "tests", "benches", "models"].into_iter().flat_map(rust_files).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// `engine` for `src/engine/rope.rs` and for `src/engine.rs`.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(repository("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn is_of_tests(path: &Path) -> bool {
    path.components().any(|part| {
        ["tests", "tests.rs", "fixture.rs", "fixtures.rs"].iter().any(|name| part.as_os_str() == *name)
    })
}

/// Code lines only: comments may speak of anything.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line))
}

#[test]
fn every_file_opens_with_what_it_is() {
    for path in all_rust_files() {
        assert!(read(&path).starts_with("//! "), "{} has no head", path.display());
    }
}

#[test]
fn no_file_is_too_long() {
    for path in all_rust_files() {
        let count = read(&path).lines().count();
        assert!(count <= FILE_LINE_COUNT_MAX, "{} has {count} lines", path.display());
    }
}

#[test]
fn modules_know_only_those_below_them() {
    for path in rust_files("src") {
        let module = module_of(&path);
        // Tests may bring parts together that do not know each other.
        if is_of_tests(&path) || module == "lib" || module == "main" {
            continue;
        }
        let (_, allowed) = LAYERS.iter().find(|(name, _)| *name == module).expect("every module has a layer");
        for (line_number, line) in code(&read(&path)) {
            for part in line.split("crate::").skip(1) {
                let named: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let is_allowed = named == module
                    || BELOW_ALL.contains(&named.as_str())
                    || allowed.contains(&named.as_str());
                let is_module = LAYERS.iter().any(|(name, _)| *name == named);
                assert!(!is_module || is_allowed, "{}:{line_number}: {module} names {named}", path.display());
            }
        }
    }
}

#[test]
fn only_the_engine_and_the_model_reader_know_tensors() {
    for path in rust_files("src") {
        let knows = TENSOR_MODULES.contains(&module_of(&path).as_str());
        for (line_number, line) in code(&read(&path)) {
            assert!(knows || !line.contains("candle_"), "{}:{line_number} names candle", path.display());
        }
    }
}

/// Other systems' have other last digits, see `elementary`. Tests may hold ours against them.
#[test]
fn no_function_of_the_c_library_makes_a_number() {
    let names = "exp exp2 exp_m1 ln ln_1p log log2 log10 powf powi cbrt hypot sin cos sin_cos tan asin acos atan atan2 sinh cosh tanh \
                 asinh acosh atanh";
    let calls: Vec<String> = names
        .split_whitespace()
        .flat_map(|name| [format!(".{name}("), format!("f32::{name}"), format!("f64::{name}")])
        .chain(["libm::".to_owned()])
        .collect();
    for path in rust_files("src") {
        // The reference is that library's.
        let is_allowed = is_of_tests(&path) || path.ends_with("elementary.rs");
        if is_allowed || path.starts_with(repository("src/engine/candle")) {
            continue;
        }
        let text = read(&path);
        // Where tests stand in the file itself, they are its end.
        let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (line_number, line) in code(shipped) {
            // One product, as exact as any.
            let line = line.replace(".powi(2)", "");
            let found = calls.iter().find(|call| line.contains(call.as_str()));
            assert!(found.is_none(), "{}:{line_number} calls {found:?} of std", path.display());
        }
    }
}

#[test]
fn nothing_is_unsafe_or_unfinished() {
    // Put together, so that this file does not find itself.
    let forbidden =
        [["uns", "afe "], ["to", "do!("], ["unimpl", "emented!("], ["db", "g!("], ["#[all", "ow("]];
    for path in all_rust_files() {
        // The compiler holds the rest: unsafe code is denied in the crate and expected in this folder.
        let in_kernels = path.starts_with(repository("src/engine/kernels"));
        for (line_number, line) in code(&read(&path)) {
            for parts in &forbidden[usize::from(in_kernels)..] {
                let word = parts.concat();
                assert!(!line.contains(&word), "{}:{line_number} has `{word}`", path.display());
            }
        }
    }
}
