"""Whether the statistics of a study keep their error rates, on made-up studies whose truth is known.

    python scripts/benchmarks/statistics_controls.py --output statistics_controls.json
    python scripts/benchmarks/statistics_controls.py --studies 100      # a look, in seconds

Each world is 1,000 studies of two heads, each with s runs (training seeds), on n test samples. Run i of head h sees
sample j as

    z = m_h + u_j + v_hj + r_hi + e_hij        (independent normal numbers; u + v + e have variance 1)

    u  difficulty of a sample, the same for both heads          (what makes pairing worth while)
    v  what one head finds hard and the other does not           (0 where a head is compared with itself)
    r  luck of a training seed, given in points of accuracy; a share of it may be common to run i of both heads
    e  what a seed does to a single sample

and is right where z > 0; its loss is ln(1 + exp(-3 z)); its score in `average precision` is z plus a signal where the
label is positive, and r changes that signal. m_h is solved for the accuracy wanted, so the truth is known. Samples and
seeds are drawn anew in every study.

    interval   the main interval: equal heads are called different in 3 to 7 %, the truth is inside in 93 to 97 %, a
               planted difference of 2 points of accuracy is found in 80 % at least (s = 5, n = 2,000)
    tests      each calls equal heads different in 7 % at most, under the null hypothesis that is its own
"told" in the last column: no demand; the rate of a rival, or of a test outside its own null hypothesis.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm, t

from torchheads.study.base import Difference
from torchheads.study.functional import over_samples, over_seeds
from torchheads.study.functional.crossed import crossed_mean, metric_difference, paired_difference

LEVEL, SHARPNESS, SIGNAL, POSITIVE = 0.95, 3.0, 1.0, 0.3
Study = tuple[np.ndarray, np.ndarray, np.ndarray]


class World(NamedTuple):
    """Where studies come from; variances ``own`` (v) and ``noise`` (e), ``luck`` (r) in points of accuracy."""

    name: str
    own: float
    luck: float
    accuracies: tuple[float, float] = (0.9, 0.9)
    noise: float = 0.25
    common_luck: float = 0.0
    quantity: str = "accuracy"
    seeds: int = 5
    samples: int = 2000
    demanded: bool = True
    tests: str = ""  # "demanded" or "told": what the tests of samples are asked here

    def studies(self, number: int, random: np.random.Generator) -> Iterator[Study]:
        """Values of both heads, (s, n) each, and the target (n,)."""
        for _ in range(number):
            shared = random.standard_normal(self.samples) * (1 - self.own - self.noise) ** 0.5
            luck, target = random.standard_normal(self.seeds), random.random(self.samples) < POSITIVE
            first, second = (self.head(accuracy, shared, luck, target, random) for accuracy in self.accuracies)
            yield first, second, target

    def head(
        self, accuracy: float, shared: np.ndarray, luck: np.ndarray, target: np.ndarray, random: np.random.Generator
    ) -> np.ndarray:
        """Values of one head, (s, n)."""
        middle, scale = self.solved(accuracy)
        own_luck = self.common_luck**0.5 * luck + (1 - self.common_luck) ** 0.5 * random.standard_normal(self.seeds)
        seen = shared + self.own**0.5 * random.standard_normal(self.samples)
        seen = seen + self.noise**0.5 * random.standard_normal((self.seeds, self.samples))
        if self.quantity == "average precision":
            return seen + target * (SIGNAL + scale * own_luck)[:, None]
        seen += middle + scale * own_luck[:, None]
        return (seen > 0).astype(float) if self.quantity == "accuracy" else np.logaddexp(0, -SHARPNESS * seen)

    def solved(self, accuracy: float) -> tuple[float, float]:
        """The mean m of z that gives an accuracy, and the deviation of r that gives its luck."""
        quantile = float(norm.ppf(accuracy))
        scale = self.luck / 100 / float(norm.pdf(quantile))
        return quantile * (1 + scale**2) ** 0.5, scale


@cache
def truth(world: World) -> float:
    """The expected difference of the heads."""
    if world.quantity == "accuracy":
        return world.accuracies[0] - world.accuracies[1]
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    losses = []
    for middle, scale in map(world.solved, world.accuracies):
        seen = middle + (1 + scale**2) ** 0.5 * nodes
        losses.append(float(np.logaddexp(0, -SHARPNESS * seen) @ weights / weights.sum()))
    return losses[0] - losses[1] if world.quantity == "loss" else 0.0


PLANTED = (0.9, 0.88)
WORLDS = [
    World("a head and itself, equal luck", 0, 0, tests="demanded"),
    World("a head and itself, luck 0.3", 0, 0.3),
    World("a head and itself, luck 0.5", 0, 0.5, tests="told"),
    World("a head and itself, luck 1", 0, 1),
    World("a head and itself, luck 1, half common", 0, 1, common_luck=0.5),
    World("a head and itself, 98 % right, luck 0.3", 0, 0.3, (0.98, 0.98)),
    World("equal heads, equal luck", 0.1, 0),
    World("equal heads, luck 0.5", 0.1, 0.5),
    World("equal heads, luck 2", 0.1, 2),
    World("equal heads, seeds alike", 0.1, 0.3, noise=0.02),
    World("equal heads, loss", 0.1, 0.5, quantity="loss"),
    World("equal heads, average precision, n = 500", 0.1, 0.5, quantity="average precision", samples=500),
    World("2 points planted, luck 0.3", 0.1, 0.3, PLANTED),
    World("2 points planted, luck 0.5", 0.1, 0.5, PLANTED),
    World("2 points planted, luck 1", 0.1, 1, PLANTED),
    World("2 points planted, loss, luck 0.5", 0.1, 0.5, PLANTED, quantity="loss"),
    World("equal heads, luck 0.5, s = 2", 0.1, 0.5, seeds=2, demanded=False),
    World("equal heads, luck 0.5, s = 3", 0.1, 0.5, seeds=3, demanded=False),
    World("equal heads, luck 0.5, s = 10", 0.1, 0.5, seeds=10, demanded=False),
    World("equal heads, luck 0.5, n = 200", 0.1, 0.5, samples=200, demanded=False),
]

# Rivals of the main interval: each gives low and high -----------------------------------------------------------------


def seeds_alone(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """t over the seeds' differences: the samples stay."""
    found = over_seeds.seed_mean((first - second).mean(axis=1), LEVEL)
    return found.low, found.high


