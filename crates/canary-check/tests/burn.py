"""Computes burn rates, budgets and their ends anew, with exact fractions.

Reads a JSON list of cases from standard input and writes, for each, what has to
come out, as the words of one line. The formulas are those of docs/slo.md.
"""

import json
import sys
from fractions import Fraction
from math import floor

WHOLE = 10**9
YEAR = 366 * 86_400_000


def cut(number, places):
    """A decimal, cut off, without zeros at the end."""
    digits = str(floor(number * 10**places)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}"
    return text.rstrip("0").rstrip(".")


def until(time):
    """When something ends that lasts so many milliseconds."""
    return "later" if time > YEAR else str(floor(time))


def line(case):
    budget = Fraction(WHOLE - case["target"], WHOLE)
    share, period = Fraction(case["share"], WHOLE), case["period"]
    factor = share * period / case["long"]
    words = [f"factor {factor.numerator}/{factor.denominator}"]
    words.append(f"threshold {cut(factor * budget, 20)}")
    words.append(f"reachable {str(factor * budget < 1).lower()}")
    fewest = -floor(-1 / (factor * budget))
    words.append(f"fewest {fewest}" if fewest < 2**64 else "fewest none")
    delay = factor * budget * case["long"]
    words.append(f"delay {floor(delay)}" if factor * budget < 1 else "delay never")

    def burn(bad, total):
        return Fraction(bad, total) / budget if total else None

    (short, long) = (burn(*case["short_events"]), burn(*case["long_events"]))
    if short is None or long is None:
        return " ".join(words + ["silent"])
    words.append(f"burn {short.numerator}/{short.denominator} {long.numerator}/{long.denominator}")
    if case["long_events"][1] < case["minimum"]:
        words.append("few")
    else:
        words.append("fires" if min(short, long) > factor else "quiet")
    words.append(f"left {floor((1 - long) * WHOLE)}")
    words.append(f"reaches {str(1 - long >= Fraction(case['points'], 10_000)).lower()}")
    if long >= 1:
        end = "already"
    elif short == 0:
        end = "never"
    else:
        end = until((1 - long) * period / short)
    words.append(f"ends {end}")
    weight, limit = (Fraction(case[name], 10_000) for name in ("weight", "points"))
    if short == 0:
        stake = "never"
    elif limit == 0:
        stake = "already"
    else:
        stake = until(limit * period / (weight * short)) if weight else "later"
    words.append(f"stake {stake}")
    return " ".join(words)


json.dump([line(case) for case in json.load(sys.stdin)], sys.stdout)
