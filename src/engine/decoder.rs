//! A decoder ready to run, on whichever path its device has: packed kernels on a CPU, candle's operations on GPUs and
//! as the reference.

use super::candle::{CandleDecoder, KvStack};
use super::flops::{LastLayer, PrefillFlops};
use super::packed::{PackedDecoder, PackedSession};
use super::readout::{ReadoutLogits, ReadoutSettings};
use super::stages::EngineStage;
use super::{DecoderConfig, EngineDevice, ReadoutRequest, WeightSource};
use crate::error::Result;
use crate::packing::{PackedBatch, PrefixTrie};

/// Weights on a device, and how to run them.
#[derive(Debug)]
pub struct Decoder {
    config: DecoderConfig,
    path: Path,
}

#[derive(Debug)]
enum Path {
    Packed(Box<PackedDecoder>),
    Candle(Box<CandleDecoder>),
}

/// What a prefill keeps from batch to batch.
#[derive(Debug)]
pub(super) enum Session {
    Packed(Box<PackedSession>),
    Candle(KvStack),
}

impl Session {
    /// Thread seconds of a stage; `None` with candle's operations, which is not timed.
    pub fn thread_seconds(&self, stage: EngineStage) -> Option<f64> {
        match self {
            Session::Packed(session) => Some(session.thread_seconds(stage)),
            Session::Candle(_) => None,
        }
    }
}

impl Decoder {
    /// Takes all weights from their source.
    ///
    /// # Errors
    /// The source's, and when the device fails.
    pub fn new(config: DecoderConfig, source: &mut dyn WeightSource, device: &EngineDevice) -> Result<Self> {
        let path = match device.kernel() {
            Some(kernel) => Path::Packed(Box::new(PackedDecoder::new(kernel, &config, source)?)),
            None => Path::Candle(Box::new(CandleDecoder::new(&config, source, device)?)),
        };
        Ok(Decoder { config, path })
    }

    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// What a prefill of this trie computes, whatever its batches. `read_logit_count` is that of all readouts together where
    /// not the whole vocabulary is read; batches may compute more, since their rows share columns.
    pub fn flops(&self, trie: &PrefixTrie, read_logit_count: Option<u64>) -> PrefillFlops {
        let last_layer = match self.path {
            Path::Packed(_) => LastLayer::ReadRows,
            Path::Candle(_) => LastLayer::AllRows,
        };
        let mut flops = PrefillFlops::count(&self.config, trie, last_layer);
        if let Some(count) = read_logit_count {
            flops.readout = 2 * self.config.hidden_size as u64 * count;
        }
        flops
    }

    pub(super) fn session(&self) -> Session {
        match &self.path {
            Path::Packed(decoder) => Session::Packed(Box::new(decoder.session())),
            Path::Candle(_) => Session::Candle(KvStack::default()),
        }
    }

    /// Runs one batch on top of the session's stack. Returns a readout for each of `batch.readouts`, in their order.
    pub(super) fn run(
        &self,
        batch: &PackedBatch,
        session: &mut Session,
        requests: &[ReadoutRequest<'_>],
        settings: &ReadoutSettings,
    ) -> Result<Vec<ReadoutLogits>> {
        let asked: Vec<_> = batch.readouts.iter().map(|readout| requests[readout.sequence]).collect();
        match (&self.path, session) {
            (Path::Packed(decoder), Session::Packed(session)) => {
                decoder.run(batch, session, &asked, settings)
            }
            (Path::Candle(decoder), Session::Candle(stack)) => {
                decoder.run(&self.config, batch, stack, &asked, settings)
            }
            _ => unreachable!("a session is used with the decoder that made it"),
        }
    }
}
