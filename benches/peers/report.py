"""What the measurements say: medians, differences of log-probs, ratios, and the Markdown of all that."""

import math
import statistics

from engines import ENGINES, limit


def differences(answers, reference):
    """Per prompt the largest |difference of log-probs|; NaN counts as infinitely far."""
    per_prompt = []
    for ours, theirs in zip(answers, reference, strict=True):
        gaps = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
        per_prompt.append(max(math.inf if math.isnan(gap) else gap for gap in gaps))
    return per_prompt


class Row:
    """All repeats of one engine in one precision on one workload."""

    def __init__(self, engine, precision, prompt_count, subset):
        self.engine, self.precision = engine, precision
        self.prompt_count = prompt_count
        self.subset = subset
        self.seconds, self.load_seconds = [], []
        self.difference, self.error, self.notes = None, None, None

    @property
    def is_scaled(self):
        return ENGINES[self.engine].is_sampled and len(self.subset) < self.prompt_count

    def add(self, result, reference):
        scale = self.prompt_count / len(self.subset) if self.is_scaled else 1.0
        self.seconds.append(result["seconds"] * scale)
        self.load_seconds.append(result["load_seconds"])
        self.notes = result["notes"]
        answers = result["log_probs"]
        if len(answers) == self.prompt_count and not self.is_scaled:
            answers = [answers[index] for index in self.subset]
        self.difference = max(self.difference or 0.0, *differences(answers, reference))

    @property
    def median(self):
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def title(self):
        scaled = f" ({len(self.subset)} of {self.prompt_count} prompts, scaled)" if self.is_scaled else ""
        return ENGINES[self.engine].title + scaled

    def as_json(self, allowed, ratio):
        return {
            "engine": self.engine,
            "title": self.title,
            "precision": self.precision,
            "prompts": self.prompt_count,
            "prompts_run": len(self.subset) if self.is_scaled else self.prompt_count,
            "seconds": self.seconds,
            "median_seconds": self.median,
            "load_seconds": self.load_seconds,
            "max_abs_log_prob_difference": self.difference,
            "limit": allowed,
            "times_respondent": ratio,
            "error": self.error,
            "notes": self.notes,
        }


class Section:
    """The rows of one shape and workload, and what they are held against."""

    def __init__(self, shape, workload, rows, other_prefix):
        self.shape, self.workload, self.rows = shape, workload, rows
        # nats; how far the reference moves when the first tokens are another prompt's, as in a mix-up
        self.prefix_effect = statistics.median(other_prefix)

    def find(self, engine, precision):
        return next((row for row in self.rows if (row.engine, row.precision) == (engine, precision)), None)

    def ratio(self, row):
        """How many times the seconds of respondent in the same precision."""
        ours = self.find("respondent", row.precision)
        return row.median / ours.median if ours and ours.median and row.median else None

    def limit(self, row):
        return limit(row.engine, row.precision, self.prefix_effect)

    def failures(self):
        for row in self.rows:
            place = f"{self.shape}, {self.workload}, {row.engine} {row.precision}"
            if row.error:
                yield f"{place}: {row.error}"
            elif row.difference is not None and row.difference > self.limit(row):
                yield f"{place}: log-probs {row.difference:.2e} from f32, limit {self.limit(row):.2e}"

    def remarks(self):
        """How much the check can see, and whether respondent's bf16 is as good as transformers' own."""
        yield (
            f"{self.shape}, {self.workload}: a prompt given another's first tokens moves its log-probs by "
            f"{self.prefix_effect:.2e} (largest of its wanted ids, median over prompts)"
        )
        ours = self.find("respondent", "bf16")
        theirs = [self.find(name, "bf16") for name in ("transformers-flat", "transformers-trie")]
        gaps = [row.difference for row in theirs if row and row.difference is not None]
        if ours and ours.difference is not None and gaps:
            verdict = "no larger than" if ours.difference <= max(gaps) else "LARGER than"
            yield (
                f"{self.shape}, {self.workload}: respondent's bf16 error {ours.difference:.2e} is {verdict} "
                f"transformers' own {max(gaps):.2e}"
            )

    def as_json(self):
        rows = [row.as_json(self.limit(row), self.ratio(row)) for row in self.rows]
        place = {"shape": self.shape, "workload": self.workload}
        return {**place, "prefix_effect": self.prefix_effect, "rows": rows}


def _cells(section, row):
    if row.median is None:
        return [row.title, section.workload, row.precision, "failed", "-", "-", "-"]
    ratio = section.ratio(row)
    spread = f"{row.median:.2f} [{min(row.seconds):.2f}-{max(row.seconds):.2f}]"
    speed = f"{row.prompt_count / row.median:.1f}"
    times = "-" if ratio is None else f"{ratio:.2f}"
    return [row.title, section.workload, row.precision, spread, speed, f"{row.difference:.1e}", times]


def _line(cells):
    return f"| {' | '.join(cells)} |"


HEAD = [
    "engine",
    "workload",
    "precision",
    "seconds, median [range]",
    "prompts/s",
    "max abs Δ ln p",
    "× respondent",
]


def markdown(shape, sections):
    lines = [f"### {shape}", "", _line(HEAD), _line(["---"] * 3 + ["---:"] * 4)]
    lines += [_line(_cells(section, row)) for section in sections for row in section.rows]
    return "\n".join(lines)


def formats_sentence(formats):
    """What the GGUF files really hold: a K format does not fit every row length."""
    files = [
        f"{p} has {', '.join(f'{count} {kind}' for kind, count in held.items())}"
        for p, held in formats.items()
    ]
    return f"matrices in llama.cpp's files: {'; '.join(files)}"
