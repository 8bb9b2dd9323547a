"""Writes statistics.json: quantiles, tests and corrections as scipy and numpy compute them.

    python make_statistics.py
"""

import itertools
import json
from math import lgamma
from pathlib import Path

import numpy as np
import scipy
from scipy.stats import false_discovery_control, multinomial, t

OUT = Path(__file__).parent / "statistics.json"


def twelve(x: float) -> float:
    return float(f"{x:.12g}") + 0.0


def student() -> list[dict]:
    """Quantiles of Student's distribution, for degrees of freedom that need not be whole."""
    degrees = [1.0, 1.4, 2.0, 3.5, 7.0, 20.25, 150.0, 2500.0, 9999.0]
    return [
        {"probability": p, "degrees_of_freedom": d, "quantile": twelve(t.ppf(p, d))}
        for d in degrees
        for p in (0.9, 0.975, 0.9995)
    ]


def compositions(n: int, k: int):
    """Every way in which n people can choose among k options."""
    for bars in itertools.combinations(range(n + k - 1), k - 1):
        edges = (-1, *bars, n + k - 1)
        yield tuple(b - a - 1 for a, b in zip(edges, edges[1:]))


def exact_p(counts: list[int], p: list[float]) -> float:
    """The probability, under p, of counts that are no more probable than these."""
    n, every = sum(counts), list(compositions(sum(counts), len(counts)))
    assert len(every) == round(np.exp(lgamma(n + len(p)) - lgamma(n + 1) - lgamma(len(p))))
    probabilities = multinomial.pmf(np.array(every), n, p)
    assert abs(probabilities.sum() - 1) < 1e-9
    observed = multinomial.pmf(counts, n, p)
    return float(probabilities[probabilities <= observed * (1 + 1e-9)].sum())


def multinomials() -> list[dict]:
    cases = [
        ([3, 3, 3], [1 / 3, 1 / 3, 1 / 3]),
        ([9, 0, 0], [1 / 3, 1 / 3, 1 / 3]),
        ([0, 2, 8], [0.1, 0.3, 0.6]),
        ([12, 5, 3, 0], [0.5, 0.3, 0.15, 0.05]),
        ([1, 5, 3, 11], [0.5, 0.3, 0.15, 0.05]),
        ([40, 2], [0.9, 0.1]),
        ([4, 2, 2, 1, 1, 2], [0.3, 0.2, 0.2, 0.1, 0.1, 0.1]),
        ([1, 0, 0, 0, 0, 9], [0.9, 0.05, 0.02, 0.01, 0.01, 0.01]),
        ([1, 0], [0.25, 0.75]),
    ]
    return [{"counts": c, "probabilities": p, "p_value": twelve(exact_p(c, p))} for c, p in cases]


def adjusted() -> list[dict]:
    """Benjamini and Hochberg's adjusted p-values."""
    rng = np.random.default_rng(7)
    lists = [
        [0.01, 0.04, 0.03, 0.005, 0.6],
        [0.5],
        [1.0, 1.0, 1.0],
        [0.02, 0.02, 0.02, 0.9],
        [float(f"{x:.6g}") for x in rng.uniform(0, 1, 30) ** 3],
    ]
    return [
        {"p_values": ps, "adjusted": [twelve(x) for x in false_discovery_control(ps, method="bh")]} for ps in lists
    ]


def contrasts() -> list[dict]:
    """Two sides of variables, crossed with situations and prompts; each variable has people. The estimate, its variance by factor in
    closed form (what a bootstrap tends to), Satterthwaite's degrees of freedom, and Student's interval."""
    rng = np.random.default_rng(11)
    cases = []
    for sides, situations, prompts, n in [((3, 4), 3, 4, 40), ((2, 2), 5, 2, 200), ((6, 3), 2, 6, 15)]:
        count = sum(sides)
        effects = rng.uniform(-0.1, 0.1, (count, 1, 1)) + rng.uniform(-0.06, 0.06, (1, situations, 1))
        effects = effects + rng.uniform(-0.05, 0.05, (1, 1, prompts)) + rng.uniform(-0.02, 0.02, (count, situations, prompts))
        means = np.round(0.5 + effects, 6)
        counts = rng.multinomial(n, [0.1, 0.2, 0.4, 0.3], count)
        at = np.arange(4) / 3
        shares = counts / counts.sum(axis=1, keepdims=True)
        people = shares @ at
        people_variance = (shares * (at - people[:, None]) ** 2).sum(axis=1) / counts.sum(axis=1)
        left = means - people[:, None, None]
        a, b = left[: sides[0]], left[sides[0] :]
        by_variable = [side.mean(axis=(1, 2)) for side in (a, b)]
        by_situation = a.mean(axis=(0, 2)) - b.mean(axis=(0, 2))
        by_prompt = a.mean(axis=(0, 1)) - b.mean(axis=(0, 1))
        # squared standard error of a mean, and its degrees of freedom
        parts = [
            (sum(v.var(ddof=1) / len(v) for v in by_variable), sum(len(v) - 1 for v in by_variable)),
            (by_situation.var(ddof=1) / situations, situations - 1),
            (by_prompt.var(ddof=1) / prompts, prompts - 1),
        ]
        of_people = (people_variance[: sides[0]].sum() / sides[0] ** 2) + (people_variance[sides[0] :].sum() / sides[1] ** 2)
        variance = sum(v for v, _ in parts) + of_people
        freedom = variance**2 / sum(v**2 / f for v, f in parts)
        reach = t.ppf(0.975, freedom) * np.sqrt(variance)
        estimate = a.mean() - b.mean()
        cases.append(
            {
                "sides": list(sides),
                "means": means.tolist(),
                "people": counts.tolist(),
                "estimate": twelve(estimate),
                "low": twelve(estimate - reach),
                "high": twelve(estimate + reach),
            }
        )
    return cases


def main() -> None:
    goldens = {
        "student": student(),
        "multinomial": multinomials(),
        "benjamini_hochberg": adjusted(),
        "contrasts": contrasts(),
    }
    sections = [
        f'"{name}": [\n' + ",\n".join("  " + json.dumps(case) for case in cases) + "\n]"
        for name, cases in goldens.items()
    ]
    OUT.write_text("{" + ",\n".join(sections) + "}\n")
    print(f"statistics.json: {OUT.stat().st_size} bytes, scipy {scipy.__version__}, numpy {np.__version__}")


if __name__ == "__main__":
    main()
