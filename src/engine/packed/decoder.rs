//! The decoder on this project's own kernels: plain buffers, three parallel steps a layer. Rows are cut into blocks that go
//! through a whole layer's linear maps on one thread, so that activations stay in its cache and no small operation waits.

use super::super::kernels::pointwise::{add_tile, rms_norm, rotate, write_tile};
use super::super::kernels::{AlignedWords, Kernel, PackedRows};
use super::super::readout::{ReadoutLogits, ReadoutSettings};
use super::super::stages::{EngineStage, StageClock};
use super::super::{DecoderConfig, LayerWeights, Projection, ReadoutRequest, StoredMatrix, WeightSource};
use super::attention::{AttentionScratch, LayerAttention};
use super::matrix::PackedMatrix;
use super::plan::{QueryBlock, all_rows, some_rows};
use super::rope_table::RopeTable;
use super::stack::KvStack;
use crate::error::Result;
use crate::packing::PackedBatch;
use candle_core::{DType, Tensor};
use rayon::prelude::*;
use std::sync::Mutex;

/// Rows that go through a layer's linear maps together: a multiple of every kernel's tile, few enough for the widest
/// activations to stay in a core's second-level cache, enough to stream the weights seldom.
const BLOCK_ROW_COUNT: usize = 120;

#[derive(Debug)]
struct PackedLayer {
    attention_norm: Vec<f32>,
    qkv: PackedMatrix,
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    output: PackedMatrix,
    mlp_norm: Vec<f32>,
    gate_up: PackedMatrix,
    down: PackedMatrix,
}

impl PackedLayer {
    fn new(kernel: Kernel, weights: &LayerWeights) -> Result<Self> {
        Ok(PackedLayer {
            attention_norm: floats(&weights.attention_norm)?,
            qkv: PackedMatrix::stacked(kernel, &[&weights.query, &weights.key, &weights.value])?,
            query_norm: weights.query_norm.as_ref().map(floats).transpose()?,
            key_norm: weights.key_norm.as_ref().map(floats).transpose()?,
            output: PackedMatrix::stacked(kernel, &[&weights.output])?,
            mlp_norm: floats(&weights.mlp_norm)?,
            gate_up: PackedMatrix::gated(kernel, &weights.gate, &weights.up)?,
            down: PackedMatrix::stacked(kernel, &[&weights.down])?,
        })
    }
}

fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.to_vec1()?)
}

/// Weights packed for one kernel.
#[derive(Debug)]
pub struct PackedDecoder {
    pub(super) kernel: Kernel,
    embedding: PackedMatrix,
    layers: Vec<PackedLayer>,
    pub(super) final_norm: Vec<f32>,
    lm_head: Option<PackedMatrix>,
}

/// What a thread works in.
#[derive(Debug)]
struct BlockScratch {
    outer: PackedRows,
    inner: PackedRows,
    normed: Vec<f32>,
}

/// What lives from batch to batch.
#[derive(Debug)]
pub struct PackedSession {
    stack: KvStack,
    rope: RopeTable,
    buffers: BatchBuffers,
    unpacked: UnpackedLayer,
    blocks: Pool<BlockScratch>,
    attention: Pool<AttentionScratch>,
    pub(super) logits: Pool<Vec<f32>>,
    pub(super) clock: StageClock,
}

/// The matrices of a layer's rows step, unpacked where they are quantised.
#[derive(Debug, Default)]
struct UnpackedLayer {
    output: AlignedWords,
    gate_up: AlignedWords,
    down: AlignedWords,
    /// Of the layer that comes next.
    qkv: AlignedWords,
}

/// One batch's rows; kept, because fresh memory has to be cleared by the system first.
#[derive(Debug, Default)]
struct BatchBuffers {
    /// `[tokens, hidden]`.
    x: Vec<f32>,
    /// Raw queries, keys and values side by side.
    qkv: Vec<f32>,
    /// `[tokens, heads * head_dim]`.
    mixed: Vec<f32>,
}

/// Scratch buffers, as many as threads ever needed one at once.
#[derive(Debug)]
pub(super) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    pub fn with<R>(&self, new: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let lock = || self.0.lock().expect("no thread panics while it holds the pool");
        let taken = lock().pop();
        let mut scratch = taken.unwrap_or_else(new);
        let outcome = work(&mut scratch);
        lock().push(scratch);
        outcome
    }
}

