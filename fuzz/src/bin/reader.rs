//! One reader before a fuzzer: `RESPONDENT_READER` names it; without, the names of all are told. The whole files that it knows are written to the folder
//! that `RESPONDENT_SEEDS` names.

#![no_main]

use libfuzzer_sys::fuzz_target;
use respondent_fuzz::{groups, reader};
use respondent_fuzz::readers::Reader;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// The reader, and where it finds its files.
struct Place {
    reader: Reader,
    folder: tempfile::TempDir,
}

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

fn place() -> Place {
    let Ok(name) = std::env::var("RESPONDENT_READER") else {
        let readers = groups().into_iter().flat_map(|group| group());
        readers.for_each(|reader| println!("{}", reader.name));
        std::process::exit(0);
    };
    let reader = reader(&name).expect("there is such a reader");
    if let Some(folder) = std::env::var_os("RESPONDENT_SEEDS").map(PathBuf::from) {
        for (index, seed) in reader.seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{index}")), seed).expect("seeds can be written");
        }
    }
    // A panic that a reader catches is an error and none of its own.
    std::panic::set_hook(Box::new(|_| ()));
    Place { reader, folder: tempfile::tempdir().expect("a temporary folder can be made") }
}

fuzz_target!(|bytes: &[u8]| {
    PLACE.with_borrow_mut(|known| {
        let Place { reader, folder } = known.get_or_insert_with(place);
        let path = folder.path().join(reader.file_name);
        std::fs::write(&path, bytes).expect("the temporary folder can be written");
        if catch_unwind(AssertUnwindSafe(|| (reader.read)(&path))).is_err() {
            eprintln!("the reader panicked");
            std::process::abort();
        }
    });
});
