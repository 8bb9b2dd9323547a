//! Numbers as the page prints them: fixed decimals, a true minus sign, grouped thousands.

/// `decimals` digits behind the point. What rounds to zero has no sign.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| matches!(c, '0' | '.')) => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// As [`fixed`], with a plus sign on what rounds to more than zero.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
    if is_zero || text.starts_with('−') { text } else { format!("+{text}") }
}

/// `12,345`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage.
pub fn percent(share: f64, decimals: usize) -> String {
    format!("{} %", fixed(100.0 * share, decimals))
}

/// A temperature or another short decimal, without trailing zeros.
pub fn plain(value: f64) -> String {
    let text = fixed(value, 3);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1 item`, `2 items`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_true_and_never_stand_before_zero() {
        assert_eq!(fixed(-0.126, 2), "−0.13");
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(signed(0.126, 2), "+0.13");
        assert_eq!(signed(0.001, 2), "0.00");
        assert_eq!(signed(-0.5, 1), "−0.5");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "cell"), "1 cell");
        assert_eq!(counted(1890, "cell"), "1,890 cells");
    }

    #[test]
    fn temperatures_lose_their_trailing_zeros() {
        assert_eq!([1.0, 0.25, 1.5].map(plain), ["1", "0.25", "1.5"]);
        assert_eq!(percent(0.8674, 1), "86.7 %");
    }
}
