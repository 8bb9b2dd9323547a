"""Tiny vocabularies that are no tokenizer.json, and the ids their makers' own programs give.

GGUF metadata goes through llama.cpp (llama-cpp-python), SentencePiece models through sentencepiece, ranks through
tiktoken. All texts are written here. Where this project runs the models' own pattern and llama.cpp an approximation of
it (README.md says which), the ids are those of tokenizers with that pattern, and both are checked to agree on ASCII.
"""

import base64
import io
import json
import os
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

import gguf
import llama_cpp
import sentencepiece
import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

OUT = Path(__file__).parent / "vocabularies"

# Much of what patterns tell apart, often enough that merges cross every boundary: no pattern, other ids.
SENTENCES = """
The people's answers aren't ours; they'll say it's 1, 12, 123 or 1234, and we'd count 12345 of them in 2024.
THE PEOPLE'S ANSWERS AREN'T OURS; THEY'LL SAY IT'S 1, 12, 123 OR 1234, AND WE'D COUNT 12345 OF THEM IN 2024.
HelloWorld helloWorld HELLOworld McDonald iPhone JSONParser ÉcoleNormale écoleNormale ÀB éÀ ÉÀB Ünder.
¿Cuánto duró tu vergüenza? Mañana también, señor. Você não tentou esconder a emoção, não é?
Привет, мир! Что ты чувствуешь? ПРИВЕТ МИР. Нещо на Български език.
今天我很高兴。日本語のテキストです。カタカナとひらがな。한국어 문장입니다. 我们123个人。
if (x == y) {\n\treturn foo(x, y);\n}\n\n\n    def f(self):\n        return self.x['a']\n
a  b   c    d     e\tf\t\tg \n h\n\n i\r\n j \n\n\n  k
"quoted" 'single' (paren) [brack] {brace} <tag> a/b a\\b a_b a-b a+b a=b a*b a&b a|b a~b a^b a`b $5 #1 @me 50%
''''''''' "" .....  !!!!! ????? ----- ===== ///// ,,,,, ;;;;; ::::: $$$$$ +++++ <<<<< >>>>> ^^^^^ ~~~~~ ||||| `````
one two three four five six seven eight nine ten one two three four five six seven eight nine ten
"""

TEXTS = [
    "",
    " ",
    "  ",
    "\n",
    "\t\n",
    " \n\n a",
    "Hello",
    " Hello",
    "  Hello   world  ",
    "Hello, world! It's the people's; they'll, we'd, I'M, YOU'RE, we'Ve, 'Tis, it's's 's'",
    "HelloWorld helloWORLD JSONParser iPhone AREN'T aren't",
    "1 12 123 1234 12345 123456 1234567 3.14159 2024-01-15 1,000,000 a1b22c333d4444",
    "¿Cuánto duró tu vergüenza? Mañana también.",
    "ÉÀB éàb ÉcoleNormale écoleNormale ÜBER Über ǅ ʼn ªº",
    "cafe\u0301 caf\u00e9 n\u0303 A\u030a q\u0323\u0307",
    "Привет, мир! ПРИВЕТ 123 Здравствуй",
    "今天我很高兴。日本語のテキストです。한국어 문장입니다. 我们123个人，“好”！",
    "नमस्ते दुनिया สวัสดีชาวโลก שלום עולם مرحبا بالعالم ١٢٣ ၁၂၃ ½ Ⅷ ²",
    "👍🏽 👩‍👩‍👧 🦙.cpp — “ok” § … ‘x’ «y» 100€ £5 ¥7 ±3 ×2 ÷4 ∑∞≠",
    "if (x == y) {\n\treturn foo(x, y);\n}\n\n\n    def f(self):\n        return self.x['a']\n",
    "a  b   c    d     e\tf\t\tg \n h\n\n i\r\n j \r\r k  ",
    "\u00a0nbsp\u3000wide\u2003em\u200bzero\ufeffbom\u00adsoft",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ .... !!!? --- /// ~~~ $$$ +++ <<< ^^^ `` ||",
    "x/y //c /* d */ a.b.c, (e) [f] {g}\n/\n//\n .\n!\n\n?",
    "\u0000\u0001\u007f\u0085\u2028\u2029",
    "<|bos|>Hello<|end|> world <think> 1 2 </think>\n<|bos|>",
    "  <think>x</think>  <|end|>  y",
    "The answer is 4",
    "The answer is 10.",
    "▁a ▁▁b _c",
    "aaaaaaaaaaaaaaaaaaaaaaaaa " + "=" * 40 + " " * 33 + "\n" * 9 + "z",
]
SPECIAL = {"<|bos|>": 3, "<|end|>": 3, "<think>": 4, "</think>": 4}

