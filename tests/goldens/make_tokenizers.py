"""Writes tokenizers/<name>/: three tiny tokenizers, and in expected.json the ids they give.

Trained on the text below; they stand for the kinds that real models have, and fit none of those in models/.
  byte_level    byte-level BPE, a token per digit, chat tokens, no BOS, chat template in tokenizer_config.json
  merged_digits byte-level BPE where "10" is one token; the post-processor adds a BOS, the chat template too
  sentencepiece BPE over text with spaces as "▁", unknown characters as bytes, a BOS, no chat template

    python make_tokenizers.py
"""

import json
import shutil
from pathlib import Path

import tokenizers
import transformers
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from tokenizers.models import BPE

OUT = Path(__file__).parent / "tokenizers"

SENTENCES = """
Think of a time when you felt joy, fear, anger, sadness, disgust, shame or guilt.
How long did the feeling last? How strong was it? Did you try to hide it?
Answer with one number only, from 1 to 10, and nothing else.
1 = not at all, 2 = a little, 3 = quite, 4 = very strong, 10 = stronger than ever
A) never B) sometimes C) often D) always. The answer is A. The answer is B.
Piensa en un momento en que sentiste alegría, miedo, enojo, tristeza, asco, vergüenza o culpa.
¿Cuánto duró el sentimiento? ¿Qué tan fuerte fue? ¿Intentaste ocultarlo?
Responde solo con un número del 1 al 10. La respuesta es 10. El año pasado, mañana, también.
Pense em um momento em que você sentiu alegria, medo, raiva, tristeza, nojo, vergonha ou culpa.
Quanto tempo durou? Não tentei esconder a emoção. Responda só com um número de 1 a 10.
You live in Brazil, in Honduras, in the USA. Your friends, your family, your work and your studies.
On a scale from 1 to 10, ten people said 10, twelve said 12 and 100 said 100.
10/10 of them (10), then 10) and 10. In 2025 as in 2024.
"""

TEXTS = [
    "",
    "4",
    " 4",
    "10",
    " 10",
    "\n10",
    "The answer is 4",
    "The answer is 10.",
    "1 = never, 2 = sometimes, 10 = always, 2025",
    "A",
    " A. B) (C)",
    "¿Cuánto duró tu vergüenza? Mañana también.",
    "Você não tentou esconder a emoção",
    "cafe\u0301 and caf\u00e9",
    "  two  spaces\t\ttabs\r\n\n\nlines  ",
    "👍🏽 日本 — “ok” §",
    "<|turn|>user\nHow long?<|stop|>\n<|turn|>assistant\n<think>4</think>",
    "<|begin|>Hello<|end|> world",
    "<s> Hello</s> world <unk> <0x0A>",
]

TURNS_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|turn|>' + message['role'] + '\\n' + message['content'] + '<|stop|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|turn|>assistant\\n' }}{% endif %}"
)
BEGIN_TEMPLATE = """{{- bos_token }}
{%- for message in messages %}
    {{- message.role | upper + ': ' + message.content | trim + '<|end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- 'ASSISTANT:' }}
{%- endif %}
"""


def train(tokenizer: Tokenizer, vocab_size: int, special_tokens: list[str], alphabet: list[str]) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        special_tokens=special_tokens,
        initial_alphabet=alphabet,
    )
    tokenizer.train_from_iterator(SENTENCES.strip().split("\n"), trainer)


def byte_level() -> tuple[Tokenizer, dict]:
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.NFC()
    pieces = Regex(r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pieces, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 420, [], sorted(pre_tokenizers.ByteLevel.alphabet()))
    # Added after the trained vocabulary, as chat models do. <think> is an added token but not a special one.
    tokenizer.add_special_tokens(["<|end|>", "<|turn|>", "<|stop|>"])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in ("<think>", "</think>")])
    return tokenizer, {
        "add_bos_token": False,
        "bos_token": None,
        "chat_template": TURNS_TEMPLATE,
        "eos_token": "<|stop|>",
        "pad_token": "<|end|>",
        "unk_token": None,
    }


def merged_digits() -> tuple[Tokenizer, dict]:
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 420, ["<|begin|>", "<|end|>"], sorted(pre_tokenizers.ByteLevel.alphabet()))
    begin = tokenizer.token_to_id("<|begin|>")
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin|> $A",
                pair="<|begin|> $A <|begin|>:1 $B:1",
                special_tokens=[("<|begin|>", begin)],
            ),
        ]
    )
    for text in ("10", " 10"):
        assert len(tokenizer.encode(text, add_special_tokens=False).ids) == 1, f"{text!r} should be one token"
    flags = dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)

    def spelled(content: str) -> dict:
        return {"__type": "AddedToken", "content": content} | flags

    return tokenizer, {"bos_token": spelled("<|begin|>"), "eos_token": spelled("<|end|>")}


def sentencepiece() -> tuple[Tokenizer, dict]:
    trained = Tokenizer(BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Digits(individual_digits=True)]
    )
    train(trained, 260, [], [])
    model = json.loads(trained.to_str())["model"]
    # Special tokens first, then the 256 bytes, then what was learnt, as SentencePiece lays it out.
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + pieces
    vocab = {name: index for index, name in enumerate(names)}
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(BPE(vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", vocab["<s>"])]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer, {
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": None,
        "unk_token": "<unk>",
    }


def write(name: str, tokenizer: Tokenizer, config: dict) -> Path:
    folder = OUT / name
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    added = {
        str(index): {
            "content": token.content,
            "lstrip": token.lstrip,
            "normalized": token.normalized,
            "rstrip": token.rstrip,
            "single_word": token.single_word,
            "special": token.special,
        }
        for index, token in sorted(tokenizer.get_added_tokens_decoder().items())
    }
    config = config | {
        "added_tokens_decoder": added,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(dict(sorted(config.items())), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    if name == "merged_digits":
        (folder / "chat_template.jinja").write_text(BEGIN_TEMPLATE)
    size = (folder / "tokenizer.json").stat().st_size
    assert size < 60_000, f"{name}: {size} bytes"
    return folder


def encodings(name: str, folder: Path) -> list[dict]:
    """Ids of every text from the written file, the same through tokenizers and through transformers."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    through_transformers = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    rows = []
    for text in TEXTS:
        ids, with_special = (
            tokenizer.encode(text, add_special_tokens=special).ids for special in (False, True)
        )
        for expected, special in ((ids, False), (with_special, True)):
            got = through_transformers.encode(text, add_special_tokens=special)
            assert got == expected, f"{name}: {text!r} is {got} in transformers and {expected} in tokenizers"
        rows.append({"tokenizer": name, "text": text, "ids": ids, "ids_with_special_tokens": with_special})
    size = (folder / "tokenizer.json").stat().st_size
    print(f"tokenizers/{name}: {tokenizer.get_vocab_size()} tokens, {size} bytes")
    return rows


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    rows = []
    for make in (byte_level, merged_digits, sentencepiece):
        rows += encodings(make.__name__, write(make.__name__, *make()))
    body = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    (OUT / "expected.json").write_text('{"cases": [\n' + body + "\n]}\n", encoding="utf-8")
    print(f"tokenizers/expected.json: {len(rows)} cases, tokenizers {tokenizers.__version__}")


if __name__ == "__main__":
    main()
