//! Rotary embeddings as configs describe them: `rope_theta` and `rope_scaling` of transformers 4, `rope_parameters` of 5. Which
//! of two places counts is as `modeling_rope_utils.py` of transformers 5.23 has it.

use super::fields::{Checked, Fields};
use crate::elementary::ln;
use crate::engine::{Llama3Scaling, LongRopeScaling, RopeConfig, RopeKind, YarnScaling};
use serde_json::{Map, Value};

/// What a family's ropes have in common.
pub struct RopeFamily {
    pub theta_key: &'static str,
    pub theta: f64,
    /// The share of each head that is turned, with its key; `None`: all of it, whatever the config says.
    pub partial: Option<(&'static str, f64)>,
    pub head_dim: usize,
    /// `max_position_embeddings`.
    pub position_count: usize,
    pub original: OriginalPositions,
    /// Phi-3 knows no kinds but `default` and `longrope`, and calls the latter by older names too.
    pub only_longrope: bool,
}

/// Where `original_max_position_embeddings` is looked for before it is `max_position_embeddings`.
#[derive(Clone, Copy, PartialEq)]
pub enum OriginalPositions {
    /// At the top of the config, then among the rope's own fields.
    Anywhere,
    /// Among the rope's own fields (Gemma 3).
    Within,
    /// At the top, where a default of its own takes its place (Phi-3).
    Top { default: usize },
}

impl RopeFamily {
    pub fn new(theta: f64, head_dim: usize, position_count: usize) -> Self {
        RopeFamily {
            theta_key: "rope_theta",
            theta,
            partial: None,
            head_dim,
            position_count,
            original: OriginalPositions::Anywhere,
            only_longrope: false,
        }
    }

    /// The rope of a config that has one for all layers.
    pub fn read(&self, fields: &Fields) -> Checked<RopeConfig> {
        self.of(fields, parameters(fields)?)
    }

    /// The rope that these parameters describe.
    pub fn of(&self, fields: &Fields, parameters: Option<&Map<String, Value>>) -> Checked<RopeConfig> {
        let empty = Map::new();
        let rope = Fields::new(parameters.unwrap_or(&empty), "rope_parameters.");
        let theta = agreed(rope.number("rope_theta")?, fields.number(self.theta_key)?, self.theta_key)?
            .unwrap_or(self.theta);
        if !(theta.is_finite() && theta > 0.0) {
            return Err(format!("rope_theta is {theta}"));
        }
        let dim = self.dim(fields, &rope)?;
        let kind = self.kind(fields, &rope, dim, theta)?;
        rope.refuse_unknown()?;
        Ok(RopeConfig { dim, theta, kind })
    }

    /// Dimensions of a head that are turned.
    fn dim(&self, fields: &Fields, rope: &Fields) -> Checked<usize> {
        let (key, default) = self.partial.unwrap_or(("partial_rotary_factor", 1.0));
        let share =
            agreed(rope.number("partial_rotary_factor")?, fields.number(key)?, key)?.unwrap_or(default);
        if self.partial.is_none() && share != 1.0 {
            return Err("partial_rotary_factor other than 1 is not supported in this family".to_owned());
        }
        if !(share > 0.0 && share <= 1.0) {
            return Err(format!("{key} is {share}"));
        }
        Ok((self.head_dim as f64 * share) as usize)
    }

    fn kind(&self, fields: &Fields, rope: &Fields, dim: usize, theta: f64) -> Checked<RopeKind> {
        // `type` is the name that `rope_type` had before.
        let name = match (rope.text("rope_type")?, rope.text("type")?) {
            (Some(one), Some(two)) if one != two => {
                return Err(format!("rope_type `{one}` and type `{two}` contradict each other"));
            }
            (one, two) => one.or(two).unwrap_or("default"),
        };
        let original_position_count = self.original_position_count(fields, rope)?;
        let kind = match (name, self.only_longrope) {
            ("default", _) => RopeKind::Default,
            ("longrope", _) | ("su" | "yarn", true) => {
                RopeKind::LongRope(self.longrope(rope, dim, original_position_count)?)
            }
            ("linear", false) => RopeKind::Linear { factor: positive(rope, name, "factor")? },
            ("dynamic", false) if dim > 2 => RopeKind::Dynamic {
                factor: positive(rope, name, "factor")?,
                position_count: self.position_count,
            },
            ("llama3", false) => RopeKind::Llama3(llama3(rope, original_position_count)?),
            // It divides by the logarithm of theta.
            ("yarn", false) if theta > 1.0 => RopeKind::Yarn(self.yarn(rope, original_position_count)?),
            ("dynamic" | "yarn", false) => {
                return Err(format!(
                    "rope type {name} is not defined for {dim} dimensions and theta {theta}"
                ));
            }
            _ => return Err(format!("rope type `{name}` is not supported")),
        };
        Ok(kind)
    }

    fn original_position_count(&self, fields: &Fields, rope: &Fields) -> Checked<usize> {
        const KEY: &str = "original_max_position_embeddings";
        let (top, within) = (fields.size(KEY)?, rope.size(KEY)?);
        let count = match self.original {
            OriginalPositions::Anywhere => top.or(within).unwrap_or(self.position_count),
            OriginalPositions::Within => within.unwrap_or(self.position_count),
            OriginalPositions::Top { default } => top.unwrap_or(default),
        };
        if count == 0 { Err(format!("{KEY} is 0")) } else { Ok(count) }
    }

