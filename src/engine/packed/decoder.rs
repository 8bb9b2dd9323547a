//! The decoder on this project's own kernels: plain buffers, three parallel steps a layer. Rows are cut into blocks that go
//! through a whole layer's linear maps on one thread, so that activations stay in its cache and no small operation waits.

use super::super::kernels::Kernel;
use super::super::kernels::pointwise::add_scaled;
use super::super::readout::{ReadoutLogits, ReadoutSettings};
use super::super::stages::EngineStage;
use super::super::{
    DecoderConfig, EmbeddingWeights, FeedForward, Projection, ReadoutRequest, StoredMatrix, WeightSource,
};
use super::attention::{AttentionScratch, LayerAttention};
use super::layer::{BlockScratch, PackedLayer, floats};
use super::matrix::PackedMatrix;
use super::norm::PackedNorm;
use super::plan::{QueryBlock, all_rows, some_rows};
use super::session::{BatchBuffers, PackedSession};
use crate::error::Result;
use crate::packing::PackedBatch;
use rayon::prelude::*;

/// Rows that go through a layer's linear maps together: a multiple of every kernel's tile, few enough for the widest
/// activations to stay in a core's second-level cache, enough to stream the weights seldom.
const BLOCK_ROW_COUNT: usize = 120;

/// Below this many rows a block costs more than it shares out.
const BLOCK_ROW_COUNT_MIN: usize = 24;

/// Weights packed for one kernel.
#[derive(Debug)]
pub struct PackedDecoder {
    pub(super) kernel: Kernel,
    pub(super) config: DecoderConfig,
    embedding: PackedMatrix,
    /// `[positions, hidden]`; empty where they are not learned.
    positions: Vec<f32>,
    layers: Vec<PackedLayer>,
    pub(super) final_norm: PackedNorm,
    lm_head: Option<PackedMatrix>,
}

impl PackedDecoder {
    pub fn new(kernel: Kernel, config: &DecoderConfig, source: &mut dyn WeightSource) -> Result<Self> {
        let pack =
            |weight: StoredMatrix| PackedMatrix::stacked(kernel, &[&Projection { weight, bias: None }]);
        let EmbeddingWeights { tokens, positions, lm_head } = source.embedding()?;
        let (embedding, lm_head) = (pack(tokens)?, lm_head.map(pack).transpose()?);
        let positions =
            positions.map(|positions| floats(&positions.to_tensor()?)).transpose()?.unwrap_or_default();
        let layers = config.layers.iter().enumerate();
        let layers = layers
            .map(|(index, layer)| PackedLayer::new(kernel, config, layer, &source.layer(index)?))
            .collect::<Result<Vec<_>>>()?;
        let final_norm = PackedNorm::new(config, &source.final_norm()?)?;
        Ok(PackedDecoder {
            kernel,
            config: config.clone(),
            embedding,
            positions,
            layers,
            final_norm,
            lm_head,
        })
    }

    pub fn session(&self) -> PackedSession {
        PackedSession::new(&self.config)
    }

    /// The readout matrix; the embedding where tied.
    pub fn lm_head(&self) -> &PackedMatrix {
        self.lm_head.as_ref().unwrap_or(&self.embedding)
    }

