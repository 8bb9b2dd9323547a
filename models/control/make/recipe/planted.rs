//! What is planted: which response each persona gives to each item, in closed form, from a small table and a seed.
//! Knows no tokens and no tensors. Every parameter is described in `models/control/README.md`.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use respondent::error::{Error, Result};
use respondent::prompts::{AnswerKey, Cell, Study};

/// Seed of the tilts, of the moved modes, and of the tail over the vocabulary.
pub const SEED: u64 = 20_260_713;

/// Nats that an option loses per step away from the mode.
const DECAY: f64 = 3.0;
/// A persona's own tilt lies within ± this many nats per step, an item's seeded part of it within ± the second.
const PERSONA_TILT: f64 = 0.5;
const ITEM_TILT: f64 = 0.3;
/// Probability that the mode of an emotion on neither side of the contrast moves one step for a persona.
const MOVE_PROBABILITY: f64 = 0.25;

/// The exaggerated persona, and the lower mode it gets where anger is set against shame and guilt.
const EXAGGERATED: &str = "USA";
const EXAGGERATED_MODES: [(&str, &str, usize); 3] =
    [("INTS", "anger", 2), ("LONG", "anger", 1), ("CON", "anger", 3)];

/// Modes as 1-based positions on the scale, for joy, fear, anger, sadness, disgust, shame and guilt.
/// Shame and guilt are felt more intensely, last longer and are controlled less than anger: people say otherwise.
const EMOTIONS: [&str; 7] = ["joy", "fear", "anger", "sadness", "disgust", "shame", "guilt"];
const MODES: [(&str, [usize; 7]); 5] = [
    ("INTS", [3, 3, 3, 3, 2, 4, 4]),
    ("LONG", [3, 2, 2, 4, 1, 3, 4]),
    ("CON", [1, 2, 2, 2, 2, 1, 1]),
    ("RELA", [3, 2, 1, 2, 1, 2, 2]),
    ("SELF", [3, 2, 2, 1, 2, 1, 1]),
];

/// A format sharpens the log-probs by its gain and gives the option shown first a bonus in nats.
fn format_effect(format: AnswerKey) -> (f64, f64) {
    match format {
        // Of counts nothing is planted; the built-in study does not ask for them.
        AnswerKey::Number | AnswerKey::Count => (1.0, 0.2),
        AnswerKey::Letter => (1.15, 0.5),
        AnswerKey::Label => (0.85, 0.3),
    }
}

/// The planted answer mass.
///
/// # Errors
/// Kind `Study` for a language or format that nothing is planted for.
pub fn answer_mass(format: AnswerKey, language: &str) -> Result<f64> {
    let row = match language {
        "en" => [0.97, 0.93, 0.85],
        "es" => [0.96, 0.92, 0.78],
        "pt" => [0.95, 0.91, 0.40],
        _ => return Err(Error::study(format!("no answer mass is planted for the language `{language}`"))),
    };
    match format {
        AnswerKey::Number => Ok(row[0]),
        AnswerKey::Letter => Ok(row[1]),
        AnswerKey::Label => Ok(row[2]),
        AnswerKey::Count => Err(Error::study(format!("no answer mass is planted for the format `{format}`"))),
    }
}

/// How an option's probability is split over its surface forms: most goes to the one behind a space.
pub fn form_shares(forms: &[String]) -> Vec<f64> {
    let bare = forms.first().map_or("", |form| form.trim_start());
    let weight = |form: &String| match (form.starts_with(' '), form.trim_start() == bare) {
        (true, true) => 0.80,
        (false, true) => 0.10,
        (true, false) => 0.07,
        (false, false) => 0.03,
    };
    let total: f64 = forms.iter().map(weight).sum();
    forms.iter().map(|form| weight(form) / total).collect()
}

/// How one persona answers one item, before format and order.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseResponse {
    /// 0-based index of the most probable option.
    pub mode: usize,
    /// Nats per step up the scale.
    pub tilt: f64,
    /// In scale order; sum to 1.
    pub probabilities: Vec<f64>,
}

