"""Runs workers one at a time, each a process group of its own that does not outlive an interruption."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


class WorkerFailed(Exception):
    """A worker ended without a result; the text is the end of what it said."""


def _environment(work_dir, threads):
    values = dict(os.environ)
    values.update({name: str(threads) for name in THREAD_VARIABLES})
    values.update({name: "1" for name in OFFLINE_VARIABLES})
    values.update(HF_HOME=str(work_dir / "hf"), TOKENIZERS_PARALLELISM="false")
    return values


def _wait(process):
    try:
        return process.communicate()[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run_worker(job, work_dir, threads):
    """The result of one job."""
    with tempfile.TemporaryDirectory(dir=work_dir, prefix="job-") as folder:
        job_path, result_path = Path(folder) / "job.json", Path(folder) / "result.json"
        job_path.write_text(json.dumps({**job, "threads": threads, "work_dir": str(work_dir)}))
        process = subprocess.Popen(
            [sys.executable, WORKER, job_path, result_path],
            env={**_environment(work_dir, threads), "TMPDIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        said = _wait(process)
        if process.returncode != 0:
            raise WorkerFailed(f"worker ended with {process.returncode}:\n{said[-3000:].strip()}")
        return json.loads(result_path.read_text())
