//! Parts of fused tensors, and what is read of a tensor while names are looked up.

use crate::engine::{Projection, StoredMatrix};
use crate::error::{Error, Result};
use candle_core::{DType, Tensor};
use rayon::prelude::*;
use std::ops::Range;

/// All values in a row, as f32.
pub fn plain(matrix: &StoredMatrix) -> Result<Tensor> {
    Ok(matrix.to_tensor()?.flatten_all()?.to_dtype(DType::F32)?)
}

/// Consecutive rows as projections of their own.
pub fn split<const COUNT: usize>(fused: &Projection, sizes: [usize; COUNT]) -> Result<[Projection; COUNT]> {
    let mut start = 0;
    let ranges = sizes.map(|size| {
        start += size;
        start - size..start
    });
    let part = |rows: Range<usize>| -> Result<Projection> {
        let of_bias = |bias: &Tensor| bias.narrow(0, rows.start, rows.len())?.contiguous();
        let bias = fused.bias.as_ref().map(of_bias).transpose()?;
        Ok(Projection { weight: fused.weight.part(rows), bias })
    };
    Ok(array(ranges.into_iter().map(part).collect::<Result<Vec<_>>>()?))
}

/// Rows that stand together by head (a query's, a key's, a value's) sorted by what they are, in memory.
pub fn split_by_head(fused: &Projection, head_count: usize) -> Result<[Projection; 3]> {
    let weight = fused.weight.to_tensor()?;
    let sorted = |tensor: &Tensor, part: usize| -> candle_core::Result<Tensor> {
        let row_count = tensor.dim(0)? / (3 * head_count);
        let width = tensor.elem_count() / tensor.dim(0)?;
        let by_head = tensor.reshape((head_count, 3, row_count, width))?;
        by_head.narrow(1, part, 1)?.contiguous()?.reshape((head_count * row_count, width))
    };
    let part = |part: usize| -> Result<Projection> {
        let of_bias = |bias: &Tensor| sorted(bias, part)?.flatten_all();
        let bias = fused.bias.as_ref().map(of_bias).transpose()?;
        Ok(Projection { weight: StoredMatrix::from_tensor(&sorted(&weight, part)?)?, bias })
    };
    Ok([part(0)?, part(1)?, part(2)?])
}

fn array<T, const COUNT: usize>(items: Vec<T>) -> [T; COUNT] {
    items.try_into().unwrap_or_else(|_| unreachable!("as many parts as sizes"))
}

/// Some checkpoints store a tied matrix a second time. A different one means that the config is wrong about the tie.
pub fn refuse_other_lm_head(name: &str, second: &StoredMatrix, embedding: &StoredMatrix) -> Result<()> {
    /// Rows that a thread compares at a time.
    const ROW_COUNT: usize = 64;
    let (row_count, column_count) = embedding.dims();
    let values = |matrix: &StoredMatrix, first: usize| -> Result<Vec<f32>> {
        let mut bytes = Vec::new();
        matrix.read(first..row_count.min(first + ROW_COUNT), &mut bytes)?;
        matrix.format().to_f32(&bytes, column_count)
    };
    let firsts: Vec<usize> = (0..row_count).step_by(ROW_COUNT).collect();
    let is_same = |first| -> Result<bool> { Ok(values(second, first)? == values(embedding, first)?) };
    let same = firsts.into_par_iter().map(is_same);
    if same.try_reduce(|| true, |a, b| Ok(a && b))? {
        return Ok(());
    }
    Err(Error::model(format!("tie_word_embeddings is true, but `{name}` differs from the embeddings"))
        .hint("set tie_word_embeddings in config.json to what the model was trained with"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Each row holds its own number, and so does the bias.
    fn numbered(row_count: usize) -> Projection {
        let rows: Vec<f32> = (0..row_count).map(|row| row as f32).collect();
        let bias = Tensor::from_vec(rows, row_count, &Device::Cpu).unwrap();
        let weight = bias.reshape((row_count, 1)).unwrap().repeat((1, 2)).unwrap();
        Projection { weight: StoredMatrix::from_tensor(&weight).unwrap(), bias: Some(bias) }
    }

    fn row_numbers(part: &Projection) -> Vec<f32> {
        let weight = part.weight.to_tensor().unwrap().to_vec2::<f32>().unwrap();
        let bias = part.bias.as_ref().unwrap().to_vec1::<f32>().unwrap();
        assert!(weight.iter().zip(&bias).all(|(row, bias)| row == &[*bias, *bias]), "weight and bias agree");
        bias
    }

    #[test]
    fn fused_rows_come_apart() {
        let parts = split(&numbered(6), [3, 1, 2]).unwrap();
        assert_eq!(parts.each_ref().map(row_numbers), [vec![0., 1., 2.], vec![3.], vec![4., 5.]]);
        let by_head = split_by_head(&numbered(12), 2).unwrap();
        let expected = [vec![0., 1., 6., 7.], vec![2., 3., 8., 9.], vec![4., 5., 10., 11.]];
        assert_eq!(by_head.each_ref().map(row_numbers), expected);
    }
}
