//! From estimates to verdicts: what was predicted, what the interval says, and of how many strata it has to hold.

use super::ContrastEstimate;
use crate::survey::{Prediction, Reach};
use std::fmt;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Supported,
    Contradicted,
    Undecided,
    /// The run cannot say anything about it, and why stands beside it.
    NotTested,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Supported => "supported",
            Verdict::Contradicted => "contradicted",
            Verdict::Undecided => "undecided",
            Verdict::NotTested => "not tested",
        })
    }
}

/// Unusable cells beyond this share leave too little to decide by.
const UNUSABLE_SHARE_MAX: f64 = 0.5;

/// The verdict of one stratum. Supported: the whole interval is where it was predicted to be. Contradicted: the whole interval is
/// where it was predicted not to be, for `Different` within the margin. Undecided: anything else, or half the cells unusable.
pub fn stratum_verdict(estimate: &ContrastEstimate, predicted: Prediction, margin: f64) -> Verdict {
    let Some(interval) = estimate.interval else { return Verdict::Undecided };
    if estimate.unusable_count as f64 > UNUSABLE_SHARE_MAX * estimate.cell_count as f64 {
        return Verdict::Undecided;
    }
    let (low, high) = match predicted {
        Prediction::Lower => (-interval.high, -interval.low),
        Prediction::Higher | Prediction::Different => (interval.low, interval.high),
    };
    let (supported, contradicted) = match predicted {
        Prediction::Higher | Prediction::Lower => (low > margin, high < margin),
        Prediction::Different => (low > margin || high < -margin, low > -margin && high < margin),
    };
    match (supported, contradicted) {
        (true, _) => Verdict::Supported,
        (false, true) => Verdict::Contradicted,
        (false, false) => Verdict::Undecided,
    }
}

/// The verdict over all strata.
pub fn overall_verdict(strata: &[Verdict], reach: Reach) -> Verdict {
    let all = |verdict| !strata.is_empty() && strata.iter().all(|found| *found == verdict);
    let any = |verdict| strata.contains(&verdict);
    let (supported, contradicted) = match reach {
        Reach::Every => (all(Verdict::Supported), any(Verdict::Contradicted)),
        Reach::Any => (any(Verdict::Supported), all(Verdict::Contradicted)),
    };
    match (supported, contradicted) {
        (true, _) => Verdict::Supported,
        (false, true) => Verdict::Contradicted,
        (false, false) if strata.is_empty() => Verdict::NotTested,
        (false, false) => Verdict::Undecided,
    }
}
