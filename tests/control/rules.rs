//! Controls that each follow one rule, through the whole program: the figure that is made for the rule finds it out, and the others stay as they are.

use super::super::harness::respondent;
use super::recipe;
use super::recipe::planted::{BaseResponse, Planted};
use super::recipe::respondents::Rule;
use respondent::human_data::find_human_data;
use respondent::output::records::{CellRow, ComparisonRow, ConcentrationCard, RunManifest};
use respondent::output::{ResultFolder, read_cells, read_comparisons, read_manifest};
use respondent::prompts::{Study, find_study};
use std::collections::BTreeMap;
use std::path::Path;

/// What a run on a control comes to, at temperature 1.
struct Found {
    /// By hypothesis.
    verdicts: BTreeMap<String, String>,
    concentration: ConcentrationCard,
    /// Of the format `number`, by group.
    rows: Vec<ComparisonRow>,
}

impl Found {
    /// The model's rows of a metric over items.
    fn of(&self, metric: &'static str) -> impl Iterator<Item = &ComparisonRow> {
        let rows: Vec<&ComparisonRow> = self.rows.iter().filter(|row| row.metric == metric).collect();
        assert_eq!(rows.len(), 3, "three groups");
        rows.into_iter()
    }

    /// The share of the diversity between prompts that a factor has.
    fn share(&self, nats: f64) -> f64 {
        nats / self.concentration.mixture_entropy_nats
    }

    fn is_near_people(&self) -> bool {
        self.of("wasserstein_1").all(|row| row.value < row.noise_floor)
    }

    fn is_far_from_people(&self) -> bool {
        self.of("wasserstein_1").all(|row| row.interval_low > row.noise_floor)
    }
}

/// Writes a control below its name.
fn make(place: &Path, name: &str, study: &Study, planted: &Planted) {
    let model = place.join(name);
    std::fs::create_dir(&model).unwrap();
    for (file, bytes) in recipe::build(study, planted).unwrap() {
        std::fs::write(model.join(file), bytes).unwrap();
    }
}

fn found(place: &Path, name: &str) -> Found {
    let (study, people) = (find_study("isear").unwrap(), find_human_data("isear").unwrap());
    make(place, name, &study, &Rule::named(name).unwrap().plant(&study, &people).unwrap());
    let out = format!("{name}-run");
    let selection = ["--personas", "USA,BRA,HND", "--languages", "en", "--formats", "number,letter"];
    let arguments =
        [&["run", "isear", "-q", "--certify", "0", "--model", name, "--out", &out][..], &selection].concat();
    let outcome = respondent(place, &arguments);
    assert_eq!(outcome.code, 0, "{name}: {}", outcome.stderr);
    let manifest: RunManifest = read_manifest(&ResultFolder::open(&place.join(&out)).unwrap()).unwrap();
    let rows = read_comparisons(&place.join(&out).join("comparisons.parquet")).unwrap();
    let is_shown = |row: &ComparisonRow| {
        (row.level.as_str(), row.predictor.as_str()) == ("group", "model")
            && row.temperature == Some(1.0)
            && row.elicitation_format.as_deref() == Some("number")
    };
    Found {
        verdicts: manifest.hypotheses.iter().map(|card| (card.id.clone(), card.verdict.clone())).collect(),
        concentration: manifest.concentration.into_iter().find(|card| card.temperature == 1.0).unwrap(),
        rows: rows.into_iter().filter(is_shown).collect(),
    }
}

#[test]
fn each_rule_is_found_out_by_its_own_figure() {
    let place = tempfile::tempdir().unwrap();
    for (name, rule) in Rule::ALL {
        let found = found(place.path(), name);
        let Found { verdicts, concentration, .. } = &found;
        let over_orders = concentration.over_orders.as_ref().unwrap();
        let (order, format) = (
            found.share(concentration.option_order_nats),
            found.share(concentration.elicitation_format_nats),
        );
        let told = format!("{name}: {verdicts:?} {concentration:?}");
        assert_eq!((concentration.unusable_count, over_orders.response_count), (0, 210), "{told}");

        // The way in which shame and guilt stand to anger.
        let intensity = match rule {
            Rule::BuiltIn => "supported",
            Rule::Reversed => "contradicted",
            // They stand below it among people.
            Rule::People => "contradicted",
            _ => "undecided",
        };
        assert_eq!(verdicts["intensity"], intensity, "{told}");
        assert_eq!(verdicts["temperature"], intensity, "{told}");

        // How far from people.
        assert_eq!(found.is_near_people(), rule == Rule::People, "{told}");
        assert_eq!(found.is_far_from_people(), rule != Rule::People, "{told}");
        let apart = found.of("wasserstein_1").map(|row| row.told_apart_share.unwrap());
        assert_eq!(apart.fold(0.0, f64::max) == 0.0, rule == Rule::People, "{told}");
        assert_eq!(verdicts["persona-brazil"] == "supported", rule == Rule::People, "{told}");

        // Concentration, whatever stands first.
        let is_concentrated = matches!(rule, Rule::BuiltIn | Rule::Reversed | Rule::Collapsed);
        // Two orders average a response that is all position to the two ends of the scale: less than people use, and not one option.
        let is_supported = is_concentrated || rule == Rule::First;
        assert_eq!(verdicts["concentration"] == "supported", is_supported, "{told}");
        let ratios: Vec<f64> = found.of("entropy_ratio").map(|row| row.value).collect();
        assert!(ratios.iter().all(|ratio| (*ratio < 0.5) == is_concentrated), "{name}: {ratios:?}");
        assert_eq!(over_orders.sharp_share == 1.0, rule == Rule::Collapsed, "{told}");
        assert_eq!(over_orders.normalised_entropy > 0.999, rule == Rule::Even, "{told}");

        // Bias by position, in all formats or in letters alone.
        assert_eq!(order > 0.9, rule == Rule::First, "{told}");
        assert_eq!(order > 0.1, matches!(rule, Rule::First | Rule::LetterA), "{told}");
        assert_eq!(format > 0.1, rule == Rule::LetterA, "{told}");
        if rule == Rule::First {
            // Each prompt by itself is as sharp as the collapsed respondent's: it is the order that decides.
            assert!(concentration.sharp_share == 1.0 && over_orders.sharp_share == 0.0, "{told}");
        }
    }
}