    fn yarn(&self, rope: &Fields, original_position_count: usize) -> Checked<YarnScaling> {
        let original = original_position_count as f64;
        let factor = match rope.has("factor") && rope.value("factor").is_none() {
            true => self.position_count as f64 / original,
            false => positive(rope, "yarn", "factor")?,
        };
        if rope.value("attn_factor").is_some() {
            return Err(
                "yarn's `attn_factor` is not read by transformers, and multiplied by other programs: write \
                        `attention_factor`, the whole factor, in its place, or delete it"
                    .to_owned(),
            );
        }
        // 0 counts as absent in all of these.
        let truthy = |key| Ok::<_, String>(rope.number(key)?.filter(|&value| value != 0.0));
        let stretch = |by: f64| if factor <= 1.0 { 1.0 } else { 0.1 * by * ln(factor) + 1.0 };
        let by_default = match (truthy("mscale")?, truthy("mscale_all_dim")?) {
            (Some(one), Some(all)) => stretch(one) / stretch(all),
            _ => stretch(1.0),
        };
        let scaling = YarnScaling {
            factor,
            original_position_count: original,
            beta_fast: truthy("beta_fast")?.unwrap_or(32.0),
            beta_slow: truthy("beta_slow")?.unwrap_or(1.0),
            truncate: rope.flag("truncate")?.unwrap_or(true),
            attention_factor: rope.number("attention_factor")?.unwrap_or(by_default),
        };
        // Written by who extended a model, read by nobody.
        rope.pass_over(&["finetuned"]);
        for (key, value) in [
            ("beta_fast", scaling.beta_fast),
            ("beta_slow", scaling.beta_slow),
            ("attention_factor", scaling.attention_factor),
        ] {
            check_positive("yarn", key, Some(value))?;
        }
        Ok(scaling)
    }

    fn longrope(&self, rope: &Fields, dim: usize, original: usize) -> Checked<LongRopeScaling> {
        let divisors = |key| -> Checked<Vec<f64>> {
            let list = rope.numbers(key)?.ok_or_else(|| format!("rope type longrope needs `{key}`"))?;
            if list.len() != dim / 2 {
                return Err(format!("{key} has {} numbers for {} pairs of dimensions", list.len(), dim / 2));
            }
            list.into_iter().map(|value| check_positive("longrope", key, Some(value))).collect()
        };
        let factor = match rope.number("factor")? {
            Some(factor) => check_positive("longrope", "factor", Some(factor))?,
            None => self.position_count as f64 / original as f64,
        };
        let by_default = if factor <= 1.0 { 1.0 } else { (1.0 + ln(factor) / ln(original as f64)).sqrt() };
        let attention_factor = rope.number("attention_factor")?.unwrap_or(by_default);
        Ok(LongRopeScaling {
            short_divisors: divisors("short_factor")?,
            long_divisors: divisors("long_factor")?,
            original_position_count: original,
            attention_factor: check_positive("longrope", "attention_factor", Some(attention_factor))?,
        })
    }
}

/// `rope_scaling` or `rope_parameters`, whichever says something. Both may if they say the same.
pub fn parameters<'a>(fields: &Fields<'a>) -> Checked<Option<&'a Map<String, Value>>> {
    let said = |key| Ok::<_, String>(fields.object(key)?.filter(|object| !object.is_empty()));
    match (said("rope_scaling")?, said("rope_parameters")?) {
        (Some(scaling), Some(parameters)) => {
            // transformers 5 adds theta where 4 has it at the top.
            let mut with_theta = scaling.clone();
            if let Some(theta) = parameters.get("rope_theta") {
                with_theta.entry("rope_theta").or_insert_with(|| theta.clone());
            }
            match with_theta == *parameters {
                true => Ok(Some(parameters)),
                false => Err("rope_parameters and rope_scaling contradict each other".to_owned()),
            }
        }
        (scaling, parameters) => Ok(scaling.or(parameters)),
    }
}

fn llama3(rope: &Fields, original_position_count: usize) -> Checked<Llama3Scaling> {
    let scaling = Llama3Scaling {
        factor: positive(rope, "llama3", "factor")?,
        low_freq_factor: positive(rope, "llama3", "low_freq_factor")?,
        high_freq_factor: positive(rope, "llama3", "high_freq_factor")?,
        original_position_count: original_position_count as f64,
    };
    if scaling.high_freq_factor <= scaling.low_freq_factor {
        return Err("rope type llama3 needs high_freq_factor above low_freq_factor".to_owned());
    }
    Ok(scaling)
}

fn positive(rope: &Fields, kind: &str, key: &'static str) -> Checked<f64> {
    check_positive(kind, key, rope.number(key)?)
}

fn check_positive(kind: &str, key: &str, value: Option<f64>) -> Checked<f64> {
    match value {
        Some(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(format!("rope type {kind} needs a positive `{key}`")),
    }
}

/// A number that may stand among the rope's fields and at the top.
fn agreed(within: Option<f64>, top: Option<f64>, key: &str) -> Checked<Option<f64>> {
    match (within, top) {
        (Some(within), Some(top)) if within != top => {
            Err(format!("{key} is {top} at the top and {within} among the rope's fields"))
        }
        _ => Ok(within.or(top)),
    }
}
