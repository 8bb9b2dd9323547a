//! Every reader of files that others made, with files that it reads well. What is done with damaged ones is the caller's: `tests/hostile.rs` damages them
//! blindly, `fuzz/` by what the reader does with them.

use crate::harness::{repository, respondent};
use respondent::bundle::verify_bundle;
use respondent::engine::EngineDevice;
use respondent::evaluate::{ImportSource, LmEvalSettings, import_study};
use respondent::human_data::{ImportSettings, find_human_data, import_people};
use respondent::models::gguf::GgufFile;
use respondent::models::{ModelConfig, ModelFolder, read_weight_files, sha256_hex};
use respondent::output::{
    FoundJournal, ResultFolder, read_cells, read_comparisons, read_manifest, read_prompts, read_shard_card,
    read_tokens,
};
use respondent::prompts::{ChatTemplate, Message, TemplateSettings, find_study, render_all};
use respondent::report::write_report;
use respondent::tokens::{TextKind, TextTokenizer};
use std::fs;
use std::path::{Path, PathBuf};

/// Something that reads a file.
pub struct Reader {
    pub name: String,
    pub file_name: &'static str,
    /// Whole files.
    pub seeds: Vec<Vec<u8>>,
    /// Told where a file of that name lies.
    pub read: Box<dyn FnMut(&Path)>,
}

impl Reader {
    fn new(
        name: &str,
        file_name: &'static str,
        seeds: &[Vec<u8>],
        read: impl FnMut(&Path) + 'static,
    ) -> Self {
        Reader { name: name.to_owned(), file_name, seeds: seeds.to_vec(), read: Box::new(read) }
    }
}

fn seed(path: &str) -> Vec<u8> {
    fs::read(repository(path)).unwrap()
}

/// A copy of a folder, in which one file is put in another's place.
struct Folder {
    place: tempfile::TempDir,
}

impl Folder {
    fn of(source: &Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(source).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        Folder { place }
    }

    fn put(&self, name: &str, file: &Path) -> PathBuf {
        fs::copy(file, self.place.path().join(name)).unwrap();
        self.place.path().to_owned()
    }
}

/// One file of a folder in another's place, the others as they are.
fn in_folder(
    name: &str,
    source: &Path,
    file_name: &'static str,
    seeds: &[Vec<u8>],
    mut read: impl FnMut(&Path) + 'static,
) -> Reader {
    let folder = Folder::of(source);
    Reader::new(name, file_name, seeds, move |path| read(&folder.put(file_name, path)))
}

pub fn studies_and_people() -> Vec<Reader> {
    let study = |name: &str, file_name: &'static str| {
        let folders = ["prompts/skeleton", "tests/studies/formats"];
        let seeds = folders.map(|folder| seed(&format!("{folder}/{file_name}")));
        in_folder(name, &repository("prompts/skeleton"), file_name, &seeds, |folder| {
            let Ok(study) = find_study(&folder.to_string_lossy()) else { return };
            let cell = respondent::prompts::Cell {
                persona_index: 0,
                item_index: 0,
                language_index: 0,
                format_index: 0,
                order: study.option_orders[0],
                wording_index: 0,
            };
            let _ = render_all(&study, &cell);
        })
    };
    let isear = repository("human_data/isear");
    let provenance = seed("human_data/isear/provenance.toml");
    let provenance = in_folder("provenance", &isear, "provenance.toml", &[provenance], |folder| {
        let _ = find_human_data(&folder.to_string_lossy());
    });
    // The hash is made to fit, or nothing behind it would be read.
    let people = |name: &str, file_name: &'static str, whole: &str, other: (&'static str, &'static str)| {
        in_folder(name, &isear, file_name, &[whole.into()], move |folder| {
            fs::write(folder.join(other.0), other.1).unwrap();
            let hash = |name: &str| sha256_hex(&fs::read(folder.join(name)).unwrap());
            let text = format!(
                "{PROVENANCE}[counts]\nsha256 = \"{}\"\n[responses]\nsha256 = \"{}\"\n",
                hash("counts.tsv"),
                hash("responses.tsv")
            );
            fs::write(folder.join("provenance.toml"), text).unwrap();
            let _ = find_human_data(&folder.to_string_lossy());
        })
    };
    vec![
        study("study", "study.toml"),
        study("en", "en.toml"),
        provenance,
        people("counts", "counts.tsv", COUNTS, ("responses.tsv", RESPONSES)),
        people("responses", "responses.tsv", RESPONSES, ("counts.tsv", COUNTS)),
    ]
}

