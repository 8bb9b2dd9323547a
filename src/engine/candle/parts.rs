//! The small parts of a layer in candle operations: norms, linear maps, feed-forwards. Knows tensors on one device, not how
//! they are put together.

use super::super::{
    Activation, DecoderConfig, Experts, FeedForward, FeedForwardWeights, GatedWeights, NormKind, NormWeights,
    Projection, QueryKeyNorm, StoredMatrix,
};
use crate::error::{Error, Result};
use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::{layer_norm, rms_norm, sigmoid};

/// Device and dtype of all tensors.
#[derive(Debug)]
pub struct Place {
    pub device: Device,
    pub dtype: DType,
}

impl Place {
    pub fn put(&self, tensor: &Tensor) -> Result<Tensor> {
        Ok(tensor.to_device(&self.device)?.to_dtype(self.dtype)?)
    }
}

/// A linear layer on the device, weight `[in, out]`.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Several projections of one input as one, outputs side by side.
    pub fn stacked(parts: &[&Projection], place: &Place) -> Result<Self> {
        let weights =
            parts.iter().map(|part| place.put(&part.weight.to_tensor()?)).collect::<Result<Vec<_>>>()?;
        let bias = match parts.iter().any(|part| part.bias.is_some()) {
            false => None,
            true => {
                let zeros = |part: &Projection| Tensor::zeros(part.weight.dims().0, DType::F32, &Device::Cpu);
                let biases = parts.iter().map(|part| part.bias.clone().map_or_else(|| zeros(part), Ok));
                let biases = biases.collect::<candle_core::Result<Vec<_>>>()?;
                Some(place.put(&Tensor::cat(&biases, 0)?)?)
            }
        };
        Ok(Linear { weight: Tensor::cat(&weights, 0)?.t()?, bias })
    }

    fn unbiased(weight: &StoredMatrix, place: &Place) -> Result<Self> {
        Self::stacked(&[&Projection { weight: weight.clone(), bias: None }], place)
    }

    /// `[T, in]` to `[T, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight)?;
        match &self.bias {
            None => Ok(y),
            Some(bias) => Ok(y.broadcast_add(bias)?),
        }
    }
}

/// A norm of whole rows.
#[derive(Debug)]
pub struct Norm {
    kind: NormKind,
    eps: f32,
    weight: Tensor,
    bias: Tensor,
}

impl Norm {
    pub fn new(config: &DecoderConfig, weights: &NormWeights, place: &Place) -> Result<Self> {
        let bias = match &weights.bias {
            Some(bias) => bias.clone(),
            None => weights.weight.zeros_like()?,
        };
        let (weight, bias) = (place.put(&weights.weight)?, place.put(&bias)?);
        Ok(Norm { kind: config.norm, eps: config.norm_eps as f32, weight, bias })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.contiguous()?;
        Ok(match self.kind {
            NormKind::Rms => rms_norm(&x, &self.weight, self.eps)?,
            NormKind::Layer => layer_norm(&x, &self.weight, &self.bias, self.eps)?,
        })
    }
}

/// A norm of raw queries or keys.
#[derive(Debug)]
pub struct HeadNorm {
    kind: QueryKeyNorm,
    eps: f32,
    weight: Tensor,
}

impl HeadNorm {
    pub fn new(config: &DecoderConfig, weight: Option<&Tensor>, place: &Place) -> Result<Option<Self>> {
        let (Some(kind), Some(weight)) = (config.query_key_norm, weight) else { return Ok(None) };
        Ok(Some(HeadNorm { kind, eps: config.norm_eps as f32, weight: place.put(weight)? }))
    }

    /// `x`: `[T, heads, D]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, heads, dim) = x.dims3()?;
        Ok(match self.kind {
            QueryKeyNorm::HeadRms => rms_norm(x, &self.weight, self.eps)?,
            QueryKeyNorm::WholeRms => {
                let whole = x.reshape((rows, heads * dim))?;
                rms_norm(&whole, &self.weight, self.eps)?.reshape((rows, heads, dim))?
            }
            QueryKeyNorm::HeadLayer => {
                let (ones, zeros) =
                    (Tensor::ones(dim, x.dtype(), x.device())?, Tensor::zeros(dim, x.dtype(), x.device())?);
                layer_norm(x, &ones, &zeros, self.eps)?.broadcast_mul(&self.weight.reshape((heads, dim))?)?
            }
        })
    }
}

pub fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    Ok(match activation {
        Activation::Silu => x.silu()?,
        Activation::GeluTanh => x.gelu()?,
        Activation::GeluErf => x.gelu_erf()?,
    })
}

