//! What this machine can do at most, measured with the threads that will do the work: the register tile fed from the first
//! cache, and a walk through memory. Knows no model.

use super::EngineDevice;
use super::kernels::{AlignedWords, Arithmetic, Isa, Kernel, PackedRows};
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Words of depth of the measured tile. With 12 rows and 32 columns it takes 44 KiB, and where the first cache is smaller,
/// a twelfth of a vector's line from the second for each multiply-add.
const DEPTH_WORDS: usize = 256;
/// Tiles between two looks at the clock: some microseconds.
const TILES_PER_LOOK: usize = 16;
/// Shorter than a scheduler's turn, so that some windows belong to one thread alone even on a busy machine.
const WINDOW: Duration = Duration::from_millis(2);
const WINDOW_COUNT: usize = 250;
/// A thread is as fast as in this one of its windows, counted from the fastest. Other processes slow more windows down than
/// that, and do not pass for a slow machine; the few in which a neighbour of the same core rested do not pass for a fast one.
const WINDOW_RANK: usize = WINDOW_COUNT / 20;

/// Larger than any cache that a thread has to itself.
const BUFFER_BYTES: usize = 512 << 20;
const WALK_COUNT: usize = 5;

/// The fastest that a kernel's register tile was seen to run.
#[derive(Debug, Clone, PartialEq)]
pub struct TilePeak {
    /// Such as `avx512-bf16`.
    pub kernel_name: String,
    /// Of all threads together; a multiply-add is two operations.
    pub operations_per_second: f64,
    /// Threads that ran at once: those of the pool, or the cores where these are fewer.
    pub thread_count: usize,
}

impl TilePeak {
    /// Of the device's kernel; for candle's operations the best f32 tile that the CPU has. `None` off the CPU.
    pub fn measure(device: &EngineDevice) -> Option<Self> {
        if !device.is_cpu() {
            return None;
        }
        let kernel = device.kernel().unwrap_or_else(|| Kernel::new(Isa::all()[0], Arithmetic::F32));
        let rates = thread_rates(kernel);
        Some(TilePeak {
            kernel_name: kernel.name(),
            operations_per_second: rates.iter().sum(),
            thread_count: rates.len(),
        })
    }
}

/// Bytes that all threads together read from memory in a second; `None` off the CPU, or where there is no memory for it.
pub fn read_bandwidth(device: &EngineDevice) -> Option<f64> {
    if !device.is_cpu() {
        return None;
    }
    let mut words: Vec<u64> = Vec::new();
    words.try_reserve_exact(BUFFER_BYTES / size_of::<u64>()).ok()?;
    // Written, so that every page is there.
    words.resize(BUFFER_BYTES / size_of::<u64>(), 1);
    let part_len = words.len().div_ceil(rayon::current_num_threads());
    let walk = |thread: usize| {
        let part = words.chunks(part_len).nth(thread).unwrap_or_default();
        black_box(sum(part));
        size_of_val(part) as f64
    };
    best_rate(WALK_COUNT, walk)
}

/// Enough sums at once to keep loads in flight.
fn sum(words: &[u64]) -> u64 {
    let (lines, rest) = words.as_chunks::<32>();
    let mut sums = [0u64; 32];
    for line in lines {
        for (sum, word) in sums.iter_mut().zip(line) {
            *sum = sum.wrapping_add(*word);
        }
    }
    sums.iter().chain(rest).fold(0, |sum, word| sum.wrapping_add(*word))
}

/// Operations per second of each thread that has a core.
fn thread_rates(kernel: Kernel) -> Vec<f64> {
    let depth = DEPTH_WORDS * kernel.values_per_word();
    let mut rows = PackedRows::new(kernel);
    rows.reshape(kernel.tile_rows(), depth);
    for row in 0..kernel.tile_rows() {
        rows.set(row, 0, &vec![0.5; depth]);
    }
    let mut panel = AlignedWords::zeroed(DEPTH_WORDS * kernel.columns());
    panel.words_mut().fill(match kernel.arithmetic() {
        Arithmetic::F32 => 0.5f32.to_bits(),
        Arithmetic::Bf16 => super::kernels::bf16_word(0.5, 0.25),
    });
    let panel = &panel.words()[..DEPTH_WORDS * kernel.columns()];
    let tile_operations = (2 * kernel.tile_rows() * kernel.columns() * depth) as f64;
    let origin = Instant::now();
    let windows = rayon::broadcast(|_| {
        let mut windows = [0.0; WINDOW_COUNT];
        let mut start = origin.elapsed();
        while start < WINDOW * WINDOW_COUNT as u32 {
            for _ in 0..TILES_PER_LOOK {
                kernel.multiply(black_box(&rows), black_box(panel), &[], |_, _, sums| {
                    black_box(sums);
                });
            }
            let end = origin.elapsed();
            spread(&mut windows, start, end, TILES_PER_LOOK as f64 * tile_operations);
            start = end;
        }
        windows
    });
    // Threads beyond the cores take turns, and do no more together.
    let core_count = std::thread::available_parallelism().map_or(windows.len(), usize::from);
    let mut rates: Vec<f64> = windows.into_iter().map(thread_rate).collect();
    rates.sort_by(|a, b| b.total_cmp(a));
    rates.truncate(core_count);
    rates
}

