//! A buffer of words on cache-line boundaries, so that a vector load never straddles two lines.

/// One cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; 16]);

/// Zeroed words, aligned to 64 bytes. Its length is a multiple of 16.
#[derive(Debug, Clone, Default)]
pub struct AlignedWords {
    lines: Vec<Line>,
}

impl AlignedWords {
    /// At least `count` words.
    pub fn zeroed(count: usize) -> Self {
        AlignedWords { lines: vec![Line([0; 16]); count.div_ceil(16)] }
    }

    /// Makes room for `count` words; what was there before stays.
    pub fn ensure(&mut self, count: usize) {
        self.lines.resize(count.div_ceil(16).max(self.lines.len()), Line([0; 16]));
    }

    pub fn words(&self) -> &[u32] {
        // SAFETY: a `Line` is 16 initialised words without padding (size 64, alignment 64), so the vector's memory is
        // `16 * len` words; the borrow is that of `self`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 16) }
    }

    pub fn words_mut(&mut self) -> &mut [u32] {
        // SAFETY: as above; the borrow is exclusive, and every bit pattern is a valid word.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * 16) }
    }

    pub fn floats(&self) -> &[f32] {
        // SAFETY: as above; f32 has the size and alignment of u32, and every bit pattern is a valid f32.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 16) }
    }

    pub fn floats_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * 16) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_aligned_and_zero() {
        let mut words = AlignedWords::zeroed(33);
        assert_eq!((words.words().len(), words.words().as_ptr() as usize % 64), (48, 0));
        assert!(words.words().iter().all(|&word| word == 0));
        words.floats_mut()[47] = 1.0;
        assert_eq!(words.words()[47], 1f32.to_bits());
        words.ensure(7);
        assert_eq!(words.words().len(), 48);
    }
}