/// `social_emotions` as far as a control can be told apart in it: two personas, numbers and letters.
fn social_emotions() -> Study {
    let mut study = find_study("social_emotions").unwrap();
    study.personas.truncate(2);
    study.formats.truncate(2);
    let ids: Vec<&str> = study.formats.iter().map(|format| format.id.as_str()).collect();
    assert_eq!((ids, study.personas[1].id.as_str()), (vec!["number", "letter"], "latin_american"));
    study
}

/// Engaging emotions so many steps above the middle of the scale, disengaging ones below; each emotion and situation a little off by itself.
fn lifted(study: &Study, steps: f64) -> Planted {
    let off = |name: &str| {
        name.bytes().fold(7_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 101) as f64 / 101.0 - 0.5
    };
    let response = |item: &respondent::survey::Item| {
        let sign = if item.facets["orientation"] == "engaging" { 1.0 } else { -1.0 };
        let middle = 2.5 + sign * steps + 0.3 * off(&item.variable) + 0.3 * off(item.situation().unwrap());
        let weights: Vec<f64> = (0..6).map(|option| (-(f64::from(option) - middle).powi(2)).exp()).collect();
        let total: f64 = weights.iter().sum();
        BaseResponse {
            mode: 0,
            tilt: 0.0,
            probabilities: weights.iter().map(|weight| weight / total).collect(),
        }
    };
    let of_persona = |_| study.items.iter().map(response).collect();
    Planted {
        base: study.personas.iter().map(of_persona).collect(),
        effects: vec![(1.0, 0.0); study.formats.len()],
    }
}

/// Every cell at temperature 1 says what was planted.
fn assert_as_planted(study: &Study, planted: &Planted, rows: &[CellRow]) {
    let mut count = 0;
    for rows in rows.chunk_by(|a, b| a.cell_id == b.cell_id && a.temperature == b.temperature) {
        let first = &rows[0];
        let persona = study.personas.iter().position(|known| known.id == first.persona).unwrap();
        let item = study.items.iter().position(|known| known.id == first.item).unwrap();
        let expected = &planted.base[persona][item].probabilities;
        if first.temperature == 1.0 {
            let read: Vec<f64> = rows.iter().map(|row| row.probability.unwrap()).collect();
            let distance = read.iter().zip(expected).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
            assert!(distance < 1e-4, "{}: {read:?}, planted {expected:?}", first.cell_id);
            count += 1;
        }
    }
    assert_eq!(count, 2 * 144 * 2 * 2 * 2);
}

#[test]
fn the_first_hypothesis_of_social_emotions_is_decided_as_planted() {
    let (place, study) = (tempfile::tempdir().unwrap(), social_emotions());
    for (name, steps, verdict) in
        [("above", 0.8, "supported"), ("below", -0.8, "contradicted"), ("alike", 0.0, "undecided")]
    {
        let planted = lifted(&study, steps);
        make(place.path(), name, &study, &planted);
        let arguments =
            ["run", "social_emotions", "-q", "--certify", "0", "--formats", "number,letter", "--model", name];
        let outcome =
            respondent(place.path(), &[&arguments[..], &["--out", &format!("{name}-run")]].concat());
        assert_eq!(outcome.code, 0, "{name}: {}", outcome.stderr);
        let folder = ResultFolder::open(&place.path().join(format!("{name}-run"))).unwrap();
        assert_as_planted(&study, &planted, &read_cells(&folder.cells_path()).unwrap());
        let manifest = read_manifest(&folder).unwrap();
        let verdicts: BTreeMap<&str, &str> =
            manifest.hypotheses.iter().map(|card| (card.id.as_str(), card.verdict.as_str())).collect();
        assert_eq!(manifest.counts.unusable_count, 0, "{name}");
        // At every temperature alike; neither language nor format moves anything; nobody is there to be held against.
        let expected = [
            ("H1", verdict),
            ("H2", "not tested"),
            ("H3", "not tested"),
            ("H4", verdict),
            ("H5", "contradicted"),
            ("H6", "contradicted"),
        ];
        assert_eq!(verdicts, BTreeMap::from(expected), "{name}");
    }
}