impl PackedSession {
    pub fn thread_seconds(&self, stage: EngineStage) -> f64 {
        self.clock.thread_seconds(stage)
    }
}

impl PackedDecoder {
    pub fn new(kernel: Kernel, config: &DecoderConfig, source: &mut dyn WeightSource) -> Result<Self> {
        let (embedding, lm_head) = source.embedding_and_lm_head()?;
        let pack =
            |weight: StoredMatrix| PackedMatrix::stacked(kernel, &[&Projection { weight, bias: None }]);
        let (embedding, lm_head) = (pack(embedding)?, lm_head.map(pack).transpose()?);
        let layers = (0..config.layer_count).map(|index| PackedLayer::new(kernel, &source.layer(index)?));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        Ok(PackedDecoder { kernel, embedding, layers, final_norm: floats(&source.final_norm()?)?, lm_head })
    }

    pub fn session(&self, config: &DecoderConfig) -> PackedSession {
        PackedSession {
            stack: KvStack::new(config.layer_count, config.kv_head_count, config.head_dim),
            rope: RopeTable::new(&config.rope, config.head_dim),
            buffers: BatchBuffers::default(),
            unpacked: UnpackedLayer::default(),
            blocks: Pool(Mutex::default()),
            attention: Pool(Mutex::default()),
            logits: Pool(Mutex::default()),
            clock: StageClock::default(),
        }
    }

    /// The readout matrix; the embedding where tied.
    pub fn lm_head(&self) -> &PackedMatrix {
        self.lm_head.as_ref().unwrap_or(&self.embedding)
    }

