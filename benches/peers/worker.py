"""One engine in one process: loads, warms up with a small call, answers the workload once, writes the result.

    python worker.py JOB.json RESULT.json

The time is that from token ids in memory to the log-probs of the wanted ids, for all prompts of the job.
"""

import importlib
import json
import sys
import time
from pathlib import Path

from engines import adapter
from files import whole
from workload import read_workload


def prepare(job):
    """A job that makes the model's files and measures nothing."""
    from gguf_files import make_gguf, matrix_formats
    from model_files import make_model

    folder = make_model(job["shape"], job["quick"], Path(job["work_dir"]))
    ggufs = {precision: make_gguf(folder, precision, job["threads"]) for precision in job["ggufs"]}
    formats = {precision: matrix_formats(path) for precision, path in ggufs.items()}
    return {"model": str(folder), "ggufs": {p: str(path) for p, path in ggufs.items()}, "formats": formats}


def measure(job):
    prompts = read_workload(job["workload"])
    if job["engine"] == "respondent":
        return importlib.import_module("engine_respondent").measure(job, prompts)
    if job["subset"] is not None:
        prompts = [prompts[index] for index in job["subset"]]
    module, name = adapter(job["engine"]).split(".")
    started = time.perf_counter()
    engine = getattr(importlib.import_module(module), name)({**job, "prompts": prompts})
    loaded = time.perf_counter()
    engine.run(prompts[: engine.warm_up_count])
    warm = time.perf_counter()
    log_probs = engine.run(prompts)
    result = {"seconds": time.perf_counter() - warm, "load_seconds": loaded - started, "log_probs": log_probs}
    if hasattr(engine, "other_prefix"):
        result["other_prefix"] = engine.other_prefix(prompts)
    return {**result, "versions": engine.versions, "notes": engine.notes()}


def main():
    job_path, result_path = sys.argv[1:]
    job = json.loads(Path(job_path).read_text())
    result = prepare(job) if job["task"] == "prepare" else measure(job)
    with whole(result_path) as partial:
        partial.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
