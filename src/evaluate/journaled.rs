//! Readouts as bytes of a journal, and back: to the bit, with every length checked.

use crate::engine::{Ranking, ReadoutLogits};
use crate::error::{Error, Result};

/// A readout's number and what was read.
pub type NumberedReadout = (usize, ReadoutLogits);

/// What a batch of one branch has read, by numbers within it.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchReadouts {
    pub branch: usize,
    pub readouts: Vec<NumberedReadout>,
}

/// The readouts of a batch.
pub fn encode(batch: &BranchReadouts) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    bytes.len(batch.branch);
    bytes.len(batch.readouts.len());
    for (number, read) in &batch.readouts {
        bytes.len(*number);
        bytes.floats(&read.wanted);
        bytes.floats(&read.log_sum_exp);
        bytes.float(read.log_total);
        bytes.floats(&read.entropies);
        bytes.float(read.entropy);
        bytes.len(read.top.len());
        for (id, log_prob) in &read.top {
            bytes.int(*id);
            bytes.float(*log_prob);
        }
        bytes.len(usize::from(read.ranking.is_some()));
        if let Some(ranking) = &read.ranking {
            bytes.ints(&ranking.nucleus_sizes);
            bytes.ints(&ranking.wanted_ranks);
        }
    }
    bytes.0
}

/// # Errors
/// Kind `Output` for bytes that [`encode`] has not written.
pub fn decode(bytes: &[u8]) -> Result<BranchReadouts> {
    let mut rest = Rest(bytes);
    let read = (|| {
        let (branch, count) = (rest.len()?, rest.len()?);
        let readouts = (0..count).map(|_| rest.readout()).collect::<Option<Vec<_>>>()?;
        rest.0.is_empty().then_some(BranchReadouts { branch, readouts })
    })();
    read.ok_or_else(|| Error::output("a record of the journal is not one of readouts"))
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn int(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    fn len(&mut self, value: usize) {
        self.0.extend((value as u64).to_le_bytes());
    }

    fn float(&mut self, value: f64) {
        self.0.extend(value.to_le_bytes());
    }

    fn ints(&mut self, values: &[u32]) {
        self.len(values.len());
        values.iter().for_each(|value| self.int(*value));
    }

    fn floats(&mut self, values: &[f64]) {
        self.len(values.len());
        values.iter().for_each(|value| self.float(*value));
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn int(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn len(&mut self) -> Option<usize> {
        self.take().map(u64::from_le_bytes).and_then(|len| usize::try_from(len).ok())
    }

    fn float(&mut self) -> Option<f64> {
        self.take().map(f64::from_le_bytes)
    }

    /// Collecting stops at the first that is not there, so a lying length costs nothing.
    fn ints(&mut self) -> Option<Vec<u32>> {
        let count = self.len()?;
        (0..count).map(|_| self.int()).collect()
    }

    fn floats(&mut self) -> Option<Vec<f64>> {
        let count = self.len()?;
        (0..count).map(|_| self.float()).collect()
    }

    fn readout(&mut self) -> Option<NumberedReadout> {
        let number = self.len()?;
        let (wanted, log_sum_exp, log_total) = (self.floats()?, self.floats()?, self.float()?);
        let (entropies, entropy) = (self.floats()?, self.float()?);
        let top_count = self.len()?;
        let top = (0..top_count).map(|_| Some((self.int()?, self.float()?))).collect::<Option<Vec<_>>>()?;
        let ranking = match self.len()? {
            0 => None,
            1 => Some(Ranking { nucleus_sizes: self.ints()?, wanted_ranks: self.ints()? }),
            _ => return None,
        };
        Some((number, ReadoutLogits { wanted, log_sum_exp, log_total, entropies, entropy, top, ranking }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_readout() -> impl Strategy<Value = NumberedReadout> {
        let floats = || prop::collection::vec(-1e9..1e9f64, 0..4);
        let ints = || prop::collection::vec(any::<u32>(), 0..4);
        let top = prop::collection::vec((any::<u32>(), -90.0..0.0f64), 0..3);
        (0..1000usize, floats(), floats(), floats(), top, prop::option::of((ints(), ints()))).prop_map(
            |(number, wanted, log_sum_exp, entropies, top, ranking)| {
                let ranking =
                    ranking.map(|(nucleus_sizes, wanted_ranks)| Ranking { nucleus_sizes, wanted_ranks });
                let (log_total, entropy) = (0.1 + 0.2, -0.0);
                (number, ReadoutLogits { wanted, log_sum_exp, log_total, entropies, entropy, top, ranking })
            },
        )
    }

    proptest! {
        #[test]
        fn readouts_come_back_to_the_bit(branch in 0..9usize, readouts in prop::collection::vec(any_readout(), 0..4)) {
            let batch = BranchReadouts { branch, readouts };
            let bytes = encode(&batch);
            let found = decode(&bytes).unwrap();
            prop_assert_eq!(encode(&found), bytes);
            prop_assert_eq!(found, batch);
        }

        #[test]
        fn other_bytes_are_refused_and_cost_nothing(
            readouts in prop::collection::vec(any_readout(), 1..3), cut in 1..20usize, noise in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let bytes = encode(&BranchReadouts { branch: 3, readouts });
            prop_assert!(decode(&bytes[..bytes.len() - cut.min(bytes.len())]).is_err());
            prop_assert!(decode(&[&bytes[..], b"x"].concat()).is_err());
            let _ = decode(&noise);
        }
    }
}