/// Operations per second of one thread, from its windows.
fn thread_rate(mut windows: [f64; WINDOW_COUNT]) -> f64 {
    windows.sort_by(|a, b| b.total_cmp(a));
    windows[WINDOW_RANK] / WINDOW.as_secs_f64()
}

/// Shares an amount out over the windows in which it was done, evenly in time.
fn spread(windows: &mut [f64], start: Duration, end: Duration, amount: f64) {
    let place = |time: Duration| time.as_secs_f64() / WINDOW.as_secs_f64();
    let (start, end) = (place(start), place(end));
    for index in start as usize..=end as usize {
        if let Some(window) = windows.get_mut(index) {
            let inside = end.min(index as f64 + 1.0) - start.max(index as f64);
            *window += amount * inside / (end - start).max(f64::MIN_POSITIVE);
        }
    }
}

/// The largest amount per second that all threads together reached in one of several rounds. `work` gets its thread's index
/// and returns an amount. A round lasts from the first thread's start to the last one's end, so that threads which wait for
/// each other are not counted as if they did not.
fn best_rate(round_count: usize, work: impl Fn(usize) -> f64 + Sync) -> Option<f64> {
    let barrier = Barrier::new(rayon::current_num_threads());
    let round = || {
        let spans = rayon::broadcast(|context| {
            barrier.wait();
            let start = Instant::now();
            let amount = work(context.index());
            (start, Instant::now(), amount)
        });
        let start = spans.iter().map(|span| span.0).min()?;
        let end = spans.iter().map(|span| span.1).max()?;
        Some(spans.iter().map(|span| span.2).sum::<f64>() / (end - start).as_secs_f64())
    };
    (0..round_count).filter_map(|_| round()).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a pool of its own: threads of the common one may be busy with other tests until the windows are over.
    fn alone<T: Send>(measure: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().build().unwrap().install(measure)
    }

    #[test]
    fn every_kernel_has_a_peak() {
        for isa in Isa::all() {
            for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
                let kernel = Kernel::new(isa, arithmetic);
                let rate: f64 = alone(|| thread_rates(kernel)).iter().sum();
                assert!((1e7..1e15).contains(&rate), "{}: {rate} operations per second", kernel.name());
            }
        }
    }

    #[test]
    fn candle_is_held_against_the_best_f32_tile() {
        let device = EngineDevice::reference();
        let peak = alone(|| TilePeak::measure(&device));
        assert_eq!(
            peak.map(|peak| peak.kernel_name),
            Isa::all().first().map(|isa| format!("{}-f32", isa.name()))
        );
    }

    #[test]
    fn work_counts_where_it_was_done() {
        let mut windows = [0.0; 3];
        spread(&mut windows, WINDOW / 2, WINDOW * 2, 3.0);
        spread(&mut windows, WINDOW * 2, WINDOW * 4, 2.0);
        for (found, expected) in windows.iter().zip([1.0, 2.0, 1.0]) {
            assert!((found - expected).abs() < 1e-9, "{windows:?}");
        }
    }

    #[test]
    fn a_busy_machine_is_not_a_slow_one() {
        // Four of five windows were shared with others; in a few the neighbour rested.
        let windows = std::array::from_fn(|at| match at {
            0..5 => 2.0,
            5..50 => 1.0,
            _ => 0.4,
        });
        assert_eq!(thread_rate(windows), 1.0 / WINDOW.as_secs_f64());
    }

    #[test]
    fn memory_is_read_whole() {
        let words: Vec<u64> = (0..1000).collect();
        assert_eq!(sum(&words), 499_500);
        let rate = alone(|| read_bandwidth(&EngineDevice::from_name("cpu").unwrap())).unwrap();
        assert!((1e8..1e14).contains(&rate), "{rate} bytes per second");
    }
}
