"""Runs every peer engine and `respondent` on the same token ids and the same weights, in turn, in one go.

Makes a random-weight model of each shape, checks that all engines' log-probs agree, prints a table of
medians with ratios, and ends with 1 if an engine failed or computes something else. Nothing here speaks to
a network.

    python benches/peers/peers.py --work-dir /tmp/peers --respondent target/release/respondent
"""

import argparse
import json
import signal
import sys
from pathlib import Path

import report
from engines import ENGINES, PRECISIONS, QUANTISED, rows
from files import remove_partial, whole
from machine import describe, sentence
from runner import WorkerFailed, run_worker
from shapes import SHAPES
from workload import MAKERS, make_workload, read_workload

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE_COUNT = 24


def one_of(known):
    """Reads a comma-separated list of known names."""

    def read(text):
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: known are {', '.join(known)}")
        return names

    return read


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--work-dir", type=Path, required=True, help="cache of models and workloads, outside the repo"
    )
    parser.add_argument(
        "--respondent", type=Path, default=REPOSITORY / "target/release/respondent", help="its binary"
    )
    parser.add_argument("--shapes", type=one_of(SHAPES), default=["qwen2.5-0.5b", "llama-3.2-1b"])
    parser.add_argument("--workloads", type=one_of(MAKERS), default=list(MAKERS))
    parser.add_argument("--engines", type=one_of(ENGINES), default=list(ENGINES))
    parser.add_argument("--precisions", type=one_of(PRECISIONS), default=list(PRECISIONS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="rounds; each runs every engine once")
    parser.add_argument(
        "--quick", action="store_true", help="two layers and few prompts: a smoke test, no measurement"
    )
    parser.add_argument("--json-out", type=Path, help="everything measured, as JSON")
    chosen = parser.parse_args()
    chosen.work_dir = chosen.work_dir.resolve()
    if chosen.work_dir.is_relative_to(REPOSITORY):
        parser.error("--work-dir lies inside the repository")
    if chosen.repeat < 1 or chosen.threads < 1:
        parser.error("--repeat and --threads start at 1")
    if "respondent" in chosen.engines and not chosen.respondent.exists():
        parser.error(
            f"no binary at {chosen.respondent}: build it, give --respondent, or leave it out of --engines"
        )
    return chosen


def say(text):
    print(text, file=sys.stderr, flush=True)


def prepare(chosen, shape):
    """The model's files: paths, and what formats the GGUFs hold."""
    say(f"{shape}: model files")
    runs_llamacpp = any(name.startswith("llamacpp") for name in chosen.engines)
    # quantised, respondent runs llama.cpp's file
    runs_gguf = runs_llamacpp or "respondent" in chosen.engines
    known = (["bf16"] if runs_llamacpp else []) + (list(QUANTISED) if runs_gguf else [])
    ggufs = [p for p in known if p in chosen.precisions]
    job = {"task": "prepare", "shape": shape, "quick": chosen.quick, "ggufs": ggufs}
    return run_worker(job, chosen.work_dir, chosen.threads)


class Measurement:
    """One shape and workload: the reference once, then rounds of all engines."""

    def __init__(self, chosen, shape, workload, files):
        self.chosen, self.shape, self.workload, self.files = chosen, shape, workload, files
        self.path = make_workload(workload, chosen.quick, chosen.work_dir)
        self.prompt_count = len(read_workload(self.path))
        step = max(1, self.prompt_count // SAMPLE_COUNT)
        self.subset = list(range(0, self.prompt_count, step))[:SAMPLE_COUNT]
        self.versions = {}

    def run(self, engine, precision, subset):
        job = {"task": "measure", "engine": engine, "precision": precision, "subset": subset}
        job.update(
            model=self.files["model"], gguf=self.files["ggufs"].get(precision), workload=str(self.path)
        )
        job["respondent"] = str(self.chosen.respondent.resolve())
        result = run_worker(job, self.chosen.work_dir, self.chosen.threads)
        self.versions.update(result["versions"])
        return result

    def add_repeat(self, row, reference):
        """A failed engine keeps its error and is not run again; the others go on."""
        if row.error:
            return
        try:
            result = self.run(row.engine, row.precision, self.subset if row.is_scaled else None)
            row.add(result, reference["log_probs"])
            say(f"  {row.engine} {row.precision}: {row.seconds[-1]:.2f} s, max |Δ ln p| {row.difference:.1e}")
        except WorkerFailed as failure:
            row.error = str(failure)
            say(f"  {row.engine} {row.precision}: failed")

    def section(self):
        say(f"{self.shape}, {self.workload}: f32 reference")
        reference = self.run("reference", "f32", self.subset)
        other_prefix = report.differences(reference["other_prefix"], reference["log_probs"])
        pairs = rows(self.chosen.engines, self.chosen.precisions, self.workload)
        table = [report.Row(engine, precision, self.prompt_count, self.subset) for engine, precision in pairs]
        for number in range(self.chosen.repeat):
            say(f"{self.shape}, {self.workload}: round {number + 1} of {self.chosen.repeat}")
            for row in table:
                self.add_repeat(row, reference)
        return report.Section(self.shape, self.workload, table, other_prefix)


class Results:
    """All sections so far. The JSON is written after each, so an interruption loses only the current one."""

    def __init__(self, chosen):
        self.chosen = chosen
        self.machine, self.versions = describe(chosen.threads), {}
        self.sections, self.formats = [], {}

    def write(self, is_complete):
        if self.chosen.json_out is None:
            return
        settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(self.chosen).items()}
        content = {"is_complete": is_complete, "machine": self.machine, "versions": self.versions}
        content.update(settings=settings, gguf_formats=self.formats)
        content["sections"] = [section.as_json() for section in self.sections]
        with whole(self.chosen.json_out) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n")

    def print(self):
        if self.chosen.quick:
            print("A smoke test (--quick): two layers, few prompts. Not a measurement.\n")
        for shape in self.chosen.shapes:
            sections = [section for section in self.sections if section.shape == shape]
            print(report.markdown(shape, sections), end="\n\n")
            remarks = [remark for section in sections for remark in section.remarks()]
            if self.formats[shape]:
                remarks.append(report.formats_sentence(self.formats[shape]))
            print("\n".join(f"- {remark}" for remark in remarks), end="\n\n")
        rounds = f"{self.chosen.repeat} interleaved rounds, a process for each run."
        print(rounds, sentence(self.machine, self.versions))

    def failures(self):
        return [failure for section in self.sections for failure in section.failures()]


def measure_all(chosen):
    results = Results(chosen)
    # claimed before hours of work
    results.write(is_complete=False)
    for shape in chosen.shapes:
        files = prepare(chosen, shape)
        results.formats[shape] = files["formats"]
        for workload in chosen.workloads:
            measurement = Measurement(chosen, shape, workload, files)
            results.sections.append(measurement.section())
            results.versions.update(measurement.versions)
            results.write(is_complete=False)
    results.write(is_complete=True)
    return results


def main():
    # a polite kill cleans up as Ctrl-C does
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = arguments()
    chosen.work_dir.mkdir(parents=True, exist_ok=True)
    try:
        results = measure_all(chosen)
    finally:
        # a killed worker cannot clean up after itself
        remove_partial(chosen.work_dir)
    results.print()
    failures = results.failures()
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except WorkerFailed as failure:
        sys.exit(str(failure))