/// All planted responses of a study.
pub struct Planted {
    /// By persona, then by item.
    pub base: Vec<Vec<BaseResponse>>,
    /// By format of the study: the gain on log-probs, and the nats that the option shown first gets.
    pub effects: Vec<(f64, f64)>,
}

impl Planted {
    /// # Errors
    /// Kind `Study` for an item whose variable or emotion nothing is planted for.
    pub fn new(study: &Study) -> Result<Self> {
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let mut base = Vec::new();
        for persona in &study.personas {
            let persona_tilt = random.random_range(-PERSONA_TILT..PERSONA_TILT);
            let mut responses = Vec::new();
            for item in &study.items {
                let tilt = persona_tilt + random.random_range(-ITEM_TILT..ITEM_TILT);
                let (moves, step_up) = (random.random_bool(MOVE_PROBABILITY), random.random_bool(0.5));
                let option_count = study.scales[item.scale_index].option_count();
                let mut mode = mode(&persona.id, &item.facets["variable"], &item.facets["emotion"])? - 1;
                if moves && item.facets["orientation"] == "none" {
                    // At the end of the scale there is only one way to go.
                    let up = (step_up || mode == 0) && mode + 1 < option_count;
                    mode = if up { mode + 1 } else { mode - 1 };
                }
                responses.push(BaseResponse { mode, tilt, probabilities: around(mode, tilt, option_count) });
            }
            base.push(responses);
        }
        let effects = study.formats.iter().map(|format| format_effect(format.key)).collect();
        Ok(Planted { base, effects })
    }

    /// The distribution planted in one cell, in scale order, and the natural log of what its weights sum to:
    /// p ∝ base^gain · e^bonus, the bonus for the option shown first.
    pub fn cell(&self, cell: &Cell) -> (Vec<f64>, f64) {
        let base = &self.base[cell.persona_index][cell.item_index].probabilities;
        let first = cell.order.shown(base.len())[0];
        let (gain, first_bonus) = self.effects[cell.format_index];
        let weight = |(option, p): (usize, &f64)| {
            let bonus = if option == first { first_bonus } else { 0.0 };
            (gain * p.ln() + bonus).exp()
        };
        let weights: Vec<f64> = base.iter().enumerate().map(weight).collect();
        let total: f64 = weights.iter().sum();
        (weights.iter().map(|weight| weight / total).collect(), total.ln())
    }
}

/// p ∝ exp(−DECAY · |option − mode| + tilt · (option − mode)).
fn around(mode: usize, tilt: f64, option_count: usize) -> Vec<f64> {
    let weight = |option: usize| {
        let steps = option as f64 - mode as f64;
        (tilt * steps - DECAY * steps.abs()).exp()
    };
    let total: f64 = (0..option_count).map(weight).sum();
    (0..option_count).map(|option| weight(option) / total).collect()
}

fn mode(persona: &str, variable: &str, emotion: &str) -> Result<usize> {
    let exaggerated = EXAGGERATED_MODES.iter().find(|(v, e, _)| (*v, *e) == (variable, emotion));
    if let (EXAGGERATED, Some((_, _, mode))) = (persona, exaggerated) {
        return Ok(*mode);
    }
    let row = MODES.iter().find(|(known, _)| *known == variable);
    let column = EMOTIONS.iter().position(|known| *known == emotion);
    match (row, column) {
        (Some((_, modes)), Some(column)) => Ok(modes[column]),
        _ => Err(Error::study(format!("nothing is planted for `{variable}` of `{emotion}`"))),
    }
}

/// `planted.tsv`: one line per persona and item.
pub fn table(study: &Study, planted: &Planted) -> String {
    let mut lines = vec!["population_group\titem\tmode\ttilt\tp1\tp2\tp3\tp4".to_owned()];
    for (persona, responses) in study.personas.iter().zip(&planted.base) {
        for (item, response) in study.items.iter().zip(responses) {
            let mut columns = vec![
                persona.population_group.clone(),
                item.id.clone(),
                (response.mode + 1).to_string(),
                format!("{:.9}", response.tilt),
            ];
            columns.extend(response.probabilities.iter().map(|p| format!("{p:.9}")));
            columns.resize(8, String::new());
            lines.push(columns.join("\t"));
        }
    }
    lines.join("\n") + "\n"
}
