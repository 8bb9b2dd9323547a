//! Weights of a small Llama, set one by one: attention heads that fetch flags, and gated neurons that are AND gates.
//! Knows nothing of surveys.

use std::ops::Range;

/// Heads and their width. RoPE turns dimension i against i + HEAD_DIM / 2.
pub const HEAD_COUNT: usize = 8;
pub const HEAD_DIM: usize = 16;
/// So large that the last pair of dimensions turns by less than a thousandth over the longest prompt.
pub const ROPE_THETA: f64 = 1e8;
const UNTURNED: usize = HEAD_DIM / 2 - 1;

/// The value of the constant dimension. A power of two, so that biases divided by it stay exact; large, so that the
/// other dimensions do not move the norm (their squares sum to less than a millionth of its).
pub const CONSTANT: f64 = 32_768.0;

/// Query and key of a match: their product over √HEAD_DIM is 64 nats, and everything that does not match has 0.
const MATCH: f64 = 16.0;

/// How sharply a gate opens: one flag more or less is this many units of the SiLU's argument.
const SHARPNESS: f64 = 80.0;
/// What an open gate yields: SiLU is the identity this far out, and −1e-16 on the other side.
const OPEN: f64 = SHARPNESS / 2.0;

/// `[rows, columns]`, row by row.
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f32>,
}

impl Matrix {
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Matrix { rows, columns, values: vec![0.0; rows * columns] }
    }

    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.columns + column] += value as f32;
    }
}

/// A weighted sum of dimensions and a bias.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    pub terms: Vec<(usize, f64)>,
    pub bias: f64,
}

impl Sum {
    pub fn bias(bias: f64) -> Self {
        Sum { terms: Vec::new(), bias }
    }
}

/// One gated neuron: where the gate is open, `up` is added to the dimensions in `down`, times their factors.
struct Neuron {
    gate: Sum,
    up: Sum,
    down: Vec<(usize, f64)>,
}

/// Copies flags from the rows where they are set to every row that comes later, averaged over those rows.
struct Head {
    flags: Range<usize>,
    copies: Range<usize>,
    /// A row holds something to copy where one of these is set.
    keys: Range<usize>,
}

/// One transformer block in the making.
#[derive(Default)]
pub struct Block {
    heads: Vec<Head>,
    neurons: Vec<Neuron>,
}

impl Block {
    /// # Panics
    /// If there are more heads, or more flags in one, than the shape has room for.
    pub fn fetch(&mut self, flags: Range<usize>, copies: Range<usize>, keys: Range<usize>) {
        assert!(self.heads.len() < HEAD_COUNT && flags.len() <= HEAD_DIM, "the heads have no more room");
        self.heads.push(Head { flags, copies, keys });
    }

    /// Opens where every group of `all` has one flag set and none of `none` is.
    pub fn when(&mut self, all: &[Vec<usize>], none: &[usize], up: Sum, down: Vec<(usize, f64)>) {
        let wanted = all.iter().flatten().map(|&dim| (dim, SHARPNESS));
        let unwanted = none.iter().map(|&dim| (dim, -SHARPNESS));
        let gate =
            Sum { terms: wanted.chain(unwanted).collect(), bias: -SHARPNESS * (all.len() as f64 - 0.5) };
        self.neurons.push(Neuron { gate, up, down });
    }

    pub fn neuron_count(&self) -> usize {
        self.neurons.len()
    }

    /// Tensors of this block by the end of their names, for a residual stream of `hidden` dimensions of which
    /// `constant` is the constant one.
    pub fn tensors(&self, hidden: usize, neurons: usize, constant: usize) -> Vec<(&'static str, Matrix)> {
        let width = HEAD_COUNT * HEAD_DIM;
        let mut q = Matrix::zeros(width, hidden);
        let mut k = Matrix::zeros(width, hidden);
        let mut v = Matrix::zeros(width, hidden);
        let mut o = Matrix::zeros(hidden, width);
        for (index, head) in self.heads.iter().enumerate() {
            let first = index * HEAD_DIM;
            q.add(first + UNTURNED, constant, MATCH / CONSTANT);
            head.keys.clone().for_each(|key| k.add(first + UNTURNED, key, MATCH));
            for (place, (flag, copy)) in head.flags.clone().zip(head.copies.clone()).enumerate() {
                v.add(first + place, flag, 1.0);
                o.add(copy, first + place, 1.0);
            }
        }
        let mut gate = Matrix::zeros(neurons, hidden);
        let mut up = Matrix::zeros(neurons, hidden);
        let mut down = Matrix::zeros(hidden, neurons);
        for (index, neuron) in self.neurons.iter().enumerate() {
            add_sum(&mut gate, index, &neuron.gate, constant);
            add_sum(&mut up, index, &neuron.up, constant);
            neuron.down.iter().for_each(|&(dim, factor)| down.add(dim, index, factor / OPEN));
        }
        vec![
            ("self_attn.q_proj", q),
            ("self_attn.k_proj", k),
            ("self_attn.v_proj", v),
            ("self_attn.o_proj", o),
            ("mlp.gate_proj", gate),
            ("mlp.up_proj", up),
            ("mlp.down_proj", down),
        ]
    }
}

/// Makes a row of a matrix compute a sum, besides what it computes already.
pub fn add_sum(matrix: &mut Matrix, row: usize, sum: &Sum, constant: usize) {
    for &(dim, weight) in &sum.terms {
        matrix.add(row, dim, weight);
    }
    if sum.bias != 0.0 {
        matrix.add(row, constant, sum.bias / CONSTANT);
    }
}

/// The weight of every RMSNorm: what undoes the division by the root mean square that the constant dimension makes.
pub fn norm_weight(hidden: usize) -> Vec<f32> {
    vec![(CONSTANT / (hidden as f64).sqrt()) as f32; hidden]
}