    /// Runs one batch on top of the stack. `requests[i]` is what `batch.readouts[i]` asks for.
    pub fn run(
        &self,
        config: &DecoderConfig,
        batch: &PackedBatch,
        session: &mut PackedSession,
        requests: &[ReadoutRequest<'_>],
        settings: &ReadoutSettings,
    ) -> Result<Vec<ReadoutLogits>> {
        let mut rows: Vec<usize> = batch.readouts.iter().map(|readout| readout.row).collect();
        rows.sort_unstable();
        rows.dedup();
        let hidden = self.forward(config, batch, &rows, session);
        let width = config.hidden_size;
        let read: Vec<f32> = batch
            .readouts
            .iter()
            .flat_map(|readout| {
                let row = rows.partition_point(|&row| row < readout.row);
                &hidden[row * width..][..width]
            })
            .copied()
            .collect();
        self.read(config, &read, requests, settings, session)
    }

    /// Runs one batch on top of the stack and leaves its rows there. Returns the final hidden states of `read_rows`
    /// (ascending rows of the batch), not yet normed: `[read_rows.len(), hidden]`.
    fn forward(
        &self,
        config: &DecoderConfig,
        batch: &PackedBatch,
        read_rows: &[usize],
        session: &mut PackedSession,
    ) -> Vec<f32> {
        session.stack.keep(&batch.kept_rows);
        session.rope.extend_to(&batch.position_ids);
        let lanes = self.kernel.isa().columns();
        let every_block = all_rows(batch, lanes);
        let (hidden, width) = (config.hidden_size, config.qkv_size());
        let BatchBuffers { mut x, mut qkv, mut mixed } = std::mem::take(&mut session.buffers);
        x.resize(batch.token_count() * hidden, 0.0);
        qkv.resize(batch.token_count() * width, 0.0);
        mixed.resize(batch.token_count() * config.query_size(), 0.0);
        self.embed(&batch.token_ids, &mut x, hidden);
        self.first_projection(config, &x, &mut qkv, session);
        let last = self.layers.len() - 1;
        for index in 0..last {
            self.push_keys(config, index, &qkv, batch, session);
            self.attend(config, index, &every_block, &qkv, batch, &mut mixed, session);
            self.layer_rows(config, index, &mixed, &mut x, Some(&mut qkv), session);
        }
        // Behind the last layer's keys only rows that are read go on.
        self.push_keys(config, last, &qkv, batch, session);
        let mut read: Vec<f32> =
            read_rows.iter().flat_map(|row| &x[row * hidden..][..hidden]).copied().collect();
        if !read_rows.is_empty() {
            let blocks = some_rows(batch, read_rows, lanes);
            let mixed = &mut mixed[..read_rows.len() * config.query_size()];
            self.attend(config, last, &blocks, &qkv, batch, mixed, session);
            self.layer_rows(config, last, mixed, &mut read, None, session);
        }
        session.buffers = BatchBuffers { x, qkv, mixed };
        read
    }

    fn embed(&self, token_ids: &[u32], x: &mut [f32], hidden: usize) {
        x.par_chunks_mut(hidden).zip(token_ids).for_each(|(row, &id)| self.embedding.row(id as usize, row));
    }

    /// Raw queries, keys and values of the first layer.
    fn first_projection(
        &self,
        config: &DecoderConfig,
        x: &[f32],
        qkv: &mut [f32],
        session: &mut PackedSession,
    ) {
        self.layers[0].qkv.unpack(&mut session.unpacked.qkv);
        let session = &*session;
        let rows = block_row_count(x.len() / config.hidden_size);
        let blocks =
            x.par_chunks(rows * config.hidden_size).zip(qkv.par_chunks_mut(rows * config.qkv_size()));
        blocks.for_each(|(x, qkv)| {
            self.with_scratch(session, |scratch| self.project(config, 0, x, qkv, scratch, session));
        });
    }

    fn with_scratch(&self, session: &PackedSession, work: impl FnOnce(&mut BlockScratch)) {
        let new = || BlockScratch {
            outer: PackedRows::new(self.kernel),
            inner: PackedRows::new(self.kernel),
            normed: Vec::new(),
        };
        session.blocks.with(new, work);
    }

    /// Turned keys, and values, onto the stack.
    fn push_keys(
        &self,
        config: &DecoderConfig,
        index: usize,
        qkv: &[f32],
        batch: &PackedBatch,
        session: &mut PackedSession,
    ) {
        let (isa, rope, norm) = (self.kernel.isa(), &session.rope, self.layers[index].key_norm.as_deref());
        let finish = |row: usize, key: &mut [f32]| {
            if let Some(weight) = norm {
                let raw = key.to_vec();
                rms_norm(isa, &raw, weight, config.norm_eps as f32, key);
            }
            let (cos, sin) = rope.at(batch.position_ids[row]);
            rotate(isa, key, cos, sin, 1.0);
        };
        let clock = &session.clock;
        clock.time(EngineStage::Attention, || {
            session.stack.push(index, qkv, config.qkv_size(), config.query_size(), finish);
        });
    }

    /// Attention of all blocks into `mixed`, whose rows are those of the blocks one after the other.
    #[expect(clippy::too_many_arguments, reason = "a layer's inputs, called twice")]
    fn attend(
        &self,
        config: &DecoderConfig,
        index: usize,
        blocks: &[QueryBlock],
        qkv: &[f32],
        batch: &PackedBatch,
        mixed: &mut [f32],
        session: &PackedSession,
    ) {
        let attention = LayerAttention {
            isa: self.kernel.isa(),
            config,
            layer: index,
            stack: &session.stack,
            rope: &session.rope,
            position_ids: &batch.position_ids,
            qkv,
            query_norm: self.layers[index].query_norm.as_deref(),
        };
        let mut outputs = Vec::with_capacity(blocks.len());
        let mut rest = mixed;
        for block in blocks {
            let (own, later) = rest.split_at_mut(block.rows.len() * config.query_size());
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

    /// Unpacks what the rows step of a layer needs, where it is quantised.
    fn unpack(&self, index: usize, with_next: bool, session: &mut PackedSession) {
        let PackedSession { unpacked, clock, .. } = session;
        clock.time(EngineStage::Unpack, || {
            self.layers[index].output.unpack(&mut unpacked.output);
            self.layers[index].gate_up.unpack(&mut unpacked.gate_up);
            self.layers[index].down.unpack(&mut unpacked.down);
            if with_next {
                self.layers[index + 1].qkv.unpack(&mut unpacked.qkv);
            }
        });
    }

    /// The rest of a layer behind its attention, and the next layer's projections into `qkv`.
    fn layer_rows(
        &self,
        config: &DecoderConfig,
        index: usize,
        mixed: &[f32],
        x: &mut [f32],
        qkv: Option<&mut [f32]>,
        session: &mut PackedSession,
    ) {
        self.unpack(index, qkv.is_some(), session);
        let session = &*session;
        let rows = block_row_count(x.len() / config.hidden_size);
        let blocks =
            x.par_chunks_mut(rows * config.hidden_size).zip(mixed.par_chunks(rows * config.query_size()));
        match qkv {
            None => blocks.for_each(|(x, mixed)| {
                self.with_scratch(session, |scratch| self.finish(config, index, mixed, x, scratch, session));
            }),
            Some(qkv) => {
                blocks.zip(qkv.par_chunks_mut(rows * config.qkv_size())).for_each(|((x, mixed), qkv)| {
                    self.with_scratch(session, |scratch| {
                        self.finish(config, index, mixed, x, scratch, session);
                        self.project(config, index + 1, x, qkv, scratch, session);
                    });
                });
            }
        }
    }

    /// Normed rows into raw queries, keys and values.
    fn project(
        &self,
        config: &DecoderConfig,
        index: usize,
        x: &[f32],
        qkv: &mut [f32],
        scratch: &mut BlockScratch,
        session: &PackedSession,
    ) {
        let (layer, clock) = (&self.layers[index], &session.clock);
        let BlockScratch { outer, normed, .. } = scratch;
        clock.time(EngineStage::Pointwise, || {
            self.pack_normed(config, x, &layer.attention_norm, outer, normed)
        });
        clock.time(EngineStage::Linear, || {
            into_tiles(&layer.qkv, &session.unpacked.qkv, outer, qkv, write_tile);
        });
    }

    /// Output projection and MLP, each added to the rows.
    fn finish(
        &self,
        config: &DecoderConfig,
        index: usize,
        mixed: &[f32],
        x: &mut [f32],
        scratch: &mut BlockScratch,
        session: &PackedSession,
    ) {
        let (layer, clock, unpacked) = (&self.layers[index], &session.clock, &session.unpacked);
        let BlockScratch { outer, inner, normed } = scratch;
        let width = config.query_size();
        clock.time(EngineStage::Pointwise, || {
            outer.reshape(mixed.len() / width, width);
            mixed.chunks(width).enumerate().for_each(|(row, values)| outer.set(row, 0, values));
        });
        clock.time(EngineStage::Linear, || into_tiles(&layer.output, &unpacked.output, outer, x, add_tile));
        clock.time(EngineStage::Pointwise, || self.pack_normed(config, x, &layer.mlp_norm, outer, normed));
        clock.time(EngineStage::Linear, || {
            inner.reshape(outer.row_count(), config.intermediate_size);
            let half = self.kernel.columns() / 2;
            let panels = 0..layer.gate_up.panel_count();
            layer.gate_up.multiply(outer, panels, Some(&unpacked.gate_up), |panel, first_row, sums| {
                inner.set_gated(first_row, sums, layer.gate_up.bias(panel), panel * half);
            });
            into_tiles(&layer.down, &unpacked.down, inner, x, add_tile);
        });
    }

    pub(super) fn pack_normed(
        &self,
        config: &DecoderConfig,
        x: &[f32],
        weight: &[f32],
        rows: &mut PackedRows,
        normed: &mut Vec<f32>,
    ) {
        let hidden = config.hidden_size;
        rows.reshape(x.len() / hidden, hidden);
        normed.resize(hidden, 0.0);
        for (row, x) in x.chunks(hidden).enumerate() {
            rms_norm(self.kernel.isa(), x, weight, config.norm_eps as f32, normed);
            rows.set(row, 0, normed);
        }
    }
}

/// Multiplies rows with a whole matrix and brings each tile with its bias to its place in `out`, `[rows, outputs]`.
fn into_tiles(
    matrix: &PackedMatrix,
    unpacked: &AlignedWords,
    rows: &PackedRows,
    out: &mut [f32],
    bring: impl Fn(super::super::kernels::Isa, &[f32], usize, &[f32], &mut [f32], usize),
) {
    let (columns, width) = (matrix.kernel().columns(), matrix.output_len());
    matrix.multiply(rows, 0..matrix.panel_count(), Some(unpacked), |panel, first_row, sums| {
        let first = panel * columns;
        let bias = &matrix.bias(panel)[..columns.min(width - first)];
        let out = &mut out[first_row * width + first..];
        bring(matrix.kernel().isa(), sums, columns, bias, out, width);
    });
}

/// Rows of a block: as even as possible, a multiple of blocks for each thread.
fn block_row_count(row_count: usize) -> usize {
    let threads = rayon::current_num_threads();
    let blocks = row_count.div_ceil(BLOCK_ROW_COUNT).next_multiple_of(threads);
    // Below a few tiles a block costs more than it shares out.
    row_count.div_ceil(blocks).max(24).min(row_count.max(1))
}
