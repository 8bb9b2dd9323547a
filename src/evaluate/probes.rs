//! Option probes, each made once: thousands of cells have the same few.

use super::Speaker;
use crate::error::Result;
use crate::scoring::OptionProbe;
use crate::tokens::{EncodedForm, EncodedPrompt, option_events};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Probes by what they are made from: forms and openings, and the options' names, which refusals tell.
#[derive(Default)]
pub struct Probes {
    known: RwLock<HashMap<ProbeKey, Arc<OptionProbe>>>,
}

type ProbeKey = (Vec<EncodedForm>, Vec<EncodedForm>, Vec<String>);

impl Probes {
    /// The probe of an encoded prompt.
    ///
    /// # Errors
    /// Kind `Study` when options cannot be told apart, kind `Model` when tokens cannot be read.
    pub fn of(
        &self,
        speaker: &Speaker,
        prompt: &EncodedPrompt,
        names: &[String],
    ) -> Result<Arc<OptionProbe>> {
        let key = (prompt.forms.clone(), prompt.openings.clone(), names.to_vec());
        // A poisoned lock only means that another thread died; entries are inserted whole.
        if let Some(probe) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(probe.clone());
        }
        let claims = speaker.tokenizer.claims(prompt)?;
        let made = Arc::new(OptionProbe::new(option_events(&claims, names)?));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Ok(known.entry(key).or_insert(made).clone())
    }
}
