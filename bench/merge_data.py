#!/usr/bin/env python3
"""Make the tables of the merge benchmark from a seed: merge_data.py FOLDER

price.csv     100,000 rows  InstanceType, Region, AZ, SpotPrice, OndemandPrice (null in about 2 %)
sps.csv        60,000 rows  InstanceType, Region, AZ, SPS 1..10; 300 keys are not in price
if.csv         25,000 rows  InstanceType, Region, IF, Savings; 125 keys are in neither of the others
previous.csv   the merged table of ten minutes before: of the rows to come 1 % are missing and 5 % differ in one
               value, and it has 1 % rows that are to vanish
truth.json     rows of the merged table, and how many were added, removed and changed

The three are joined outer: price and sps on all three keys, if on the first two; a row of `if` alone has AZ "".
A null is written as \\N. The benchmark's pipeline `tables` makes Parquet of them.
"""
import csv
import json
import pathlib
import random
import sys

SEED = 7041
PRICES, SCORES, ADVICE, ONLY_SCORES, ONLY_ADVICE = 100_000, 60_000, 25_000, 300, 125
VALUES = ["SpotPrice", "OndemandPrice", "SPS", "IF", "Savings"]


def names():
    families = [letter + str(generation) + kind for letter in "cdgimprtxz" for generation in range(3, 9)
                for kind in ("", "a", "d", "g", "i", "n")]
    sizes = ["nano", "micro", "small", "medium", "large", "xlarge"] + [f"{n}xlarge" for n in (2, 4, 8, 12, 16, 24)] + ["metal"]
    machines = [f"{family}.{size}" for family in families for size in sizes]
    regions = [f"{area}-{side}-{n}" for area in ("af", "ap", "ca", "eu", "il", "me", "us")
               for side in ("central", "north") for n in (1, 2)]
    return machines, regions


def changed(column, value):
    """Another value that the column may have."""
    return [lambda: round(value * 1.07 + 0.0003, 4), lambda: round(value + 0.01, 4), lambda: value % 10 + 1,
            lambda: 1.0 if value >= 3 else value + 0.5, lambda: value + 1][column]()


def write(folder, name, columns, rows):
    with (folder / f"{name}.csv").open("w", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(columns)
        lines.writerows([r"\N" if value is None else value for value in row] for row in rows)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(SEED)
    machines, regions = names()
    zones = [(region, f"{region.replace('-', '')}-az{n}") for region in regions for n in range(1, 5)]
    picked = chance.sample(range(len(machines) * len(zones)), PRICES + ONLY_SCORES + 2_000)
    keys = [(machines[code // len(zones)], *zones[code % len(zones)]) for code in picked]
    with_price, score_only, spare = keys[:PRICES], keys[PRICES:PRICES + ONLY_SCORES], keys[PRICES + ONLY_SCORES:]

    ondemand = {machine: round(chance.lognormvariate(-0.5, 1.2) + 0.005, 4) for machine in machines}
    prices = {key: (round(ondemand[key[0]] * chance.uniform(0.1, 0.9), 4),
                    None if chance.random() < 0.02 else ondemand[key[0]]) for key in with_price}
    scores = {key: chance.randint(1, 10) for key in chance.sample(with_price, SCORES - ONLY_SCORES) + score_only}
    pairs = sorted({key[:2] for key in with_price})
    taken = set(pairs) | {key[:2] for key in score_only}
    absent = [(machine, region) for machine in machines for region in regions if (machine, region) not in taken]
    advice = {pair: (chance.choice((1.0, 1.5, 2.0, 2.5, 3.0)), chance.randint(20, 90))
              for pair in chance.sample(pairs, ADVICE - ONLY_ADVICE) + chance.sample(absent, ONLY_ADVICE)}

    merged = {key: [*prices.get(key, (None, None)), scores.get(key), *advice.get(key[:2], (None, None))]
              for key in with_price + score_only}
    merged.update({(*pair, ""): [None, None, None, *values] for pair, values in advice.items() if pair not in taken})

    order = list(merged)
    chance.shuffle(order)
    few, more = len(order) // 100, len(order) // 20
    added, differing = set(order[:few]), order[few:few + more]
    previous = {key: list(values) for key, values in merged.items() if key not in added}
    for key in differing:
        column = chance.choice([i for i, value in enumerate(previous[key]) if value is not None])
        previous[key][column] = changed(column, previous[key][column])
    for key in spare[:few]:
        previous[key] = [0.1234, 1.5, None, None, None]

    write(folder, "price", ["InstanceType", "Region", "AZ", *VALUES[:2]], [(*k, *v) for k, v in prices.items()])
    write(folder, "sps", ["InstanceType", "Region", "AZ", "SPS"], [(*k, v) for k, v in scores.items()])
    write(folder, "if", ["InstanceType", "Region", *VALUES[3:]], [(*k, *v) for k, v in advice.items()])
    rows = [(*key, *values, "2025-10-01 00:00:00") for key, values in previous.items()]
    chance.shuffle(rows)
    write(folder, "previous", ["InstanceType", "Region", "AZ", *VALUES, "Time"], rows)
    truth = {"rows": len(merged), "added": few, "removed": few, "changed": more}
    (folder / "truth.json").write_text(json.dumps(truth) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
