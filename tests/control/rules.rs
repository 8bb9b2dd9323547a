//! Controls that each follow one rule, through the whole program: the figure that is made for the rule finds it out, and the others stay as they are.

use super::super::harness::respondent;
use super::recipe;
use super::recipe::respondents::Rule;
use respondent::human_data::find_human_data;
use respondent::output::records::{ComparisonRow, ConcentrationCard, RunManifest};
use respondent::output::{ResultFolder, read_comparisons, read_manifest};
use respondent::prompts::find_study;
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

fn found(place: &Path, name: &str) -> Found {
    let (study, people) = (find_study("isear").unwrap(), find_human_data("isear").unwrap());
    let planted = Rule::named(name).unwrap().plant(&study, &people).unwrap();
    let model = place.join(name);
    std::fs::create_dir(&model).unwrap();
    for (file, bytes) in recipe::build(&study, &planted).unwrap() {
        std::fs::write(model.join(file), bytes).unwrap();
    }
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
