"""Computes verdicts anew from docs/statistics.md, with scipy's laws.

Reads a JSON document from standard input: `counts`, rows of baseline total and
bad, canary total and bad, a minute each; and `points`, two arms for the rank
test. Writes what has to come out.
"""

import json
import sys

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp
from scipy.stats import hypergeom, mannwhitneyu, nchypergeom_fisher, norm

ALPHA, SPREAD, PASS_MARGIN, HORIZON = 0.01, 0.1, 1.5, 60.0
NODES = SPREAD * np.arange(-8, 9) / 2
PRIOR = norm.logpdf(np.arange(-8, 9) / 2)
PRIOR -= logsumexp(PRIOR)
WORSE = np.append(np.linspace(np.log(1.5), np.log(4.0), 14), np.log(16))
BETTER = np.log(PASS_MARGIN) - np.append(np.linspace(np.log(1.2), np.log(3.0), 14), np.log(16))
MOST = 400.0
MIXTURE = 0.3 * np.sinh(0.07 * np.arange(-48, 49))


def law(row, ln_odds):
    """ln of the chance of the canary's count at each odds ratio."""
    baseline, bad, canary, ours = row
    both = bad + ours
    return np.array([
        nchypergeom_fisher.logpmf(ours, baseline + canary, both, canary, np.exp(one))
        for one in np.atleast_1d(ln_odds)
    ])


def share(variance, passed):
    """The part of the planned risk that may be spent."""
    if passed >= 1 or variance >= MOST:
        return 1.0
    if passed <= 0:
        return 0.0
    information = lambda v: v / (1 + SPREAD**2 * v)
    here, most = information(variance), information(MOST)
    rise = lambda i: np.log(1 + (i / 4) ** 2)
    early = (0.6 * min(1, 2 * information(variance / passed) / most)
             * min(1, rise(here) / rise(18)))
    return early + (1 - early) * max(passed**4, (here / most) ** 8)


def judge(rows):
    """The row that fails, and the figures after it or after the last one."""
    nodes, worse, better = np.zeros(17), np.full(15, -np.inf), np.zeros(15)
    chances, ours, variance, spent, telling, failed = {0: 1.0}, 0, 0.0, 0.0, 0, None
    for number, row in enumerate(rows, 1):
        baseline, bad, canary, count = row
        both, total = bad + count, baseline + canary
        low, high = max(0, both - baseline), min(both, canary)
        if low < high:
            centre = law(row, 0.0)[0]
            turn = telling // 10
            start = 0.1 if telling == 0 else 0.9 / (turn * (turn + 1)) if telling % 10 == 0 else 0
            if start:
                worse = np.logaddexp(worse, np.log(start))
            telling += 1
            worse += law(row, WORSE) - centre
            nodes += law(row, NODES) - centre
            better += law(row, BETTER) - law(row, np.log(PASS_MARGIN))[0]
            support = range(low, high + 1)
            single = hypergeom.pmf(list(support), total, both, canary)
            variance += hypergeom.var(total, both, canary)
            ours += count
            sums = {}
            for before, chance in chances.items():
                for more, one in zip(support, single):
                    sums[before + more] = sums.get(before + more, 0.0) + chance * one
            passed = (number / HORIZON) if number > 1 else 0.0
            allowed = 0.7 * ALPHA * share(variance, passed) - spent
            for top in sorted(sums, reverse=True):
                mixture = logsumexp(PRIOR + nodes + (top - ours) * NODES)
                weighed = sums[top] * np.exp(max(0.0, mixture))
                if weighed > allowed:
                    break
                allowed -= weighed
                spent += weighed
                del sums[top]
            chances = sums
        reserve = 0.9 / ((telling - 1) // 10 + 1) if telling else 1.0
        ln_e = np.logaddexp(logsumexp(worse) - np.log(15), np.log(reserve))
        ln_e -= max(0.0, logsumexp(PRIOR + nodes))
        if ours not in chances or ln_e >= -np.log(0.29 * ALPHA):
            failed = number
            break
    return {"row": failed, "interval": interval(rows[:failed]), "log_e_fail": float(ln_e), "spent": float(spent),
            "log_e_pass": float(logsumexp(better) - np.log(15)) if telling else 0.0}


def interval(rows):
    """The odds ratios that the rows do not refute, at a risk of 5 %."""
    total = lambda ln: sum(law(row, ln) for row in rows)
    logs = total(MIXTURE)
    level = logsumexp(logs) - np.log(len(MIXTURE)) + np.log(0.05)
    over = lambda ln: float(total(ln)[0] - level)
    best, far = MIXTURE[np.argmax(logs)], MIXTURE[-1]
    ends = [np.exp(brentq(over, best, side)) if over(side) < 0 else None
            for side in (-far, far)]
    return {"low": ends[0], "high": ends[1]}


def ranks(canary, baseline):
    """The normal score of the Mann-Whitney test, tied and continuous."""
    tail = mannwhitneyu(canary, baseline, alternative="greater", method="asymptotic").pvalue
    return float(norm.isf(tail))


STAKES = np.array([2.0 ** -k for k in range(5, 0, -1)] + [0.9375])


def bets(won):
    """ln E after each row, of all stakes with equal weights."""
    purses = [np.cumsum(np.log1p(stake * won), axis=-1) for stake in STAKES]
    return logsumexp(purses, axis=0) - np.log(len(STAKES))


def means(pairs):
    """Evidence that the canary's mean is above the limit, and below 1.5 times the baseline's."""
    baseline, canary = np.array(pairs).T
    limit = np.exp(3 * 0.1)
    return {"log_e_fail": float(bets(canary / limit - baseline)[-1]),
            "log_e_pass": float(bets(1.5 * baseline - canary)[-1])}


def gauges(seed, runs=2000, rows=200):
    """How many of some healthy gauges ever fail at 0.7 %: of independent values on the
    limit itself, and of an autoregression where versions differ by the default spread."""
    draw = np.random.default_rng(seed)
    share = lambda found: float((found.max(axis=1) >= -np.log(0.007)).mean())

    def gauge(memory, deviation):
        values = draw.normal(size=(runs, rows)) * deviation
        for row in range(1, rows):
            values[:, row] = memory * values[:, row - 1] + np.sqrt(1 - memory**2) * values[:, row]
        return np.clip(0.3 * np.exp(values), 0, 1)

    on_limit = share(bets(gauge(0, 0.6) - gauge(0, 0.6)))
    slow = share(bets(gauge(0.9, 0.2) / np.exp(0.3) - gauge(0.9, 0.2)))
    return {"on_limit": on_limit, "slow": slow}


asked = json.load(sys.stdin)
json.dump({"judged": [judge(rows) for rows in asked["counts"]],
           "ranks": [ranks(*pair) for pair in asked["points"]],
           "means": [means(pairs) for pairs in asked["means"]],
           "gauges": gauges(asked["seed"])}, sys.stdout)
