//! What a prefill keeps from batch to batch and threads share: the stack of keys and values, buffers, scratch, the clock.
//! Buffers are kept because fresh memory has to be cleared by the system first.

use super::super::DecoderConfig;
use super::super::stages::{EngineStage, StageClock};
use super::attention::AttentionScratch;
use super::layer::{BlockScratch, UnpackedLayer};
use super::rope_table::RopeTable;
use super::stack::KvStack;
use std::sync::Mutex;

/// State of one prefill.
#[derive(Debug)]
pub struct PackedSession {
    pub stack: KvStack,
    /// As the config lists them.
    pub ropes: Vec<RopeTable>,
    pub buffers: BatchBuffers,
    pub unpacked: UnpackedLayer,
    pub blocks: Pool<BlockScratch>,
    pub attention: Pool<AttentionScratch>,
    /// Logits of a stretch of the vocabulary.
    pub logits: Pool<Vec<f32>>,
    pub clock: StageClock,
}

impl PackedSession {
    pub fn new(config: &DecoderConfig) -> Self {
        PackedSession {
            stack: KvStack::new(config.layer_count(), config.kv_head_count, config.head_dim),
            ropes: config.ropes.iter().map(RopeTable::new).collect(),
            buffers: BatchBuffers::default(),
            unpacked: UnpackedLayer::default(),
            blocks: Pool::default(),
            attention: Pool::default(),
            logits: Pool::default(),
            clock: StageClock::default(),
        }
    }

    pub fn thread_seconds(&self, stage: EngineStage) -> f64 {
        self.clock.thread_seconds(stage)
    }
}

/// One batch's rows.
#[derive(Debug, Default)]
pub struct BatchBuffers {
    /// `[tokens, hidden]`.
    pub x: Vec<f32>,
    /// Raw queries, keys and values side by side.
    pub qkv: Vec<f32>,
    /// `[tokens, heads * head_dim]`.
    pub mixed: Vec<f32>,
}

/// Scratch of one kind, as much as threads ever needed at once.
#[derive(Debug)]
pub struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool(Mutex::default())
    }
}

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
