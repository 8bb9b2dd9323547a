//! The metadata of a model's architecture, read to the end: what nobody asked for might change the mathematics and is refused
//! by name. Knows how keys are spelt, not what they mean.

use super::metadata::Metadata;
use super::value::FromValue;
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Keys that say nothing about what a forward pass over text computes: what the embedding's rows say too, how positions were
/// trained, where an old converter took tensors from, how sentence embeddings are pooled.
const INERT: &[&str] = &["vocab_size", "rope.scaling.finetuned", "tensor_data_layout", "pooling_type"];

/// Keys behind `general.architecture` and a dot.
pub struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Keys<'a> {
    /// # Errors
    /// Kind `Model` when the architecture is not told.
    pub fn new(metadata: &'a Metadata) -> Result<Self> {
        let architecture = metadata.require("general.architecture")?;
        Ok(Keys { metadata, architecture, read: RefCell::default() })
    }

    pub fn architecture(&self) -> &'a str {
        self.architecture
    }

    fn key(&self, name: &str) -> String {
        self.read.borrow_mut().insert(name.to_owned());
        format!("{}.{name}", self.architecture)
    }

    pub fn get<T: FromValue<'a>>(&self, name: &str) -> Result<Option<T>> {
        self.metadata.get(&self.key(name))
    }

    pub fn require<T: FromValue<'a>>(&self, name: &str) -> Result<T> {
        self.metadata.require(&self.key(name))
    }

    /// A finite number.
    pub fn number(&self, name: &str) -> Result<Option<f64>> {
        match self.get::<f64>(name)? {
            Some(number) if !number.is_finite() => Err(self.refuse(format!("metadata `{name}` is {number}"))),
            number => Ok(number),
        }
    }

    /// The same, above zero.
    pub fn positive(&self, name: &str) -> Result<Option<f64>> {
        match self.number(name)? {
            Some(number) if number <= 0.0 => Err(self.refuse(format!("metadata `{name}` is {number}"))),
            number => Ok(number),
        }
    }

    /// A number above zero, where 0 stands for none.
    pub fn positive_or_off(&self, name: &str) -> Result<Option<f64>> {
        match self.number(name)? {
            Some(0.0) => Ok(None),
            _ => self.positive(name),
        }
    }

    pub fn is_array(&self, name: &str) -> bool {
        self.metadata.is_array(&format!("{}.{name}", self.architecture))
    }

    /// One entry for each layer, or the same for all.
    pub fn by_layer<T: FromValue<'a> + Clone>(
        &self,
        name: &str,
        layer_count: usize,
    ) -> Result<Option<Vec<T>>> {
        if !self.is_array(name) {
            return Ok(self.get::<T>(name)?.map(|value| vec![value; layer_count]));
        }
        let values: Vec<T> = self.require(name)?;
        match values.len() == layer_count {
            true => Ok(Some(values)),
            false => Err(self
                .refuse(format!("metadata `{name}` has {} entries for {layer_count} layers", values.len()))),
        }
    }

    /// What is the same in all layers.
    pub fn of_all_layers(&self, name: &str, layer_count: usize) -> Result<Option<usize>> {
        let Some(values) = self.by_layer::<usize>(name, layer_count)? else { return Ok(None) };
        match values.iter().all(|value| *value == values[0]) {
            true => Ok(values.first().copied()),
            false => {
                Err(self.refuse(format!("`{name}` differs from layer to layer, which is not supported")))
            }
        }
    }

    /// Keys that were looked at by someone else, or have no effect here.
    pub fn pass_over(&self, name: &str) {
        self.key(name);
    }

    pub fn refuse(&self, message: impl Into<String>) -> Error {
        Error::model(message).at(self.metadata.path())
    }

    /// # Errors
    /// Kind `Model`, naming a key that nobody asked for.
    pub fn refuse_unread(&self) -> Result<()> {
        let prefix = format!("{}.", self.architecture);
        let read = self.read.borrow();
        let mut names = self.metadata.iter().filter_map(|(key, _)| key.strip_prefix(&prefix));
        match names.find(|name| !read.contains(*name) && !INERT.contains(name)) {
            None => Ok(()),
            Some(name) => Err(self.refuse(format!("metadata `{prefix}{name}` is not supported")).hint(
                "it may change what the model computes; use the model's own folder with its safetensors files",
            )),
        }
    }
}
