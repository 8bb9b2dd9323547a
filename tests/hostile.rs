//! Damaged and made-up files through every reader: an answer or an error, never a panic, and not for long. Seeds are files of the repository and of a
//! run made here; `tests/hostile/READER/` holds inputs that once went wrong. `RESPONDENT_FUZZ_SECONDS=60` looks longer at each.

use super::harness::{repository, respondent};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
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
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// No single file may keep a reader for so long.
const READ_SECONDS_MAX: f64 = 20.0;
/// The parquet crate (60.1) believes the length of a list in a page's header, and skips through a made-up one for two minutes, without memory.
const PARQUET_SECONDS_MAX: f64 = 400.0;

/// Bytes with some of them changed, as disks, networks and people change them.
fn damaged(seeds: &[Vec<u8>], random: &mut impl RngCore) -> Vec<u8> {
    let pick = |random: &mut dyn RngCore, len: usize| (random.next_u64() % len.max(1) as u64) as usize;
    let mut bytes = seeds[pick(random, seeds.len())].clone();
    for _ in 0..1 + pick(random, 4) {
        let at = pick(random, bytes.len());
        match pick(random, 9) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << pick(random, 8),
            2 if !bytes.is_empty() => {
                bytes[at] = [0, 0xff, b'0', b'9', b'"', b'\n', b'{', b'-'][pick(random, 8)]
            }
            3 => {
                let end = (at + pick(random, 64)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let other = &seeds[pick(random, seeds.len())];
                let from = pick(random, other.len());
                let to = (from + pick(random, 200)).min(other.len());
                let end = (at + pick(random, 200)).min(bytes.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            // A length that lies.
            5 if bytes.len() > 8 => {
                let at = pick(random, bytes.len() - 8);
                let lie = [u64::MAX, i64::MAX as u64, 1 << 40, u64::from(u32::MAX), 0][pick(random, 5)];
                bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
            }
            // A number that is not meant.
            6 => {
                let digits = (at..bytes.len()).find(|at| bytes[*at].is_ascii_digit());
                if let Some(at) = digits {
                    let len = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                    let lies =
                        ["-1", "0", "99999999999999999999", "1e400", "4294967296", "nan", "0.1", "\"\""];
                    bytes.splice(at..at + len, lies[pick(random, lies.len())].bytes());
                }
            }
            7 => {
                let end = (at + 1 + pick(random, 40)).min(bytes.len());
                bytes.drain(at.min(end)..end);
            }
            _ => {
                let word =
                    ["{{ ", "[[", "../../", "\u{0}", "\u{202e}", "'", "<script>", "= "][pick(random, 8)];
                bytes.splice(at..at, word.bytes());
            }
        }
    }
    bytes
}

fn seconds() -> f64 {
    std::env::var("RESPONDENT_FUZZ_SECONDS").map_or(0.4, |seconds| seconds.parse().unwrap())
}

/// Puts damaged files before a reader, which is told where one lies.
fn hold(reader: &str, file_name: &str, seeds: &[Vec<u8>], mut read: impl FnMut(&Path)) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join(file_name);
    let mut key = [0; 32];
    key[..reader.len().min(32)].copy_from_slice(&reader.as_bytes()[..reader.len().min(32)]);
    let mut random = ChaCha8Rng::from_seed(key);
    let known = fs::read_dir(repository("tests/hostile").join(reader));
    let known = known.into_iter().flatten().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let (begin, limit) = (Instant::now(), Duration::from_secs_f64(seconds()));
    let (mut count, mut slowest) = (0_u64, 0.0_f64);
    let mut inputs = seeds.iter().cloned().chain(known.collect::<Vec<_>>()).collect::<Vec<_>>().into_iter();
    loop {
        let bytes = match inputs.next() {
            Some(bytes) => bytes,
            None if begin.elapsed() > limit => break,
            None => damaged(seeds, &mut random),
        };
        fs::write(&path, &bytes).unwrap();
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&path)));
        let taken = start.elapsed().as_secs_f64();
        slowest = slowest.max(taken);
        count += 1;
        let seconds_max =
            if file_name.ends_with(".parquet") { PARQUET_SECONDS_MAX } else { READ_SECONDS_MAX };
        if outcome.is_err() || taken > seconds_max {
            let kept = std::env::temp_dir().join(format!("respondent-hostile-{reader}-{count}"));
            fs::write(&kept, &bytes).unwrap();
            panic!("{reader} panicked or took {taken:.1} s over {}", kept.display());
        }
    }
    println!("{reader:<12} {count:>8} files, the slowest took {:.0} ms", 1e3 * slowest);
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