    /// Runs one batch on top of the stack. `requests[i]` is what `batch.readouts[i]` asks for.
    pub fn run(
        &self,
        batch: &PackedBatch,
        session: &mut PackedSession,
        requests: &[ReadoutRequest<'_>],
        settings: &ReadoutSettings,
    ) -> Result<Vec<ReadoutLogits>> {
        let vocab = self.config.vocab_size;
        assert!(batch.token_ids.iter().all(|&id| (id as usize) < vocab), "ids are the vocabulary's");
        let mut wanted = requests.iter().flat_map(|request| request.wanted);
        assert!(wanted.all(|&id| (id as usize) < vocab), "wanted ids are the vocabulary's");
        let mut rows: Vec<usize> = batch.readouts.iter().map(|readout| readout.row).collect();
        rows.sort_unstable();
        rows.dedup();
        let hidden = self.forward(batch, &rows, session);
        let width = self.config.hidden_size;
        let row_of = |row: usize| &hidden[rows.partition_point(|&known| known < row) * width..][..width];
        let read: Vec<f32> = batch.readouts.iter().flat_map(|readout| row_of(readout.row)).copied().collect();
        self.read(&read, requests, settings, session)
    }

    /// Runs one batch on top of the stack and leaves its rows there. Returns the final hidden states of `read_rows`
    /// (ascending rows of the batch), not yet normed: `[read_rows.len(), hidden]`.
    fn forward(&self, batch: &PackedBatch, read_rows: &[usize], session: &mut PackedSession) -> Vec<f32> {
        let (config, lanes) = (&self.config, self.kernel.isa().columns());
        session.stack.keep(&batch.kept_rows);
        for rope in &mut session.ropes {
            rope.extend_to(batch.length_groups.iter().copied().zip(batch.position_ids.iter().copied()));
        }
        let BatchBuffers { mut x, mut qkv, mut mixed } = std::mem::take(&mut session.buffers);
        x.resize(batch.token_count() * config.hidden_size, 0.0);
        qkv.resize(batch.token_count() * config.qkv_size(), 0.0);
        mixed.resize(batch.token_count() * config.query_size(), 0.0);
        self.embed(batch, &mut x);
        self.first_projection(&x, &mut qkv, session);
        let (last, blocks) = (self.layers.len() - 1, all_rows(batch, lanes));
        for index in 0..last {
            self.push_keys(index, &qkv, batch, session);
            self.attend(index, &blocks, &qkv, batch, &mut mixed, session);
            self.layer_rows(index, &mixed, &mut x, Some(&mut qkv), session);
        }
        // Behind the last layer's keys only rows that are read go on.
        self.push_keys(last, &qkv, batch, session);
        let hidden = config.hidden_size;
        let mut read: Vec<f32> =
            read_rows.iter().flat_map(|row| &x[row * hidden..][..hidden]).copied().collect();
        if !read_rows.is_empty() {
            let mixed = &mut mixed[..read_rows.len() * config.query_size()];
            self.attend(last, &some_rows(batch, read_rows, lanes), &qkv, batch, mixed, session);
            self.layer_rows(last, mixed, &mut read, None, session);
        }
        session.buffers = BatchBuffers { x, qkv, mixed };
        read
    }

    fn embed(&self, batch: &PackedBatch, x: &mut [f32]) {
        let (isa, hidden) = (self.kernel.isa(), self.config.hidden_size);
        let factor = self.config.embedding_multiplier as f32;
        let rows = x.par_chunks_mut(hidden).zip(&batch.token_ids).zip(&batch.position_ids);
        rows.for_each(|((row, &id), &position)| {
            self.embedding.row(id as usize, row);
            if factor != 1.0 {
                row.iter_mut().for_each(|value| *value *= factor);
            }
            if !self.positions.is_empty() {
                add_scaled(isa, &self.positions[position as usize * hidden..][..hidden], 1.0, row);
            }
        });
    }

    /// Raw queries, keys and values of the first layer.
    fn first_projection(&self, x: &[f32], qkv: &mut [f32], session: &mut PackedSession) {
        let (config, layer) = (&self.config, &self.layers[0]);
        let PackedSession { unpacked, clock, .. } = session;
        clock.time_all_threads(EngineStage::Unpack, || layer.qkv.unpack(&mut unpacked.qkv));
        let PackedSession { unpacked, clock, blocks, .. } = &*session;
        let rows = block_row_count(x.len() / config.hidden_size);
        let pairs = x.par_chunks(rows * config.hidden_size).zip(qkv.par_chunks_mut(rows * config.qkv_size()));
        pairs.for_each(|(x, qkv)| {
            let new = || BlockScratch::new(self.kernel);
            blocks.with(new, |scratch| layer.project(config, x, qkv, unpacked, scratch, clock));
        });
    }

    /// Turned keys, and values, onto the stack.
    fn push_keys(&self, index: usize, qkv: &[f32], batch: &PackedBatch, session: &mut PackedSession) {
        let (config, isa) = (&self.config, self.kernel.isa());
        let PackedSession { stack, ropes, clock, .. } = session;
        let rope = config.layers[index].rope.map(|rope| &ropes[rope]);
        let finish = |row: usize, key: &mut [f32]| {
            if let Some(rope) = rope {
                rope.turn(isa, key, batch.length_groups[row], batch.position_ids[row], 1.0);
            }
        };
        clock.time_all_threads(EngineStage::Attention, || {
            stack.push(index, qkv, config.qkv_size(), config.query_size(), finish);
        });
    }

    /// Attention of all blocks into `mixed`, whose rows are those of the blocks one after the other.
    fn attend(
        &self,
        index: usize,
        blocks: &[QueryBlock],
        qkv: &[f32],
        batch: &PackedBatch,
        mixed: &mut [f32],
        session: &PackedSession,
    ) {
        let attention = LayerAttention {
            isa: self.kernel.isa(),
            config: &self.config,
            layer: index,
            stack: &session.stack,
            rope: self.config.layers[index].rope.map(|rope| &session.ropes[rope]),
            batch,
            qkv,
        };
        let mut outputs = Vec::with_capacity(blocks.len());
        let mut rest = mixed;
        for block in blocks {
            let (own, later) = rest.split_at_mut(block.rows.len() * self.config.query_size());
            outputs.push(own);
            rest = later;
        }
        blocks.par_iter().zip(outputs).for_each(|(block, out)| {
            session.clock.time(EngineStage::Attention, || {
                session
                    .attention
                    .with(AttentionScratch::default, |scratch| attention.block(block, scratch, out));
            });
        });
    }

    /// The rest of a layer behind its attention, and the next layer's projections into `qkv`.
    fn layer_rows(
        &self,
        index: usize,
        mixed: &[f32],
        x: &mut [f32],
        qkv: Option<&mut [f32]>,
        session: &mut PackedSession,
    ) {
        let (config, layer) = (&self.config, &self.layers[index]);
        let PackedSession { unpacked, clock, .. } = session;
        let next = qkv.as_ref().map(|_| &self.layers[index + 1]);
        clock.time_all_threads(EngineStage::Unpack, || {
            layer.unpack(unpacked);
            next.into_iter().for_each(|next| next.qkv.unpack(&mut unpacked.qkv));
        });
        let PackedSession { unpacked, clock, blocks, .. } = &*session;
        let rows = match config.layers[index].feed_forward {
            // Few rows choose the same expert: the more of them there are, the less its weights are walked through.
            FeedForward::Experts(_) => (x.len() / config.hidden_size).div_ceil(rayon::current_num_threads()),
            _ => block_row_count(x.len() / config.hidden_size),
        };
        let new = || BlockScratch::new(self.kernel);
        let pairs =
            x.par_chunks_mut(rows * config.hidden_size).zip(mixed.par_chunks(rows * config.query_size()));
        match (qkv, next) {
            (Some(qkv), Some(next)) => {
                pairs.zip(qkv.par_chunks_mut(rows * config.qkv_size())).for_each(|((x, mixed), qkv)| {
                    blocks.with(new, |scratch| {
                        layer.finish(config, mixed, x, unpacked, scratch, clock);
                        next.project(config, x, qkv, unpacked, scratch, clock);
                    });
                });
            }
            _ => pairs.for_each(|(x, mixed)| {
                blocks.with(new, |scratch| layer.finish(config, mixed, x, unpacked, scratch, clock));
            }),
        }
    }
}

/// Rows of a block: as even as possible, a multiple of blocks for each thread.
fn block_row_count(row_count: usize) -> usize {
    let threads = rayon::current_num_threads();
    let blocks = row_count.div_ceil(BLOCK_ROW_COUNT).max(1).next_multiple_of(threads);
    row_count.div_ceil(blocks).max(BLOCK_ROW_COUNT_MIN)
}
