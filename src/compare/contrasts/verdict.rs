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

/// With more than this share of its cells left out, a side is too little to decide by.
const LEFT_OUT_SHARE_MAX: f64 = 0.5;

/// The verdict of one stratum. Supported: the whole interval is where it was predicted to be. Contradicted: the whole interval is
/// where it was predicted not to be, for `Different` within the margin. Undecided: anything else, or half the cells of a side left
/// out.
///
/// Where one stratum is enough to decide for all, the joint interval is asked: to support `any`, and to contradict `every`.
pub fn stratum_verdict(
    estimate: &ContrastEstimate,
    predicted: Prediction,
    margin: f64,
    reach: Reach,
) -> Verdict {
    let (Some(own), Some(joint)) = (estimate.interval, estimate.joint_interval) else {
        return Verdict::Undecided;
    };
    if estimate.left_out_share_max > LEFT_OUT_SHARE_MAX {
        return Verdict::Undecided;
    }
    let (to_support, to_contradict) = match reach {
        Reach::Every => (own, joint),
        Reach::Any => (joint, own),
    };
    let supported = match predicted {
        Prediction::Higher => to_support.low > margin,
        Prediction::Lower => to_support.high < -margin,
        Prediction::Different => to_support.low > margin || to_support.high < -margin,
    };
    let contradicted = match predicted {
        Prediction::Higher => to_contradict.high < margin,
        Prediction::Lower => to_contradict.low > -margin,
        Prediction::Different => to_contradict.low > -margin && to_contradict.high < margin,
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
