//! Buffers of words on cache-line boundaries, so that a vector load never straddles two lines: small ones that grow, and large
//! ones that are filled once.

use memmap2::MmapMut;

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

/// Zeroed words for a matrix. The system gives the memory page by page as threads write to it, in large pages where it has
/// them: no thread clears it beforehand, and walks through it need few translations.
#[derive(Debug)]
pub struct MatrixWords {
    pages: MmapMut,
}

impl MatrixWords {
    /// At least `count` words.
    ///
    /// # Errors
    /// When the system has no such memory.
    pub fn zeroed(count: usize) -> std::io::Result<Self> {
        let pages = MmapMut::map_anon(count.max(1).next_multiple_of(16) * size_of::<u32>())?;
        #[cfg(target_os = "linux")]
        if let Err(refusal) = pages.advise(memmap2::Advice::HugePage) {
            // A kernel without large pages says EINVAL, and small pages do as well.
            debug_assert_eq!(refusal.kind(), std::io::ErrorKind::InvalidInput);
        }
        Ok(MatrixWords { pages })
    }

    pub fn words(&self) -> &[u32] {
        // SAFETY: the mapping is anonymous and private, so its bytes are initialised (zero or what was written) and nobody
        // else changes them; it begins at a page and holds whole words; the borrow is that of `self`.
        unsafe { std::slice::from_raw_parts(self.pages.as_ptr().cast(), self.pages.len() / 4) }
    }

    pub fn words_mut(&mut self) -> &mut [u32] {
        // SAFETY: as above; the borrow is exclusive, and every bit pattern is a valid word.
        unsafe { std::slice::from_raw_parts_mut(self.pages.as_mut_ptr().cast(), self.pages.len() / 4) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrix_words_are_aligned_and_zero() {
        for count in [0, 1, 16, 5000] {
            let mut words = MatrixWords::zeroed(count).unwrap();
            assert!(
                words.words().len() >= count.max(1) && (words.words().as_ptr() as usize).is_multiple_of(64)
            );
            assert!(words.words().iter().all(|&word| word == 0));
            words.words_mut().fill(7);
            assert!(words.words().iter().all(|&word| word == 7));
        }
        assert!(MatrixWords::zeroed(1 << 58).is_err());
    }

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
