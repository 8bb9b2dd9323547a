//! Rotary embeddings as GGUF metadata and tensors describe them. What a key means is as in `llama_model_base::load_hparams` and
//! `llama_context` of llama.cpp; what those only come near is as in transformers.

use super::super::families::plain;
use super::config::Source;
use crate::elementary::ln;
use crate::engine::{LongRopeScaling, RopeConfig, RopeKind, YarnScaling};
use crate::error::{Error, Result};

const DIVISORS: &str = "rope_freqs.weight";
const SHORT: &str = "rope_factors_short.weight";
const LONG: &str = "rope_factors_long.weight";

/// Which tensors of factors a family has.
#[derive(Clone, Copy, PartialEq)]
pub enum RopeFactors {
    None,
    /// Divisors of all lengths, where they are there (Llama 3.1).
    Divisors,
    /// For short and for long sequences, where they are there (Phi-3).
    ByLength,
}

impl Source<'_> {
    /// The rope of layers that see everything.
    pub fn rope(&self, head_dim: usize, position_count: usize, factors: RopeFactors) -> Result<RopeConfig> {
        let keys = &self.keys;
        let dim = keys.get("rope.dimension_count")?.unwrap_or(head_dim);
        let theta = keys.positive("rope.freq_base")?.unwrap_or(10_000.0);
        let original = keys.get::<usize>("rope.scaling.original_context_length")?.unwrap_or(position_count);
        let scaled = self.scaled(theta, original)?;
        let with_factors = match factors {
            RopeFactors::None => None,
            RopeFactors::Divisors => {
                self.factors(DIVISORS, dim)?.map(|divisors| RopeKind::Divided { divisors })
            }
            RopeFactors::ByLength => self.by_length(dim, original)?,
        };
        let kind = match (scaled, with_factors) {
            (Some(_), Some(_)) => return Err(keys.refuse("the rope is scaled twice, which is not supported")),
            (scaled, with_factors) => scaled.or(with_factors).unwrap_or(RopeKind::Default),
        };
        let is_multiplied = matches!(kind, RopeKind::Yarn(_) | RopeKind::LongRope(_));
        if !is_multiplied && keys.number("rope.scaling.attn_factor")?.is_some_and(|factor| factor != 1.0) {
            return Err(keys.refuse("`rope.scaling.attn_factor` is not supported with this kind of rope"));
        }
        Ok(RopeConfig { dim, theta, kind })
    }

    /// By `rope.scaling.type`. Linear is meant where the type is not told, and nothing where the factor is not.
    fn scaled(&self, theta: f64, original: usize) -> Result<Option<RopeKind>> {
        let keys = &self.keys;
        let old = keys.positive_or_off("rope.scale_linear")?;
        let factor = keys.positive_or_off("rope.scaling.factor")?.or(old).unwrap_or(1.0);
        match keys.get::<&str>("rope.scaling.type")?.unwrap_or("linear") {
            "none" => Ok(None),
            "linear" => Ok((factor != 1.0).then_some(RopeKind::Linear { factor })),
            // It divides by the logarithm of theta.
            "yarn" if theta > 1.0 && original > 0 => Ok(Some(RopeKind::Yarn(self.yarn(factor, original)?))),
            "longrope" if keys.architecture() == "phi3" => Ok(None),
            other => Err(keys.refuse(format!("rope.scaling.type `{other}` is not supported"))),
        }
    }

    /// llama.cpp passes over the attention factor and both betas, which the converter takes from the model's own config: the
    /// factor from `attention_factor`, which is the whole one, or from `attn_factor`, which other programs multiply the usual
    /// one with and transformers does not read. Only a factor that is the usual one, or stands beside a usual one of 1, tells
    /// which is meant.
    fn yarn(&self, factor: f64, original: usize) -> Result<YarnScaling> {
        let keys = &self.keys;
        if keys.number("rope.scaling.yarn_ext_factor")?.is_some_and(|factor| factor != 1.0) {
            return Err(keys.refuse("`rope.scaling.yarn_ext_factor` other than 1 is not supported"));
        }
        let by_default = if factor <= 1.0 { 1.0 } else { 0.1 * ln(factor) + 1.0 };
        let told = keys.positive("rope.scaling.yarn_attn_factor")?;
        if let Some(told) = told.filter(|&told| by_default != 1.0 && (told / by_default - 1.0).abs() > 1e-6) {
            return Err(keys
                .refuse(format!(
                    "`rope.scaling.yarn_attn_factor` {told} may mean the whole factor or a part of it"
                ))
                .hint("use the model's own folder with its safetensors files, whose config says which"));
        }
        let attention_factor = told.unwrap_or(by_default);
        Ok(YarnScaling {
            factor,
            original_position_count: original as f64,
            beta_fast: keys.positive("rope.scaling.yarn_beta_fast")?.unwrap_or(32.0),
            beta_slow: keys.positive("rope.scaling.yarn_beta_slow")?.unwrap_or(1.0),
            truncate: true,
            attention_factor: attention_factor * keys.positive("rope.scaling.attn_factor")?.unwrap_or(1.0),
        })
    }

    /// The two lists; which of them counts depends on the sequence's length, as in the model's own code. llama.cpp goes by the
    /// length that its context has room for.
    fn by_length(&self, dim: usize, original: usize) -> Result<Option<RopeKind>> {
        let wide = |list: Vec<f32>| list.into_iter().map(f64::from).collect();
        let attention_factor = self.keys.positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
        match (self.factors(SHORT, dim)?, self.factors(LONG, dim)?) {
            (None, None) => Ok(None),
            (Some(short), Some(long)) => Ok(Some(RopeKind::LongRope(LongRopeScaling {
                short_divisors: wide(short),
                long_divisors: wide(long),
                original_position_count: original,
                attention_factor,
            }))),
            _ => Err(self.keys.refuse(format!("of `{SHORT}` and `{LONG}` one is missing"))),
        }
    }

    /// A divisor for each pair of dimensions.
    fn factors(&self, name: &str, dim: usize) -> Result<Option<Vec<f32>>> {
        let Some(tensor) = self.file.tensor(name) else { return Ok(None) };
        let refuse = |what: String| -> Error { self.keys.refuse(format!("tensor `{name}` {what}")) };
        if tensor.shape() != [dim / 2] {
            return Err(refuse(format!("is {:?} for {} pairs of dimensions", tensor.shape(), dim / 2)));
        }
        let factors = plain(&self.file.matrix(tensor)?)?.to_vec1::<f32>()?;
        match factors.iter().find(|factor| !(factor.is_finite() && **factor > 0.0)) {
            Some(factor) => Err(refuse(format!("holds {factor}"))),
            None => Ok(Some(factors)),
        }
    }
}