#[test]
fn studies_and_people() {
    let study = Folder::of(&repository("prompts/skeleton"));
    for name in ["study.toml", "en.toml"] {
        let seeds =
            [seed(&format!("prompts/skeleton/{name}")), seed(&format!("tests/studies/formats/{name}"))];
        hold(name.trim_end_matches(".toml"), name, &seeds, |path| {
            let folder = study.put(name, path);
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
        });
        study.put(name, &repository(&format!("prompts/skeleton/{name}")));
    }
    let people = Folder::of(&repository("human_data/isear"));
    let provenance = seed("human_data/isear/provenance.toml");
    hold("provenance", "provenance.toml", &[provenance], |path| {
        let _ = find_human_data(&people.put("provenance.toml", path).to_string_lossy());
    });
    people.put("provenance.toml", &repository("human_data/isear/provenance.toml"));
    // The hash is made to fit, or nothing behind it would be read.
    for (name, whole) in [("counts.tsv", COUNTS), ("responses.tsv", RESPONSES)] {
        hold(name.split('.').next().unwrap(), name, &[whole.into()], |path| {
            let folder = people.put(name, path);
            let other =
                if name == "counts.tsv" { ("responses.tsv", RESPONSES) } else { ("counts.tsv", COUNTS) };
            fs::write(folder.join(other.0), other.1).unwrap();
            let hash = |name: &str| sha256_hex(&fs::read(folder.join(name)).unwrap());
            let text = format!(
                "{PROVENANCE}[counts]\nsha256 = \"{}\"\n[responses]\nsha256 = \"{}\"\n",
                hash("counts.tsv"),
                hash("responses.tsv")
            );
            fs::write(folder.join("provenance.toml"), text).unwrap();
            let _ = find_human_data(&folder.to_string_lossy());
        });
    }
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

#[test]
fn bundles() {
    let place = tempfile::tempdir().unwrap();
    let made = respondent(place.path(), &["bundle", "create", "study.tar", "--study", "isear", "-q"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let whole = fs::read(place.path().join("study.tar")).unwrap();
    hold("bundle", "study.tar", &[whole], |path| drop(verify_bundle(path, &|_, _| ())));
}

#[test]
fn tables_of_people_and_tasks() {
    let place = tempfile::tempdir().unwrap();
    let table = "person,age,status,content,tense\n1,21,student,4,2\n2,20,student,3,4\n3,68,retired,4,2\n4,71,retired,5,1\n";
    let chapter = fs::read_to_string(repository("docs/studies.md")).unwrap();
    let codebook = chapter.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let (table_path, codebook_path) = (place.path().join("people.csv"), place.path().join("codebook.toml"));
    fs::write(&table_path, table).unwrap();
    fs::write(&codebook_path, codebook).unwrap();
    let import = |file: &Path, codebook: &Path| {
        let settings = ImportSettings {
            file: file.to_owned(),
            codebook: codebook.to_owned(),
            into: place.path().join("into"),
            force: true,
            strict: false,
        };
        let _ = import_people(&settings, &|_, _| ());
    };
    hold("people", "people.csv", &[table.into(), seed("human_data/isear/counts.tsv")], |path| {
        import(path, &codebook_path)
    });
    hold("codebook", "codebook.toml", &[codebook.into()], |path| import(&table_path, path));
    let task = r#"{"doc_to_text": "{{question}}", "doc_to_choice": ["yes", "no"], "doc_to_target": 0}"#;
    let documents = "{\"question\": \"Is it?\", \"choices\": [\"yes\", \"no\"]}\n";
    hold("lm_eval", "task.yaml", &[task.into(), documents.into()], |path| {
        let documents = place.path().join("documents.jsonl");
        fs::copy(path, &documents).unwrap();
        let folder = place.path().join("study");
        let _ = fs::remove_dir_all(&folder);
        let settings = LmEvalSettings { documents, task: path.to_owned() };
        let _ = import_study(&ImportSource::LmEval(settings), &folder, Some("made"));
        let _ = fs::remove_dir_all(&folder);
    });
}

#[test]
fn models() {
    let config = seed("models/control/config.json");
    hold("config", "config.json", &[config], |path| {
        let _ = ModelConfig::parse(&fs::read(path).unwrap(), path);
    });
    // The header is what is worth damaging; the values behind it are many.
    let device = EngineDevice::from_name("cpu").unwrap();
    let weights = seed("models/control/model.safetensors");
    let header = 8 + u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    hold("safetensors", "model.safetensors", &[weights[..header + 64].to_vec()], |path| {
        let folder = path.parent().unwrap().to_owned();
        let _ = read_weight_files(&ModelFolder::Directory(folder), &device);
    });
    let files = ["metadata.gguf", "types.gguf", "split-00001-of-00003.gguf"];
    let seeds = files.map(|name| seed(&format!("tests/goldens/gguf/{name}")));
    hold("gguf", "model.gguf", &seeds, |path| {
        let Ok(file) = GgufFile::open(path) else { return };
        for (key, _) in file.metadata().iter() {
            let _ = file.metadata().get::<Vec<&str>>(key);
            let _ = file.metadata().get::<Vec<Vec<i64>>>(key);
        }
        for tensor in file.tensors() {
            let _ = file.matrix(tensor).and_then(|matrix| matrix.to_tensor());
        }
    });
    hold("tokenizer", "tokenizer.json", &[seed("models/control/tokenizer.json")], |path| {
        if let Ok(tokenizer) = TextTokenizer::from_bytes(&fs::read(path).unwrap(), 4096, path) {
            let _ = tokenizer.encode_text("Ein Satz, 10 Wörter: ▁\n", TextKind::Plain);
        }
    });
    let settings = TemplateSettings { date: "2025-01-01".to_owned(), ..TemplateSettings::default() };
    let message = |role: &str, content: &str| Message { role: role.to_owned(), content: content.to_owned() };
    let messages = [message("system", "You."), message("user", "How?")];
    hold("template", "chat.jinja", &[seed("models/control/chat_template.jinja")], |path| {
        let source = fs::read(path).unwrap();
        if let Ok(template) = ChatTemplate::new(&String::from_utf8_lossy(&source), &settings) {
            let _ = template.render(&messages, "Answer:");
        }
    });
}

#[test]
fn results() {
    let place = tempfile::tempdir().unwrap();
    let study = ["isear", "--personas", "USA", "--languages", "en", "--formats", "number"];
    let fast = ["--certify", "0", "--replicates", "40", "--quiet", "--temperatures", "1"];
    for more in [&["--out", "run"][..], &["--shard", "1/2", "--out", "shard"]] {
        let outcome = respondent(place.path(), &[&["run"], &study[..], &fast, more].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    let of_run = |name: &str| fs::read(place.path().join("run").join(name)).unwrap();
    let of_shard = |name: &str| fs::read(place.path().join("shard").join(name)).unwrap();
    hold("journal", "journal", &[of_shard("journal")], |path| {
        if let Ok(mut journal) = FoundJournal::open(path) {
            while let Ok(Some(_)) = journal.next_record() {}
        }
    });
    hold("shard", "shard.json", &[of_shard("shard.json")], |path| {
        let _ = ResultFolder::open(path.parent().unwrap()).and_then(|folder| read_shard_card(&folder));
    });
    hold("manifest", "manifest.json", &[of_run("manifest.json")], |path| {
        let _ = ResultFolder::open(path.parent().unwrap()).and_then(|folder| read_manifest(&folder));
    });
    hold("cells", "cells.parquet", &[of_run("cells.parquet")], |path| drop(read_cells(path)));
    hold("prompts", "prompts.parquet", &[of_run("prompts.parquet")], |path| drop(read_prompts(path)));
    hold("tokens", "tokens.parquet", &[of_run("tokens.parquet")], |path| drop(read_tokens(path)));
    hold("comparisons", "comparisons.parquet", &[of_run("comparisons.parquet")], |path| {
        drop(read_comparisons(path))
    });
    let folder = Folder::of(&place.path().join("run"));
    for name in ["manifest.json", "cells.parquet", "tokens.parquet"] {
        hold(&format!("page-{}", &name[..5]), name, &[of_run(name)], |path| {
            let _ = write_report(&folder.put(name, path));
        });
        folder.put(name, &place.path().join("run").join(name));
    }
}
