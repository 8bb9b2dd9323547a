"""Writes gguf/: small GGUF files and the values of their tensors, as the gguf package and ggml's own library see them.

Knows nothing about the Rust code. Random tensors are blocks of random bytes with sane scales, so that every code, scale and
sign occurs; quantised ones are what llama.cpp makes of a normal distribution. Every value is computed twice, by
gguf.quants and by ggml's C code, and both have to give the same bits.

    python make_gguf.py
"""

import ctypes
import json
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType, quants

OUT = Path(__file__).parent / "gguf"
ROWS, COLUMNS = 4, 256

# Where each type has its 16-bit floats.
SCALES = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}
UNREADABLE = ["IQ1_S", "IQ2_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4", "Q8_K", "F64", "I32"]

ggml = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))
ggml.ggml_type_name.restype = ctypes.c_char_p
ggml.ggml_blck_size.restype = ctypes.c_int64
ggml.ggml_type_size.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def dequantised(blocks: np.ndarray, kind: GGMLQuantizationType) -> np.ndarray:
    """As f32, the same bits from both implementations."""
    values = np.ascontiguousarray(quants.dequantize(blocks, kind))
    other = np.zeros_like(values)
    function = {"F16": "ggml_fp16_to_fp32_row", "BF16": "ggml_bf16_to_fp32_row"}.get(kind.name)
    function = function or "dequantize_row_" + kind.name.lower().replace("_k", "_K")
    if kind != GGMLQuantizationType.F32:
        data = np.ascontiguousarray(blocks)
        getattr(ggml, function)(pointer(data), pointer(other), ctypes.c_int64(values.size))
        assert np.array_equal(values.view(np.uint32), other.view(np.uint32)), kind.name
    return values


