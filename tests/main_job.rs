//! The main job on the built-in study and model: what the README promises of `cargo run --release`.

use super::harness::{ModelCopy, Outcome, respondent};
use respondent::output::records::RunManifest;
use respondent::output::{read_cells, read_comparisons, read_prompts, read_tokens};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;
use tempfile::TempDir;

struct MainJob {
    outcome: Outcome,
    place: TempDir,
}

impl MainJob {
    /// Runs once for all tests here.
    fn get() -> &'static MainJob {
        static JOB: OnceLock<MainJob> = OnceLock::new();
        JOB.get_or_init(|| {
            let place = tempfile::tempdir().unwrap();
            let outcome = respondent(place.path(), &[]);
            assert_eq!(outcome.code, 0, "{}", outcome.stderr);
            MainJob { outcome, place }
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join("results/isear-control-001").join(name)
    }

    fn manifest(&self) -> RunManifest {
        serde_json::from_slice(&std::fs::read(self.file("manifest.json")).unwrap()).unwrap()
    }
}

#[test]
fn the_terminal_shows_a_table() {
    // How far candle's sums are from our own depends on the CPU.
    let lines = MainJob::get().outcome.stdout.lines().filter(|line| !line.starts_with("certificate: "));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn stages_are_told_on_stderr() {
    let stages: Vec<&str> =
        MainJob::get().outcome.stderr.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(stages, ["prompts", "weights", "prefill", "certify", "compare", "contrasts", "report"]);
}

/// The control is sharp, and its formats, orders and personas differ a little, its languages not at all.
#[test]
fn concentration_and_its_sources_are_as_planted() {
    let manifest = MainJob::get().manifest();
    assert_eq!(manifest.concentration.len(), 7);
    let sharp: Vec<f64> = manifest.concentration.iter().map(|card| card.sharp_share).collect();
    assert!(sharp.windows(2).all(|pair| pair[0] >= pair[1]) && sharp[0] == 1.0, "{sharp:?}");
    for card in &manifest.concentration {
        let parts = [
            card.within_nats,
            card.persona_nats,
            card.language_nats,
            card.elicitation_format_nats,
            card.option_order_nats,
            card.interaction_nats,
        ];
        assert!((parts.iter().sum::<f64>() - card.mixture_entropy_nats).abs() < 1e-12);
        assert_eq!((card.cell_count, card.item_count), (1890, 35));
    }
    let at_one = manifest.concentration.iter().find(|card| card.temperature == 1.0).unwrap();
    assert!(at_one.language_nats < 1e-9 && at_one.persona_nats > at_one.elicitation_format_nats);
    assert!(at_one.within_nats > 0.5 * at_one.mixture_entropy_nats);
}

#[test]
fn a_sample_of_cells_is_computed_again_another_way() {
    let manifest = MainJob::get().manifest();
    let card = manifest.certificate.as_ref().unwrap();
    assert_eq!((card.cell_count, card.kernel.as_str()), (20, "candle-f32"));
    assert_eq!(manifest.not_certified, None);
    // The two ways sum in other orders, so something differs, and little.
    let changes = [&card.log_prob_difference_nats, &card.probability_difference];
    for change in changes.into_iter().chain(&card.distance_change) {
        assert!(change.value > 0.0 && change.value < 1e-3, "{change:?}");
        assert!(change.place.contains("isear/"), "{change:?}");
    }
    let place = tempfile::tempdir().unwrap();
    let arguments =
        ["run", "isear", "--personas", "USA", "--languages", "en", "--formats", "number", "--out", "out"];
    let outcome = respondent(place.path(), &[&arguments[..], &["--certify", "0"]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let manifest = std::fs::read(place.path().join("out/manifest.json")).unwrap();
    let manifest: RunManifest = serde_json::from_slice(&manifest).unwrap();
    assert_eq!((manifest.certificate, manifest.not_certified), (None, None));
}

/// What is planted decides what is found: engaging above disengaging, sharply, and no language effect.
#[test]
fn hypotheses_are_decided_as_planted() {
    let manifest = MainJob::get().manifest();
    let verdict = |id: &str| {
        let card = manifest.hypotheses.iter().find(|card| card.id == id).unwrap();
        assert!(!card.sentence.is_empty() && !card.contrasts.is_empty(), "{id}");
        card.verdict.as_str()
    };
    for id in ["intensity", "intensity-excess", "expression-excess", "concentration", "temperature"] {
        assert_eq!(verdict(id), "supported", "{id}");
    }
    assert_eq!(verdict("format"), "contradicted", "a format only sharpens");
    for id in ["language-brazil", "language-honduras"] {
        assert_eq!(verdict(id), "undecided", "{id}: no language moves a response");
    }
    for id in ["misfit", "persona-brazil", "persona-honduras"] {
        assert_eq!(verdict(id), "undecided", "{id}: personas are planted without regard to people");
    }
    for card in &manifest.hypotheses {
        for contrast in &card.contrasts {
            let (low, high) = (contrast.interval_low.unwrap(), contrast.interval_high.unwrap());
            assert!(low <= high && contrast.left_out_count == 0, "{} {}", card.id, contrast.label);
            assert!(contrast.cell_count > 0 && contrast.item_count > 0 && contrast.prompt_count > 0);
        }
    }
    // 2 items of shame and guilt and 1 of anger; 3 languages, 3 formats, orders averaged.
    let intensity = &manifest.hypotheses[0].contrasts[0];
    assert_eq!((intensity.item_count, intensity.prompt_count, intensity.cell_count), (3, 9, 27));
}

#[test]
fn cells_have_every_cell_temperature_and_option() {
    let rows = read_cells(&MainJob::get().file("cells.parquet")).unwrap();
    // 3 personas × 3 languages × 3 formats × 2 orders × 7 temperatures × 7 emotions × (4 + 4 + 3 + 3 + 3) options
    assert_eq!(rows.len(), 3 * 3 * 3 * 2 * 7 * 7 * 17);
    let cells: BTreeSet<&str> = rows.iter().map(|row| row.cell_id.as_str()).collect();
    assert_eq!(cells.len(), 1890);
    assert!(cells.contains("isear/BRA/CON.shame/pt/letter/reversed"));
    for rows in rows.chunk_by(|a, b| a.cell_id == b.cell_id && a.temperature == b.temperature) {
        let mass: f64 = rows.iter().filter_map(|row| row.log_prob).map(f64::exp).sum();
        assert!((mass - rows[0].answer_mass).abs() < 1e-12, "{}", rows[0].cell_id);
        match rows[0].status.as_str() {
            "unusable" => assert!(rows.iter().all(|row| row.probability.is_none())),
            _ => {
                let total: f64 = rows.iter().map(|row| row.probability.unwrap()).sum();
                assert!((total - 1.0).abs() < 1e-12, "{}", rows[0].cell_id);
            }
        }
        assert_eq!(rows[0].facets.keys().collect::<Vec<_>>(), ["emotion", "orientation", "variable"]);
    }
}

#[test]
fn prompts_are_kept_as_the_model_saw_them() {
    let rows = read_prompts(&MainJob::get().file("prompts.parquet")).unwrap();
    assert_eq!(rows.len(), 1890);
    for row in &rows {
        assert_eq!(row.readout_index as usize + 1, row.token_ids.len());
        assert_eq!(row.stepped_back, 0);
        assert_eq!((row.top_ids.len(), row.top_tokens.len(), row.top_log_probs.len()), (8, 8, 8));
        assert!(row.top_log_probs.windows(2).all(|pair| pair[0] >= pair[1]));
    }
}

#[test]
fn tokens_are_told_at_every_temperature_and_agree_with_the_cells() {
    let (tokens, cells) = (
        read_tokens(&MainJob::get().file("tokens.parquet")).unwrap(),
        read_cells(&MainJob::get().file("cells.parquet")).unwrap(),
    );
    let temperatures: BTreeSet<String> = cells.iter().map(|row| row.temperature.to_string()).collect();
    assert_eq!(tokens.len(), 1890 * temperatures.len());
    let mut masses: BTreeMap<(&str, String), f64> = BTreeMap::new();
    for row in &cells {
        masses.insert((&row.cell_id, row.temperature.to_string()), row.answer_mass);
    }
    let mut largest = BTreeMap::new();
    for row in &tokens {
        let mass = masses[&(row.cell_id.as_str(), row.temperature.to_string())];
        assert!((row.form_probabilities.iter().sum::<f64>() - mass).abs() < 1e-9, "{row:?}");
        assert!(row.nucleus_size >= 1 && row.best_token_rank >= 1 && row.vocabulary_entropy >= 0.0);
        let before = largest.insert(&row.cell_id, (row.nucleus_size, row.best_token_rank));
        assert!(before.is_none_or(|(size, rank)| size <= row.nucleus_size && rank == row.best_token_rank));
    }
}

#[test]
fn comparisons_have_every_metric_predictor_and_unit() {
    let rows = read_comparisons(&MainJob::get().file("comparisons.parquet")).unwrap();
    let metrics: BTreeSet<&str> = rows.iter().map(|row| row.metric.as_str()).collect();
    for metric in [
        "total_variation",
        "jensen_shannon",
        "wasserstein_1",
        "mean_difference",
        "entropy_ratio",
        "modal_mass",
    ] {
        assert!(metrics.contains(metric), "{metric} is missing");
    }
    let predictors: BTreeSet<&str> = rows.iter().map(|row| row.predictor.as_str()).collect();
    assert!(predictors.into_iter().eq(["modal", "model", "other_group", "pooled", "uniform"]));
    let distances = rows.iter().filter(|row| row.metric == "wasserstein_1" && row.predictor == "model");
    let (items, groups): (Vec<_>, Vec<_>) = distances.partition(|row| row.level == "item");
    // Three groups, languages, formats and seven temperatures; 35 items each.
    assert_eq!((items.len(), groups.len()), (3 * 3 * 3 * 7 * 35, 3 * 3 * 3 * 7));
    for row in items {
        assert!((0.0..=1.0).contains(&row.value) && row.noise_floor > 0.0 && row.n > 30.0);
        assert!(row.interval_low <= row.interval_high);
        assert_eq!(row.cell_count + row.unusable_count, 2, "two option orders");
        let tested = row.p_value.zip(row.adjusted_p_value);
        assert_eq!(tested.is_some(), row.temperature == Some(1.0));
        assert!(tested.is_none_or(|(p, adjusted)| (0.0..=1.0).contains(&p) && p <= adjusted));
    }
    let manifest = MainJob::get().manifest();
    // Three groups; two of them less the first; nine prompts.
    assert_eq!((manifest.mean_agreements.len(), manifest.culture_contrasts.len()), (27, 18));
    for card in &manifest.mean_agreements {
        let (low, r, high) =
            (card.interval_low.unwrap(), card.correlation.unwrap(), card.interval_high.unwrap());
        assert!(low < r && r < high && r < card.ceiling.unwrap() && card.item_count == 35, "{card:?}");
    }
    for card in &manifest.culture_contrasts {
        assert!((card.error - (card.model - card.people)).abs() < 1e-12, "{card:?}");
        assert!(card.absolute_error >= card.error.abs() && card.absolute_noise > 0.0, "{card:?}");
    }
    for row in groups {
        assert_eq!(row.told_apart_share.is_some(), row.temperature == Some(1.0));
        assert!(row.told_apart_share.is_none_or(|share| share > 0.9), "planted without regard to people");
    }
}

#[test]
fn the_manifest_says_what_the_numbers_depend_on() {
    let manifest = MainJob::get().manifest();
    let identity = &manifest.identity;
    for hash in [
        &identity.weights_sha256,
        &identity.config_sha256,
        &identity.tokenizer_sha256,
        &identity.tokenizer_config_sha256,
        &identity.template_sha256,
        &identity.study_sha256,
        identity.human_data_sha256.as_ref().unwrap(),
    ] {
        assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    assert_eq!((manifest.device.as_str(), manifest.dtype.as_str()), ("cpu", "f32"));
    assert!(manifest.model.is_control);
    assert_eq!((manifest.prompting.template.as_str(), manifest.prompting.is_treated()), ("model", false));
    assert!(manifest.versions.contains_key("candle-core") && manifest.versions.contains_key("respondent"));
    assert_eq!(manifest.counts.cell_count, 1890);
    assert!(manifest.packing.trie_token_count < manifest.packing.flat_token_count / 2);
    let stages: Vec<&str> = manifest.stage_wall_seconds.iter().map(|stage| stage.0.as_str()).collect();
    assert_eq!(stages, ["prompts", "trie", "weights", "prefill", "certify", "compare", "contrasts"]);
}

#[test]
fn the_report_needs_nothing_but_itself() {
    let page = std::fs::read_to_string(MainJob::get().file("report.html")).unwrap();
    for outside in ["<script", "<link", "@import", "src=\"http", "url(http", "<iframe"] {
        assert!(!page.contains(outside), "the report holds {outside}");
    }
    assert!(page.contains("control") && page.contains("<svg"));
}

#[test]
fn a_browser_opens_the_report() {
    let profile = tempfile::tempdir().unwrap();
    let output = std::process::Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", MainJob::get().file("report.html").display()))
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: chromium is not installed");
        return;
    };
    let page = String::from_utf8_lossy(&output.stdout);
    for part in ["</html>", "Distance from people", "Response distributions", "Caveats", "</svg>"] {
        assert!(
            page.contains(part),
            "the browser shows no `{part}`: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let first = MainJob::get();
    let place = tempfile::tempdir().unwrap();
    let outcome = respondent(place.path(), &["--out", "again", "--quiet"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    for name in ["cells.parquet", "prompts.parquet", "comparisons.parquet"] {
        let again = std::fs::read(place.path().join("again").join(name)).unwrap();
        assert!(std::fs::read(first.file(name)).unwrap() == again, "{name} differs");
    }
}

#[test]
fn a_control_is_told_by_its_weights_wherever_they_lie() {
    let (place, model) = (tempfile::tempdir().unwrap(), ModelCopy::new());
    let part = ["--personas", "USA", "--languages", "en", "--formats", "number", "--json", "-q"];
    let is_control = |name: &str| {
        let outcome = respondent(place.path(), &[&["run", "--model", name], &part[..]].concat());
        let value: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        value["manifest"]["model"]["is_control"].clone()
    };
    assert_eq!(is_control(model.path()), true);
    // A directory of that name does not stand for the built-in model.
    std::fs::create_dir(place.path().join("control")).unwrap();
    assert_eq!(is_control("control"), true);
}

#[test]
#[cfg(unix)]
fn a_reader_that_leaves_early_is_no_failure() {
    let folder = MainJob::get().file("");
    let command = format!("{} report {} | true", env!("CARGO_BIN_EXE_respondent"), folder.display());
    let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_outcome_is_machine_readable_too() {
    let place = tempfile::tempdir().unwrap();
    let arguments =
        ["run", "isear", "--json", "-q", "--personas", "HND", "--languages", "es", "--formats", "letter"];
    let outcome = respondent(place.path(), &arguments);
    let value: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(value["manifest"]["counts"]["cell_count"], 70);
    assert!(place.path().join(value["report"].as_str().unwrap()).is_file());
}

#[test]
fn personas_are_weighed_against_those_of_other_groups() {
    let manifest = MainJob::get().manifest();
    // Three groups in three languages and three formats.
    assert_eq!((manifest.persona_swaps.len(), manifest.steerability.len()), (27, 9));
    for card in &manifest.persona_swaps {
        assert_eq!((card.item_count, card.other_count), (35, 2));
        assert!((card.difference - (card.own - card.others)).abs() < 1e-12 && (1..=3).contains(&card.rank));
        assert!(card.interval_low < card.interval_high);
    }
    for card in &manifest.steerability {
        let of_condition = manifest.persona_swaps.iter().filter(|swap| {
            (&swap.language, &swap.elicitation_format) == (&card.language, &card.elicitation_format)
        });
        let nearest = of_condition.clone().filter(|swap| swap.rank == 1).count() as u64;
        let gain = -of_condition.map(|swap| swap.difference).sum::<f64>() / 3.0;
        assert!((card.gain - gain).abs() < 1e-12 && card.nearest_count == nearest);
    }
    let page = std::fs::read_to_string(MainJob::get().file("report.html")).unwrap();
    assert!(page.contains("What is a persona worth?"));
}
