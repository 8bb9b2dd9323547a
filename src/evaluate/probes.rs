//! Option probes, each made once: thousands of cells have the same few.

use super::Speaker;
use crate::error::Result;
use crate::scoring::OptionProbe;
use crate::tokens::{EncodedForm, option_events};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Probes by what they are made from: the forms, and the options' names, which refusals tell.
#[derive(Default)]
pub struct Probes {
    known: RwLock<HashMap<ProbeKey, Arc<OptionProbe>>>,
}

type ProbeKey = (Vec<EncodedForm>, Vec<String>);

impl Probes {
    /// The probe of a prompt's forms.
    ///
    /// # Errors
    /// Kind `Study` when options cannot be told apart, kind `Model` when tokens cannot be read.
    pub fn of(
        &self,
        speaker: &Speaker,
        forms: Vec<EncodedForm>,
        names: Vec<String>,
    ) -> Result<Arc<OptionProbe>> {
        let key = (forms, names);
        // A poisoned lock only means that another thread died; entries are inserted whole.
        if let Some(probe) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(probe.clone());
        }
        let claims = speaker.tokenizer.claims(&key.0)?;
        let made = Arc::new(OptionProbe::new(option_events(&claims, &key.1)?));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Ok(known.entry(key).or_insert(made).clone())
    }
}
