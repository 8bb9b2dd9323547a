//! From data to drawing units along one axis, with round ticks.

use crate::elementary::{log10, pow};

/// A linear axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Maps `low..=high` to `start..=end`; `start` may lie right of or below `end`.
    pub fn new((low, high): (f64, f64), (start, end): (f64, f64)) -> Self {
        Scale { low, high, start, end }
    }

    /// Values outside the range are drawn at its edge.
    pub fn at(&self, value: f64) -> f64 {
        let range = self.high - self.low;
        let share = if range > 0.0 { ((value - self.low) / range).clamp(0.0, 1.0) } else { 0.0 };
        self.start + share * (self.end - self.start)
    }

    /// Round values inside the range, about `count` steps; none where the range is no number.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        let step = round_step((self.high - self.low) / count.max(1) as f64);
        let first = (self.low / step - 1e-9).ceil();
        let last = (self.high / step + 1e-9).floor();
        // A step is a few times the range over `count`: more would be ends so near or far that they are no numbers.
        let is_drawn = (0.0..=2.0 * count as f64 + 2.0).contains(&(last - first));
        if !is_drawn {
            return Vec::new();
        }
        (0..=(last - first) as i64).map(|index| (first + index as f64) * step).collect()
    }
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `least`.
pub fn round_step(least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = pow(10.0, log10(least).floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// The least multiple of a round step at or above `value`, for an axis that starts at 0.
pub fn round_up(value: f64) -> f64 {
    let step = round_step(value / 4.0);
    (value / step - 1e-9).ceil() * step
}
