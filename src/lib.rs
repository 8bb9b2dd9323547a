//! `respondent`: a language model answers a survey; its whole answer is read off the logits and held against people.

pub mod error;

mod data_folder;

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

pub mod cli;
