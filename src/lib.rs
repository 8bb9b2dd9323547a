//! `respondent`: a language model answers a survey; its whole answer is read off the logits and held against people.
//!
//! ```text
//! study ─▶ cells ─▶ prompts ─▶ token ids ─▶ prefix trie ─▶ packed batches ─▶ decoder ─▶ readouts
//!                                                                                          │
//! human data ─▶ marginals ─▶ comparisons ◀─────────────── response distributions ◀─────────┘
//!                                 └─▶ Parquet, manifest, report
//! ```
//!
//! The modules below stand in the order in which data passes them. One prompt through the built-in control:
//!
//! ```
//! use respondent::engine::{EngineDevice, Prefill, ReadoutRequest, ReadoutScope, ReadoutSettings};
//! use respondent::evaluate::Speaker;
//! use respondent::models::{ModelFolder, load};
//! use respondent::packing::PrefixTrie;
//! use respondent::prompts::PromptSettings;
//! use respondent::tokens::TextKind;
//!
//! let folder = ModelFolder::find("control")?;
//! let speaker = Speaker::open(&folder, &PromptSettings::default())?;
//! let model = load(&folder, &speaker.files.config, &EngineDevice::from_name("cpu")?, &|_, _| ())?;
//! let ids = speaker.tokenizer.encode_text("Answer:", TextKind::Plain)?;
//! let trie = PrefixTrie::new(&[model.decoder.config().sequence(&ids, &[])]);
//! let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0] };
//! let requests = [ReadoutRequest::new(&[0, 1]).naming(3)];
//! for batch in Prefill::new(&model.decoder, &trie, &requests, &settings, 2048) {
//!     let (_, readout) = &batch?.readouts[0];
//!     assert_eq!((readout.wanted.len(), readout.top.len()), (2, 3));
//! }
//! # Ok::<(), respondent::error::Error>(())
//! ```

#![deny(unsafe_code)]
#![warn(clippy::undocumented_unsafe_blocks)]

pub mod error;

mod data_folder;

mod elementary;

mod guard;

mod spanned;

mod partial_file;

mod system_memory;

pub mod survey;

pub mod prompts;

pub mod human_data;

pub mod tokens;

pub mod packing;

pub mod engine;

pub mod models;

pub mod scoring;

pub mod compare;

pub mod output;

pub mod report;

pub mod evaluate;

pub mod benchmark;

pub mod bundle;

pub mod cli;
