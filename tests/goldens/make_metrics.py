"""Writes metrics.json: distances between pairs of response distributions, as scipy and numpy compute them.

Knows nothing about surveys or the Rust code. p and q are over options with strictly increasing values.
Entropies are in nats, Jensen-Shannon is the divergence in bits, Wasserstein-1 is divided by the range of the
values, so that opposite ends of any scale are 1 apart.

    python make_metrics.py
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, wasserstein_distance

OUT = Path(__file__).parent / "metrics.json"


def point(k: int, at: int) -> list[float]:
    return [1.0 if i == at else 0.0 for i in range(k)]


def uniform(k: int) -> list[float]:
    return [1.0 / k] * k


def by_hand() -> list[tuple]:
    """name, p, q, values: the corners, where conventions differ."""
    u = [0.1, 0.2, 0.3, 0.4]
    return [
        ("opposite point masses, K 2", point(2, 0), point(2, 1), [1, 2]),
        ("opposite point masses, K 4", point(4, 3), point(4, 0), [1, 2, 3, 4]),
        ("opposite point masses, K 7", point(7, 0), point(7, 6), [1, 2, 3, 4, 5, 6, 7]),
        ("opposite point masses, uneven values", point(3, 0), point(3, 2), [0, 1, 10]),
        ("neighbouring point masses, uneven values", point(3, 1), point(3, 2), [0, 1, 10]),
        ("the same point mass", point(5, 2), point(5, 2), [1, 2, 3, 4, 5]),
        ("point mass against uniform", point(4, 1), uniform(4), [1, 2, 3, 4]),
        ("uniform against point mass", uniform(4), point(4, 1), [1, 2, 3, 4]),
        ("end point mass against uniform, K 6", point(6, 5), uniform(6), [0, 1, 2, 3, 4, 5]),
        ("both uniform", uniform(3), uniform(3), [1, 2, 3]),
        ("equal", u, u, [1, 2, 3, 4]),
        ("one reversed", u, u[::-1], [1, 2, 3, 4]),
        ("equal means, different shapes", [0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [-1, 0, 1]),
        ("equal entropies, different places", [0.9, 0.1, 0.0], [0.0, 0.1, 0.9], [1, 2, 3]),
        ("disjoint supports, interleaved", [0.5, 0.0, 0.5, 0.0], [0.0, 0.5, 0.0, 0.5], [1, 2, 3, 4]),
        ("zeros in the same place", [0.25, 0.0, 0.75], [0.6, 0.0, 0.4], [1, 2, 3]),
        ("zeros in p only", [0.0, 0.3, 0.7, 0.0], [0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4]),
        ("almost equal", [0.3, 0.3 + 1e-9, 0.4 - 1e-9], [0.3, 0.3, 0.4], [1, 2, 3]),
        ("almost a point mass", [1e-12, 1.0 - 2e-12, 1e-12], [0.2, 0.6, 0.2], [1, 2, 3]),
        ("tied modes", [0.4, 0.4, 0.2], [0.5, 0.0, 0.5], [1, 2, 3]),
        ("negative and fractional values", [0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [-2.5, 0.25, 3.75]),
        ("two options, uneven value", [0.8, 0.2], [0.35, 0.65], [0, 4]),
        ("far values", [0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [1, 100, 1000]),
    ]


def drawn() -> list[tuple]:
    """Random pairs for every K from 2 to 7, by turns flat, peaked, with zeros, and with uneven values."""
    rng = np.random.default_rng(20250115)
    cases = []
    for k in range(2, 8):
        for kind, concentration in (("flat", 3.0), ("peaked", 0.3), ("sparse", 1.0)):
            p, q = rng.dirichlet([concentration] * k), rng.dirichlet([concentration] * k)
            values = np.arange(1, k + 1)
            if kind == "sparse":
                p[rng.integers(k)] = 0.0
                p /= p.sum()
                values = np.cumsum(np.round(rng.uniform(0.25, 3.0, k), 2)).round(2)
            cases.append((f"random, {kind}, K {k}", p.tolist(), q.tolist(), values.tolist()))
    return cases


def twelve(x: float) -> float:
    """Twelve significant digits, and no minus before a zero."""
    return float(f"{x:.12g}") + 0.0


def variance(p: np.ndarray, v: np.ndarray) -> float:
    return float(np.average((v - np.average(v, weights=p)) ** 2, weights=p))


def score(p: np.ndarray, q: np.ndarray) -> float | None:
    """100 for people's own distribution q, 0 for what is as far from them as equal shares are."""
    even = np.abs(q - 1 / len(q)).sum() / 2
    return twelve(100 * (1 - np.abs(p - q).sum() / 2 / even)) if even > 1e-12 else None


def measure(name: str, p: list[float], q: list[float], values: list[float]) -> dict:
    assert abs(sum(p) - 1) < 1e-12 and abs(sum(q) - 1) < 1e-12 and min(p + q) >= 0, name
    assert all(a < b for a, b in zip(values, values[1:])), name
    P, Q, V = np.array(p), np.array(q), np.array(values, dtype=float)
    entropy_p, entropy_q = entropy(P), entropy(Q)
    return {
        "name": name,
        "p": p,
        "q": q,
        "values": [float(v) for v in values],
        "total_variation": twelve(np.abs(P - Q).sum() / 2),
        "jensen_shannon_bits": twelve(jensenshannon(P, Q, base=2) ** 2),
        "wasserstein_1": twelve(wasserstein_distance(V, V, P, Q) / (V.max() - V.min())),
        "mean_difference": twelve(P @ V - Q @ V),
        "entropy_p": twelve(entropy_p),
        "entropy_q": twelve(entropy_q),
        "entropy_ratio": twelve(entropy_p / entropy_q) if entropy_q > 0 else None,
        "modal_mass_p": twelve(P.max()),
        "modal_mass_q": twelve(Q.max()),
        "jensen_shannon_distance": twelve(jensenshannon(P, Q, base=2)),
        "kullback_leibler": twelve(entropy(0.99 * Q + 0.01 / len(Q), 0.99 * P + 0.01 / len(P))),
        "kolmogorov_smirnov": twelve(np.abs(np.cumsum(P - Q)).max()),
        "alignment": twelve(1 - wasserstein_distance(V, V, P, Q) / (V.max() - V.min())),
        "total_variation_score": score(P, Q),
        "variance_ratio": twelve(variance(P, V) / variance(Q, V)) if Q.max() < 1 else None,
    }


def check(case: dict) -> None:
    """Laws that hold whatever scipy says."""
    for key in ("total_variation", "jensen_shannon_bits", "wasserstein_1"):
        assert 0.0 <= case[key] <= 1.0, (case["name"], key, case[key])
        assert (case[key] == 0.0) == (case["p"] == case["q"]) or case["name"] == "almost equal", (
            case["name"],
            key,
        )
    if case["name"].startswith("opposite"):
        assert case["wasserstein_1"] == case["total_variation"] == case["jensen_shannon_bits"] == 1.0, case


def main() -> None:
    cases = [measure(*case) for case in by_hand() + drawn()]
    for case in cases:
        check(case)
    body = ",\n".join("  " + json.dumps(case) for case in cases)
    OUT.write_text('{"cases": [\n' + body + "\n]}\n")
    versions = f"scipy {scipy.__version__}, numpy {np.__version__}"
    print(f"metrics.json: {len(cases)} cases, {OUT.stat().st_size} bytes, {versions}")


if __name__ == "__main__":
    main()
