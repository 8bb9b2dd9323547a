"""`respondent bench` on the model folder, or quantised on llama.cpp's GGUF file, and the same JSONL. It times itself, by the same definition:
weights loaded and packed before, readouts included.
"""

import json
import subprocess
import tempfile
from pathlib import Path


def _last_object(text):
    """The JSON object that ends the output, whatever stands before it."""
    for start in [0, *(index + 1 for index, letter in enumerate(text) if letter == "\n")]:
        if text.startswith("{", start):
            try:
                return json.loads(text[start:])
            except json.JSONDecodeError:
                continue
    raise RuntimeError(f"respondent bench printed no JSON object: {text[-500:]!r}")


def _version(binary):
    ran = subprocess.run([binary, "--version"], check=False, capture_output=True, text=True)
    return ran.stdout.strip().removeprefix("respondent ") or "unknown"


def _bench(job, log_probs):
    precision = job["precision"]
    is_plain = precision in ("f32", "bf16")
    # quantised, it runs llama.cpp's own file, unpacked into the bf16 kernel
    model = job["model"] if is_plain else job["gguf"]
    command = [job["respondent"], "bench", "--model", model, "--workload", job["workload"]]
    command += ["--dtype", precision if is_plain else "bf16"]
    command += ["--threads", str(job["threads"]), "--repeat", "1"]
    command += ["--json", "--log-probs", str(log_probs)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"respondent bench ended with {ran.returncode}: {ran.stderr[-2000:]}")
    return _last_object(ran.stdout)


def measure(job, prompts):
    with tempfile.TemporaryDirectory(dir=job["work_dir"]) as folder:
        path = Path(folder) / "log_probs.jsonl"
        card = _bench(job, path)
        lines = path.read_text().splitlines()
    answers = [json.loads(line)["log_probs"] for line in lines]
    if [len(row) for row in answers] != [len(prompt.wanted) for prompt in prompts]:
        raise RuntimeError(
            f"respondent bench wrote {len(answers)} answers, not {len(prompts)}, or of other sizes"
        )
    seconds = card["median_wall_seconds"]
    # what it says of itself goes into the JSON; its lists and tables stay out
    notes = {name: value for name, value in card.items() if not isinstance(value, (list, dict))}
    versions = {"respondent": _version(job["respondent"])}
    result = {"seconds": seconds, "load_seconds": card.get("load_wall_seconds"), "log_probs": answers}
    return {**result, "versions": versions, "notes": notes}