# As in the models' own tokenizer.json; llama.cpp approximates them.
OWN_PATTERNS = {
    "tekken": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "gpt-4o": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
OWN_PATTERNS["llama4"] = OWN_PATTERNS["gpt-4o"]
COMPOSED = ("qwen2", "qwen35", "command-r")
PRE_TOKENIZERS = [
    "default", "gpt-2", "phi-2", "mpt", "olmo", "granite-docling", "exaone4", "starcoder", "refact", "smollm",
    "codeshell", "exaone", "minerva-7b", "command-r", "llama3", "llama-bpe", "falcon3", "pixtral", "lfm2", "dbrx",
    "smaug-bpe", "glm4", "chatglm-bpe", "jais-2", "qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan",
    "grok-2", "qwen35", "minicpm5", "seed-coder", "bailingmoe", "exaone-moe", "tekken", "gpt-4o", "llama4",
    "deepseek-llm", "deepseek-coder", "deepseek-v3", "hunyuan-dense", "falcon",
]  # fmt: skip


def llama_cpp_ids(fill: Callable[[gguf.GGUFWriter], None]) -> Callable[[str], list[int]]:
    """Writes a GGUF file without tensors and opens it in llama.cpp. Special tokens in texts are recognised, none added."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "v.gguf")
        writer = gguf.GGUFWriter(path, "llama")
        fill(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        model = llama_cpp.Llama(path, vocab_only=True, verbose=False)
    return lambda text: model.tokenize(text.encode(), add_bos=False, special=True)


def byte_level() -> None:
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=900, min_frequency=2, show_progress=False, initial_alphabet=alphabet)
    # Whole lines and pairs of lines; each piece of a line is seen twice, so everything short merges.
    lines = SENTENCES.split("\n")
    pieces = [line[at : at + 9] for line in lines for at in range(0, len(line), 3)]
    pieces += ["\n" * n for n in range(1, 6)] + [" " * n for n in range(1, 12)] + ["\n ", " \n", "\t\t", "\r\n"]
    trained.train_from_iterator(pieces * 2, trainer)
    model = json.loads(trained.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get) + list(SPECIAL)
    types = [1] * (len(tokens) - len(SPECIAL)) + list(SPECIAL.values())
    merges = [" ".join(pair) for pair in model["merges"]]

    def fill(pre: str) -> Callable[[gguf.GGUFWriter], None]:
        def write(writer: gguf.GGUFWriter) -> None:
            writer.add_tokenizer_model("gpt2")
            writer.add_tokenizer_pre(pre)
            writer.add_token_list(tokens)
            writer.add_token_types(types)
            writer.add_token_merges(merges)
            writer.add_bos_token_id(tokens.index("<|bos|>"))
            writer.add_eos_token_id(tokens.index("<|end|>"))

        return write

    ids = {}
    for pre in PRE_TOKENIZERS:
        encode = llama_cpp_ids(fill(pre))
        if pre in OWN_PATTERNS:
            own = own_tokenizer(model, OWN_PATTERNS[pre], pre == "tekken")
            for text in filter(str.isascii, TEXTS):
                assert own(text) == encode(text), f"{pre}: {text!r}"
            encode = own
        composed = pre in COMPOSED
        ids[pre] = [encode(unicodedata.normalize("NFC", text) if composed else text) for text in TEXTS]
    assert len({json.dumps(rows) for rows in ids.values()}) > 12, "the patterns hardly differ on these texts"
    write("byte_level", {"tokens": tokens, "token_types": types, "merges": merges, "texts": TEXTS}, ids)


def own_tokenizer(model: dict, pattern: str, whole_words: bool) -> Callable[[str], list[int]]:
    pairs = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(models.BPE(model["vocab"], pairs, ignore_merges=whole_words))
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, spell])
    tokenizer.decoder = decoders.ByteLevel()
    for text, kind in SPECIAL.items():
        tokenizer.add_tokens([AddedToken(text, normalized=False, special=kind == 3)])
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def train(**options: object) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for line in SENTENCES.split("\n") if line),
        model_writer=model,
        minloglevel=2,
        num_threads=1,
        max_sentence_length=10000,
        hard_vocab_limit=False,
        **options,
    )
    return model.getvalue()


MODELS = {
    # As Llama 2: nothing normalised, bytes for what has no piece.
    "bpe_bytes": dict(model_type="bpe", vocab_size=700, byte_fallback=True, normalization_rule_name="identity",
                      remove_extra_whitespaces=False, character_coverage=0.98, split_digits=True),
    # As Gemma: no leading space, runs of spaces as user-defined pieces.
    "bpe_no_prefix": dict(model_type="bpe", vocab_size=700, byte_fallback=True, normalization_rule_name="identity",
                          remove_extra_whitespaces=False, add_dummy_prefix=False, character_coverage=0.98,
                          user_defined_symbols=["▁▁", "▁▁▁", "▁▁▁▁", "\n\n", "<think>", "</think>"]),
    # Everything normalised, unknown characters lost.
    "bpe_nfkc": dict(model_type="bpe", vocab_size=450, normalization_rule_name="nmt_nfkc", character_coverage=0.98),
    "unigram_nfkc": dict(model_type="unigram", vocab_size=400, normalization_rule_name="nmt_nfkc",
                         user_defined_symbols=["<think>", "</think>"], character_coverage=0.98),
    "unigram_bytes": dict(model_type="unigram", vocab_size=600, byte_fallback=True, character_coverage=0.98,
                          normalization_rule_name="identity", remove_extra_whitespaces=False),
}  # fmt: skip


def sentencepiece_models() -> None:
    ids = {}
    for name, options in MODELS.items():
        model = train(**options)
        (OUT / f"{name}.model").write_bytes(model)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        ids[name] = [processor.encode(text) for text in TEXTS]
    write("sentencepiece", {"texts": TEXTS}, ids)


def gguf_from_sentencepiece() -> None:
    """The same models as converters write them, through llama.cpp. Its Unigram spells nothing in bytes: not that one."""
    ids = {}
    for name in ("bpe_bytes", "bpe_no_prefix", "unigram_nfkc"):
        processor = sentencepiece.SentencePieceProcessor(model_file=str(OUT / f"{name}.model"))
        pieces = range(processor.get_piece_size())
        kinds = [
            (processor.is_unknown, 2), (processor.is_control, 3), (processor.is_byte, 6), (processor.is_unused, 5),
        ]  # fmt: skip
        types = [next((code for test, code in kinds if test(piece)), 1) for piece in pieces]
        tokens = [processor.id_to_piece(piece) for piece in pieces]
        for symbol in MODELS[name].get("user_defined_symbols", []):
            types[tokens.index(symbol)] = 4
            tokens[tokens.index(symbol)] = symbol.replace("▁", " ")
        metadata = {
            "model": "llama" if name.startswith("bpe") else "t5",
            "tokens": tokens,
            "scores": [processor.get_score(piece) for piece in pieces],
            "token_types": types,
            "add_space_prefix": name != "bpe_no_prefix",
            "remove_extra_whitespaces": name == "unigram_nfkc",
            "charsmap": list(charsmap((OUT / f"{name}.model").read_bytes())),
        }

        def fill(writer: gguf.GGUFWriter, metadata: dict = metadata) -> None:
            writer.add_tokenizer_model(metadata["model"])
            writer.add_tokenizer_pre("default")
            writer.add_token_list(metadata["tokens"])
            writer.add_token_scores(metadata["scores"])
            writer.add_token_types(metadata["token_types"])
            writer.add_add_space_prefix(metadata["add_space_prefix"])
            writer.add_remove_extra_whitespaces(metadata["remove_extra_whitespaces"])
            if metadata["charsmap"]:
                writer.add_precompiled_charsmap(bytes(metadata["charsmap"]))
            writer.add_unk_token_id(0)
            writer.add_bos_token_id(1)
            writer.add_eos_token_id(2)

        encode = llama_cpp_ids(fill)
        # The table of characters is in the .model already; the test reads it from there.
        kept = {key: value for key, value in metadata.items() if key != "charsmap"}
        ids[name] = kept | {"ids": [encode(text) for text in TEXTS]}
    write("scored", {"texts": TEXTS}, ids)


def charsmap(model: bytes) -> bytes:
    """precompiled_charsmap of the normalizer_spec of a model."""
    from sentencepiece import sentencepiece_model_pb2

    return sentencepiece_model_pb2.ModelProto.FromString(model).normalizer_spec.precompiled_charsmap


def ranks() -> None:
    """Ranks as tiktoken trains them: merge the commonest pair of bytes, again and again."""
    from tiktoken._educational import bpe_train

    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
        r"\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    ranked = bpe_train(SENTENCES, 600, pattern, visualise=None)
    lines = (base64.b64encode(token) + b" " + str(rank).encode() for token, rank in ranked.items())
    (OUT / "ranks.tiktoken").write_bytes(b"\n".join(lines) + b"\n")
    encoding = tiktoken.Encoding("ranks", pat_str=pattern, mergeable_ranks=ranked, special_tokens={})
    write("tiktoken", {"texts": TEXTS}, {"llama3": [encoding.encode_ordinary(text) for text in TEXTS]})


def write(name: str, head: dict, ids: dict) -> None:
    lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=True)}" for key, value in head.items()]
    rows = [f"    {json.dumps(key)}: {json.dumps(value, ensure_ascii=True)}" for key, value in ids.items()]
    text = "{\n" + ",\n".join(lines) + ',\n  "ids": {\n' + ",\n".join(rows) + "\n  }\n}\n"
    (OUT / f"{name}.json").write_text(text)
    print(f"vocabularies/{name}.json: {len(ids)} vocabularies, {len(text)} bytes")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    byte_level()
    sentencepiece_models()
    gguf_from_sentencepiece()
    ranks()


if __name__ == "__main__":
    main()