def samples_alone(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """t over the samples' differences: the seeds stay."""
    found = over_seeds.seed_mean((first - second).mean(axis=0), LEVEL)
    return found.low, found.high


def seeds_unpaired(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """As the main interval, but run i of one head is no nearer to run i of the other than to any."""
    seeds, samples = first.shape
    both = np.cov(np.vstack([first, second])) / samples
    own, across = [both[:seeds, :seeds], both[seeds:, seeds:]], both[:seeds, seeds:]
    pairs = seeds * (seeds - 1)
    shared = sum((part.sum() - np.trace(part)) / pairs for part in own) - 2 * (across.sum() - np.trace(across)) / pairs
    parts = np.array([values.mean(axis=1).var(ddof=1) / seeds for values in (first, second)])
    variance = parts.sum() + max(shared, 0)
    half = t.ppf((1 + LEVEL) / 2, variance**2 / (parts**2 / (seeds - 1)).sum()) * variance**0.5
    estimate = (first - second).mean()
    return estimate - half, estimate + half


@cache
def draws(size: int, number: int) -> np.ndarray:
    """Shares of each of ``size`` things when drawn with replacement, (number, size); the same in all studies."""
    counts = np.random.default_rng(size).multinomial(size, np.ones(size) / size, number)
    return (counts / size).astype(np.float32)


def crossed_percentiles(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Seeds and samples drawn with replacement, 2.5 % and 97.5 % of 400 means."""
    difference = (first - second).astype(np.float32)
    seeds, samples = difference.shape
    means = (draws(seeds, 400) * (draws(samples, 400) @ difference.T)).sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


OF_SAMPLES = ("BCa bootstrap of samples", "McNemar, one seed", "McNemar, any seed, Holm", "sign flips of samples")
RIVALS: dict[str, Callable[..., tuple[float, float]]] = {
    "t over seeds alone": seeds_alone,
    "t over samples alone": samples_alone,
    "seeds unpaired": seeds_unpaired,
    "crossed bootstrap, percentiles": crossed_percentiles,
}


def average_precision(scores: np.ndarray, target: np.ndarray) -> float:
    """Mean precision at the positives."""
    ranked = target[np.argsort(-scores)]
    return float((ranked.cumsum() / np.arange(1, len(ranked) + 1))[ranked].mean())


def holm_least(p_values: np.ndarray) -> float:
    """The smallest of Holm's adjusted p-values; `holm` gives the same and takes a thousand times as long."""
    return min(float(len(p_values) * p_values.min()), 1.0)


# One world ------------------------------------------------------------------------------------------------------------


def main_interval(world: World, study: Study) -> Difference:
    """The interval that verdicts read."""
    first, second, target = study
    if world.quantity == "average precision":
        return metric_difference(average_precision, first, second, target, LEVEL, resamples=100)
    return paired_difference(first, second, LEVEL)


def p_values(world: World, first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Of each test."""
    found = {"permutation of seeds": over_seeds.seed_permutation(first.mean(axis=1), second.mean(axis=1))}
    if world.tests:
        each = over_samples.mcnemar(first, second)
        found["McNemar, one seed"] = float(each[0])
        found["McNemar, any seed, Holm"] = holm_least(each)
        found["sign flips of samples"] = over_samples.sign_flips(first, second, resamples=499)
    return found


def intervals(world: World, study: Study, main: Difference) -> dict[str, tuple[float, float]]:
    """Of each method low and high."""
    first, second, _ = study
    found = {"main interval": (main.low, main.high)}
    if world.quantity != "average precision":
        found |= {name: rival(first, second) for name, rival in RIVALS.items()}
    if world.tests:
        found["BCa bootstrap of samples"] = over_samples.bootstrap_interval(first, second, LEVEL, resamples=999)[1:3]
    return found


def one_study(world: World, study: Study) -> tuple[dict[str, list[float]], float]:
    """Of each method whether it calls the heads different, covers the truth, and its width; and the main p-value."""
    main, true = main_interval(world, study), truth(world)
    found = {
        name: [float(low > 0 or high < 0), float(low <= true <= high), high - low]
        for name, (low, high) in intervals(world, study, main).items()
    }
    if world.quantity != "average precision":
        tests = p_values(world, *study[:2])
        found |= {name: [float(p_value <= 1 - LEVEL), np.nan, np.nan] for name, p_value in tests.items()}
    if world.quantity == "accuracy":
        one = crossed_mean(study[0], LEVEL)
        found["mean of one head"] = [np.nan, float(one.low <= world.accuracies[0] <= one.high), one.high - one.low]
    return found, main.p_value


def demands(world: World, name: str) -> dict[str, tuple[float, float]]:
    """What is asked of a method in a world: bounds of its rates."""
    equal = world.accuracies[0] == world.accuracies[1]
    if name == "main interval" and world.demanded:
        found = (0.03, 0.07) if equal else (0.8, 1.0) if world.quantity == "accuracy" and world.luck <= 0.5 else None
        return {"covered": (0.93, 0.97)} | ({"different": found} if found else {})
    if name == "mean of one head" and world.demanded:
        return {"covered": (0.93, 0.97)}
    own_null = name == "permutation of seeds" and world.own == 0 and equal
    own_null |= world.tests == "demanded" and name in OF_SAMPLES
    cover = {"covered": (0.93, 0.97)} if own_null and name == OF_SAMPLES[0] else {}
    return {"different": (0.0, 0.07)} | cover if own_null else {}


def records(world: World, number: int) -> tuple[list[dict[str, Any]], list[float]]:
    """A record a method, and the main p-values."""
    random = np.random.default_rng([WORLDS.index(world), 2026])
    studies = [one_study(world, study) for study in world.studies(number, random)]
    told = []
    for name in studies[0][0]:
        different, covered, width = np.mean([found[name] for found, _ in studies], axis=0)
        rates = {"different": float(different), "covered": float(covered), "width": float(width)}
        asked = demands(world, name)
        kept = all(low <= rates[rate] <= high for rate, (low, high) in asked.items()) if asked else None
        told.append({"world": world.name, "method": name, **rates, "asked": asked, "kept": kept})
    return told, [p_value for _, p_value in studies]


def family(p_values: list[list[float]]) -> dict[str, Any]:
    """How often Holm lets any of several equal pairs through, and how often it would be without."""
    table = np.array(p_values).T
    any_one = float(np.mean([holm_least(row) <= 1 - LEVEL for row in table]))
    name = f"all {table.shape[1]} worlds of a head and itself, Holm"
    rates = {"different": any_one, "uncorrected": float((table <= 1 - LEVEL).any(axis=1).mean())}
    return {
        "world": name,
        "method": "main interval",
        **rates,
        "asked": {"different": (0, 0.07)},
        "kept": any_one <= 0.07,
    }


def line(record: dict[str, Any]) -> str:
    """A line of the table."""
    rates = [f"{100 * record.get(rate, np.nan):7.1f} %" for rate in ("different", "covered")]
    word = {True: "kept", False: "NOT KEPT", None: "told"}[record["kept"]]
    return f"{record['world']:<44}{record['method']:<32}{''.join(rates)}{record.get('width', np.nan):9.4f}  {word}"


def main() -> None:
    """Print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="in each world")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    found, families = [], []
    print(f"{'world':<44}{'method':<32}{'different':>9}{'covered':>9}{'width':>9}")
    for world in WORLDS:
        told, main_p_values = records(world, options.studies)
        families += [main_p_values] if world.name.startswith("a head and itself") else []
        found += told
        print("\n".join(map(line, told)), flush=True)
    found.append(family(families))
    print(line(found[-1]), f"(uncorrected {100 * found[-1]['uncorrected']:.1f} %)")
    print(f"{time.process_time():.0f} s; not kept: {sum(record['kept'] is False for record in found)}")
    if options.output:
        told = json.dumps(found, indent=2).replace("NaN", "null")
        options.output.write_text(told + "\n")


if __name__ == "__main__":
    main()
