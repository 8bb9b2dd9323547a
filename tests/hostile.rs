//! Damaged and made-up files through every reader: an answer or an error, never a panic, and not for long. Seeds are files of the repository and of a
//! run made here; `tests/hostile/READER/` holds inputs that once went wrong, `fuzz/corpus/READER/` those by which a fuzzer came furthest into the reader.
//! `RESPONDENT_FUZZ_SECONDS=60` looks longer at each.

use crate::harness::repository;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use readers::Reader;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

pub mod readers;

/// No single file may keep a reader for so long.
const READ_SECONDS_MAX: f64 = 20.0;

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

/// Puts damaged files before a reader.
fn hold(reader: Reader) {
    let Reader { name: reader, file_name, seeds, mut read } = reader;
    let reader = reader.as_str();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join(file_name);
    let mut key = [0; 32];
    key[..reader.len().min(32)].copy_from_slice(&reader.as_bytes()[..reader.len().min(32)]);
    let mut random = ChaCha8Rng::from_seed(key);
    let folders =
        ["tests/hostile", "fuzz/corpus"].map(|folder| fs::read_dir(repository(folder).join(reader)));
    let known = folders.into_iter().flatten().flatten().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let (begin, limit) = (Instant::now(), Duration::from_secs_f64(seconds()));
    let (mut count, mut slowest) = (0_u64, 0.0_f64);
    let seeds: Vec<Vec<u8>> = seeds.into_iter().chain(known).collect();
    let mut inputs = seeds.clone().into_iter();
    loop {
        let bytes = match inputs.next() {
            Some(bytes) => bytes,
            None if begin.elapsed() > limit => break,
            None => damaged(&seeds, &mut random),
        };
        fs::write(&path, &bytes).unwrap();
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&path)));
        let taken = start.elapsed().as_secs_f64();
        slowest = slowest.max(taken);
        count += 1;
        if outcome.is_err() || taken > READ_SECONDS_MAX {
            let kept = std::env::temp_dir().join(format!("respondent-hostile-{reader}-{count}"));
            fs::write(&kept, &bytes).unwrap();
            panic!("{reader} panicked or took {taken:.1} s over {}", kept.display());
        }
    }
    println!("{reader:<12} {count:>8} files, the slowest took {:.0} ms", 1e3 * slowest);
}

#[test]
fn studies_and_people() {
    readers::studies_and_people().into_iter().for_each(hold);
}

#[test]
fn bundles() {
    readers::bundles().into_iter().for_each(hold);
}

#[test]
fn tables_of_people_and_tasks() {
    readers::tables_of_people_and_tasks().into_iter().for_each(hold);
}

#[test]
fn models() {
    readers::models().into_iter().for_each(hold);
}

#[test]
fn results() {
    readers::results().into_iter().for_each(hold);
}