pub fn bundles() -> Vec<Reader> {
    let place = tempfile::tempdir().unwrap();
    let made = respondent(place.path(), &["bundle", "create", "study.tar", "--study", "isear", "-q"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let whole = fs::read(place.path().join("study.tar")).unwrap();
    vec![Reader::new("bundle", "study.tar", &[whole], |path| drop(verify_bundle(path, &|_, _| ())))]
}

pub fn tables_of_people_and_tasks() -> Vec<Reader> {
    let table = "person,age,status,content,tense\n1,21,student,4,2\n2,20,student,3,4\n3,68,retired,4,2\n4,71,retired,5,1\n";
    let chapter = fs::read_to_string(repository("docs/studies.md")).unwrap();
    let codebook = chapter.split("```toml\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    let import = |place: &tempfile::TempDir, file: &Path, codebook: &Path| {
        let settings = ImportSettings {
            file: file.to_owned(),
            codebook: codebook.to_owned(),
            into: place.path().join("into"),
            force: true,
            strict: false,
        };
        let _ = import_people(&settings, &|_, _| ());
    };
    let beside = |name: &str, text: &str| {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(name);
        fs::write(&path, text).unwrap();
        (place, path)
    };
    let (by_table, codebook_path) = beside("codebook.toml", &codebook);
    let (by_codebook, table_path) = beside("people.csv", table);
    let (by_task, documents) = beside("documents.jsonl", "");
    let task = r#"{"doc_to_text": "{{question}}", "doc_to_choice": ["yes", "no"], "doc_to_target": 0}"#;
    let questions = "{\"question\": \"Is it?\", \"choices\": [\"yes\", \"no\"]}\n";
    vec![
        Reader::new(
            "people",
            "people.csv",
            &[table.into(), seed("human_data/isear/counts.tsv")],
            move |path| import(&by_table, path, &codebook_path),
        ),
        Reader::new("codebook", "codebook.toml", &[codebook.into()], move |path| {
            import(&by_codebook, &table_path, path)
        }),
        Reader::new("lm_eval", "task.yaml", &[task.into(), questions.into()], move |path| {
            fs::copy(path, &documents).unwrap();
            let folder = by_task.path().join("study");
            let _ = fs::remove_dir_all(&folder);
            let settings = LmEvalSettings { documents: documents.clone(), task: path.to_owned() };
            let _ = import_study(&ImportSource::LmEval(settings), &folder, Some("made"));
            let _ = fs::remove_dir_all(&folder);
        }),
    ]
}

pub fn models() -> Vec<Reader> {
    let device = EngineDevice::from_name("cpu").unwrap();
    // The header is what is worth damaging; the values behind it are many.
    let weights = seed("models/control/model.safetensors");
    let header = 8 + u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let files = ["metadata.gguf", "types.gguf", "split-00001-of-00003.gguf"];
    let gguf = files.map(|name| seed(&format!("tests/goldens/gguf/{name}")));
    let settings = TemplateSettings { date: "2025-01-01".to_owned(), ..TemplateSettings::default() };
    let message = |role: &str, content: &str| Message { role: role.to_owned(), content: content.to_owned() };
    let messages = [message("system", "You."), message("user", "How?")];
    vec![
        Reader::new("config", "config.json", &[seed("models/control/config.json")], |path| {
            let _ = ModelConfig::parse(&fs::read(path).unwrap(), path);
        }),
        Reader::new("safetensors", "model.safetensors", &[weights[..header + 64].to_vec()], move |path| {
            let folder = path.parent().unwrap().to_owned();
            let _ = read_weight_files(&ModelFolder::Directory(folder), &device);
        }),
        Reader::new("gguf", "model.gguf", &gguf, |path| {
            let Ok(file) = GgufFile::open(path) else { return };
            for (key, _) in file.metadata().iter() {
                let _ = file.metadata().get::<Vec<&str>>(key);
                let _ = file.metadata().get::<Vec<Vec<i64>>>(key);
            }
            for tensor in file.tensors() {
                let _ = file.matrix(tensor).and_then(|matrix| matrix.to_tensor());
            }
        }),
        Reader::new("tokenizer", "tokenizer.json", &[seed("models/control/tokenizer.json")], |path| {
            if let Ok(tokenizer) = TextTokenizer::from_bytes(&fs::read(path).unwrap(), 4096, path) {
                let _ = tokenizer.encode_text("Ein Satz, 10 Wörter: ▁\n", TextKind::Plain);
            }
        }),
        Reader::new("template", "chat.jinja", &[seed("models/control/chat_template.jinja")], move |path| {
            let source = fs::read(path).unwrap();
            if let Ok(template) = ChatTemplate::new(&String::from_utf8_lossy(&source), &settings) {
                let _ = template.render(&messages, "Answer:");
            }
        }),
    ]
}

pub fn results() -> Vec<Reader> {
    let place = tempfile::tempdir().unwrap();
    let study = ["isear", "--personas", "USA", "--languages", "en", "--formats", "number"];
    let fast = ["--certify", "0", "--replicates", "40", "--quiet", "--temperatures", "1"];
    for more in [&["--out", "run"][..], &["--shard", "1/2", "--out", "shard"]] {
        let outcome = respondent(place.path(), &[&["run"], &study[..], &fast, more].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    let of_run = |name: &str| fs::read(place.path().join("run").join(name)).unwrap();
    let of_shard = |name: &str| fs::read(place.path().join("shard").join(name)).unwrap();
    let page = |name: &str, file_name: &'static str| {
        in_folder(name, &place.path().join("run"), file_name, &[of_run(file_name)], |folder| {
            let _ = write_report(folder);
        })
    };
    vec![
        Reader::new("journal", "journal", &[of_shard("journal")], |path| {
            if let Ok(mut journal) = FoundJournal::open(path) {
                while let Ok(Some(_)) = journal.next_record() {}
            }
        }),
        Reader::new("shard", "shard.json", &[of_shard("shard.json")], |path| {
            let _ = ResultFolder::open(path.parent().unwrap()).and_then(|folder| read_shard_card(&folder));
        }),
        Reader::new("manifest", "manifest.json", &[of_run("manifest.json")], |path| {
            let _ = ResultFolder::open(path.parent().unwrap()).and_then(|folder| read_manifest(&folder));
        }),
        Reader::new("cells", "cells.parquet", &[of_run("cells.parquet")], |path| drop(read_cells(path))),
        Reader::new("prompts", "prompts.parquet", &[of_run("prompts.parquet")], |path| {
            drop(read_prompts(path))
        }),
        Reader::new("tokens", "tokens.parquet", &[of_run("tokens.parquet")], |path| drop(read_tokens(path))),
        Reader::new("comparisons", "comparisons.parquet", &[of_run("comparisons.parquet")], |path| {
            drop(read_comparisons(path))
        }),
        page("page-manif", "manifest.json"),
        page("page-cells", "cells.parquet"),
        page("page-token", "tokens.parquet"),
    ]
}

const PROVENANCE: &str = r#"schema_version = 1
id = "mood"
title = "Mood"
citation = "nobody"
counted = "by hand"
licence = "none"
kind = "weighted"
[source]
description = "made up"
[columns]
population_group = "population_group"
item = ["item"]
valid = "n_valid"
missing = "n_missing"
counts = ["option_1", "option_2", "option_3"]
"#;

const COUNTS: &str = "population_group\titem\tn_valid\tn_missing\toption_1\toption_2\toption_3\n\
    north\tcalm\t2\t1\t2.0\t0.0\t0.0\nnorth\tcontent\t3\t0\t1.0\t2.0\t0.0\n\
    south\tcalm\t2\t0\t0.0\t0.294117647\t1.176470588\nsouth\tcontent\t2\t0\t0.0\t0.0\t1.470588235\n";

const RESPONSES: &str = "population_group\tweight\tcalm\tcontent\nnorth\t1\t\t2\nnorth\t1\t1\t1\nnorth\t1\t1\t2\n\
    south\t0.5\t2\t3\nsouth\t2\t3\t3\n";
