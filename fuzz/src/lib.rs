//! The readers of `tests/hostile/readers.rs`, by name, for a fuzzer that looks at what they do with a file.

pub mod harness;
#[path = "../../tests/hostile/readers.rs"]
pub mod readers;

use readers::Reader;

/// All of them, made group by group.
pub fn groups() -> [fn() -> Vec<Reader>; 5] {
    [
        readers::models,
        readers::studies_and_people,
        readers::tables_of_people_and_tasks,
        readers::bundles,
        readers::results,
    ]
}

/// The reader of a name.
pub fn reader(name: &str) -> Option<Reader> {
    groups().into_iter().find_map(|group| group().into_iter().find(|reader| reader.name == name))
}