def random_blocks(rng: np.random.Generator, kind: GGMLQuantizationType) -> np.ndarray:
    block_len, block_bytes = GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (ROWS * COLUMNS // block_len, block_bytes), dtype=np.uint8)
    for at in SCALES[kind.name]:
        exponents = rng.uniform(-14, 2, len(blocks))
        scales = (rng.choice([-1, 1], len(blocks)) * 2**exponents).astype(np.float16)
        if block_len == 32:
            # Zeros of both signs, a subnormal number, the largest.
            scales[:4] = np.array([0.0, -0.0, -6e-8, 65504.0], dtype=np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, -1)


def quantised(values: np.ndarray, kind: GGMLQuantizationType) -> np.ndarray:
    """By gguf.quants; the K types, which it cannot make, by llama.cpp."""
    if not kind.name.endswith("_K"):
        return quants.quantize(values, kind)
    block_len, block_bytes = GGML_QUANT_SIZES[kind]
    blocks = np.zeros((ROWS, COLUMNS // block_len * block_bytes), dtype=np.uint8)
    rows = [ctypes.c_int64(number) for number in (0, ROWS, COLUMNS)]
    written = ggml.ggml_quantize_chunk(ctypes.c_int(kind), pointer(values), pointer(blocks), *rows, None)
    assert written == blocks.nbytes
    return blocks


def write(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_types() -> None:
    """Every readable type, and the values one behind the other in the order of the tensors."""
    rng = np.random.default_rng(20250101)
    writer = gguf.GGUFWriter(OUT / "types.gguf", "llama")
    expected = []

    def add(name: str, blocks: np.ndarray, kind: GGMLQuantizationType, values: np.ndarray) -> None:
        raw_dtype = None if blocks.dtype != np.uint8 else kind
        writer.add_tensor(f"{name}.{kind.name}", blocks, raw_dtype=raw_dtype)
        expected.append(values.ravel())

    for name in SCALES:
        kind = GGMLQuantizationType[name]
        blocks = random_blocks(rng, kind)
        add("random", blocks, kind, dequantised(blocks, kind))
        values = (0.05 * rng.standard_normal((ROWS, COLUMNS))).astype(np.float32)
        blocks = quantised(values, kind)
        values_back = dequantised(blocks, kind)
        assert np.abs(values_back - values).max() < 0.08, name
        add("quantised", blocks, kind, values_back)
    plain = rng.standard_normal((3, 5)).astype(np.float32)
    for name in ["F32", "F16", "BF16"]:
        kind = GGMLQuantizationType[name]
        blocks = quants.quantize(plain, kind)
        add("plain", blocks, kind, dequantised(blocks, kind))
    kind = GGMLQuantizationType.Q8_0
    blocks = quants.quantize(rng.standard_normal((2, 3, 64)).astype(np.float32), kind)
    add("experts", blocks, kind, dequantised(blocks, kind))
    add("vector", plain[0], GGMLQuantizationType.F32, plain[0])
    write(writer)
    np.concatenate(expected).astype("<f4").tofile(OUT / "types.f32")


def make_unreadable() -> None:
    """Types that are known and not read as weights, around one that is."""
    writer = gguf.GGUFWriter(OUT / "unreadable.gguf", "llama")
    for name in UNREADABLE:
        kind = GGMLQuantizationType[name]
        block_len, block_bytes = GGML_QUANT_SIZES[kind]
        writer.add_tensor(name, np.ones((2, 256 // block_len * block_bytes), dtype=np.uint8), raw_dtype=kind)
    writer.add_tensor("readable", np.arange(4, dtype=np.float32))
    write(writer)


def make_metadata() -> None:
    """A value of every type, arrays, arrays of arrays; tensors aligned to 64 bytes; a vocabulary."""
    writer = gguf.GGUFWriter(OUT / "metadata.gguf", "llama")
    writer.add_custom_alignment(64)
    numbers = {
        "UINT8": 255,
        "INT8": -128,
        "UINT16": 65535,
        "INT16": -32768,
        "UINT32": 4294967295,
        "INT32": -2147483648,
        "FLOAT32": 0.1,
        "UINT64": 18446744073709551615,
        "INT64": -9223372036854775808,
        "FLOAT64": 0.1,
        "BOOL": True,
    }
    for name, value in numbers.items():
        kind = GGUFValueType[name]
        writer.add_key_value(f"one.{name.lower()}", value, kind)
        other = value if name == "BOOL" else type(value)(1)
        writer.add_key_value(f"many.{name.lower()}", [value, other], GGUFValueType.ARRAY, kind)
    writer.add_string("one.string", "naïve ▁text\n")
    writer.add_key_value("one.empty_string", "", GGUFValueType.STRING)
    writer.add_key_value("one.bytes", b"\xff\xfe", GGUFValueType.STRING)
    writer.add_array("many.string", ["", "▁a", "b\0c"])
    writer.add_array("many.bytes", [b"good", b"\x80"])
    writer.add_array("nested", [[[1, 2], [3]], [[4]]])
    writer.add_array("nested_text", [["a", "bc"], ["d"]])
    writer.add_tensor("first", np.arange(3, dtype=np.float32))
    writer.add_tensor("second", np.arange(5, dtype=np.float16))
    write(writer)


def make_split() -> None:
    """Five tensors in three files."""
    writer = gguf.GGUFWriter(OUT / "split.gguf", "llama", split_max_tensors=2)
    writer.add_string("general.name", "split in three")
    for index in range(5):
        writer.add_tensor(f"tensor.{index}", np.full((2, 3), index, dtype=np.float32))
    write(writer)


def make_type_table() -> None:
    """ggml's own list: id, name, values and bytes of a block; types that it dropped are left out."""
    ids = [index for index in range(43) if ggml.ggml_blck_size(index) > 0]
    table = [
        [index, ggml.ggml_type_name(index).decode(), ggml.ggml_blck_size(index), ggml.ggml_type_size(index)]
        for index in ids
    ]
    (OUT / "types.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in table) + "\n]\n")


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    make_types()
    make_unreadable()
    make_metadata()
    make_split()
    make_type_table()