#[derive(Debug)]
pub struct Gated {
    gate_up: Linear,
    down: Linear,
    width: usize,
}

impl Gated {
    fn new(weights: &GatedWeights, width: usize, place: &Place) -> Result<Self> {
        let gate_up = Linear::stacked(&[&weights.gate, &weights.up], place)?;
        Ok(Gated { gate_up, down: Linear::stacked(&[&weights.down], place)?, width })
    }

    fn forward(&self, activation: Activation, x: &Tensor) -> Result<Tensor> {
        let gate_up = self.gate_up.forward(x)?; // [T, 2 * width]
        let gate = activate(activation, &gate_up.narrow(1, 0, self.width)?.contiguous()?)?;
        self.down.forward(&(gate * gate_up.narrow(1, self.width, self.width)?)?)
    }
}

#[derive(Debug)]
pub enum FeedForwardPart {
    Gated(Gated),
    Plain { up: Linear, down: Linear },
    Experts { shape: Experts, router: Linear, experts: Vec<Gated>, shared: Option<(Linear, Gated)> },
}

impl FeedForwardPart {
    pub fn new(shape: &FeedForward, weights: &FeedForwardWeights, place: &Place) -> Result<Self> {
        Ok(match (shape, weights) {
            (FeedForward::Gated { intermediate_size }, FeedForwardWeights::Gated(weights)) => {
                FeedForwardPart::Gated(Gated::new(weights, *intermediate_size, place)?)
            }
            (FeedForward::Plain { .. }, FeedForwardWeights::Plain { up, down }) => FeedForwardPart::Plain {
                up: Linear::stacked(&[up], place)?,
                down: Linear::stacked(&[down], place)?,
            },
            (FeedForward::Experts(shape), FeedForwardWeights::Experts { router, experts, shared }) => {
                let expert = |weights| Gated::new(weights, shape.intermediate_size, place);
                let shared = match (shared, shape.shared_intermediate_size) {
                    (Some(shared), Some(width)) => {
                        let share = Linear::unbiased(&shared.share, place)?;
                        Some((share, Gated::new(&shared.weights, width, place)?))
                    }
                    _ => None,
                };
                FeedForwardPart::Experts {
                    shape: shape.clone(),
                    router: Linear::unbiased(router, place)?,
                    experts: experts.iter().map(expert).collect::<Result<_>>()?,
                    shared,
                }
            }
            _ => return Err(Error::model("a layer's weights are not of the kind that its config says")),
        })
    }

    /// `x`: `[T, hidden]`, normed.
    pub fn forward(&self, activation: Activation, x: &Tensor) -> Result<Tensor> {
        match self {
            FeedForwardPart::Gated(gated) => gated.forward(activation, x),
            FeedForwardPart::Plain { up, down } => down.forward(&activate(activation, &up.forward(x)?)?),
            FeedForwardPart::Experts { shape, router, experts, shared } => {
                let mut all = chosen_experts(shape, router, experts, activation, x)?;
                if let Some((share, expert)) = shared {
                    let share = sigmoid(&share.forward(x)?)?; // [T, 1]
                    all = (all + expert.forward(activation, x)?.broadcast_mul(&share)?)?;
                }
                Ok(all)
            }
        }
    }
}

/// Each expert on the rows that chose it.
fn chosen_experts(
    shape: &Experts,
    router: &Linear,
    experts: &[Gated],
    activation: Activation,
    x: &Tensor,
) -> Result<Tensor> {
    let mut shares = router.forward(x)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    shares.iter_mut().for_each(|row| shape.share_out(row));
    let mut all = x.zeros_like()?;
    for (index, expert) in experts.iter().enumerate() {
        let chosen = shares.iter().enumerate().filter(|(_, row)| row[index] != 0.0);
        let (rows, weights): (Vec<u32>, Vec<f32>) = chosen.map(|(at, row)| (at as u32, row[index])).unzip();
        if rows.is_empty() {
            continue;
        }
        let count = rows.len();
        let rows = Tensor::from_vec(rows, count, x.device())?;
        let weights = Tensor::from_vec(weights, (count, 1), x.device())?.to_dtype(x.dtype())?;
        let y = expert.forward(activation, &x.index_select(&rows, 0)?)?.broadcast_mul(&weights)?;
        all = all.index_add(&rows, &y, 0)?;
    }
    debug_assert_eq!(all.dim(D::Minus1)?, x.dim(D::Minus1)?);
    Ok(all)
}
