#!/usr/bin/env python3
"""The derivation of azure-spot by a peer: peers.py duckdb|pandas GIVEN HEAD OUTPUT

GIVEN has price, interruption, resource_skus and placement as Parquet, HEAD is the snapshot before. From tables in memory:
capacity state, joins, changes, and the legacy files latest.json and raw.csv.gz. Prints rows, changes by kind and the seconds
of that, without start and reading, as JSON.
"""
import json
import sys
import time

KEY = ["instance_tier", "instance_type", "region_code", "zone"]
COMPARED = ["ondemand_price", "spot_price", "interruption_score", "score", "t2", "t3"]
COUNTS = [1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50]
TABLES = ("price", "interruption", "resource_skus", "placement")
SLOT = "2026-08-02 00:20:00"
LEGACY = {"InstanceTier": "instance_tier", "InstanceType": "instance_type", "Region": "region_name", "OndemandPrice": "ondemand_price",
          "SpotPrice": "spot_price", "Savings": "savings", "IF": "interruption_score", "DesiredCount": "last_count",
          "AvailabilityZone": "zone", "Score": "last_score", "Time": None, "T2": "t2", "T3": "t3"}
FILLS = {"OndemandPrice": -1.0, "Savings": -1.0, "IF": -1.0, "DesiredCount": -1, "Score": -1, "T2": 0, "T3": 0}


def by_duckdb(given, head, output):
    import duckdb
    base = duckdb.connect(config={"threads": 1})
    base.execute("SET TimeZone = 'UTC'")
    for name in TABLES:
        base.execute(f"CREATE TABLE {name} AS FROM '{given}/{name}.parquet'")
    base.execute(f"CREATE TABLE head AS FROM '{head}'")
    started = time.perf_counter()
    keys = ", ".join(f"coalesce(a.{name}, h.{name}) AS {name}" for name in KEY)
    same = " AND ".join(f"a.{name} = h.{name}" for name in KEY)
    smaller = " ".join(f"WHEN {count} THEN {before}" for before, count in zip([0, *COUNTS], COUNTS))
    base.execute(f"""CREATE TABLE capacity AS
        WITH answers AS (SELECT *, CASE desired_count {smaller} ELSE 0 END AS f FROM placement WHERE wanted
                         QUALIFY row_number() OVER (PARTITION BY {', '.join(KEY)} ORDER BY call) = 1),
             joined AS (SELECT {keys}, a.score AS s, a.desired_count AS c, a.f, h.score AS p, coalesce(h.t2, 0) AS q2, coalesce(h.t3, 0) AS q3,
                        h.t2 AS h2, h.t3 AS h3, h.last_score AS l, h.last_count AS n, h.scored_at AS w, a.asked_at, a.score_text,
                        h.answer_text, h.answered_at,
                        CASE WHEN a.score IS NULL THEN h.score WHEN a.desired_count = 1 OR h.score IS NULL THEN a.score
                             ELSE greatest(a.score, h.score) END AS score
                        FROM answers a FULL JOIN (FROM head WHERE zone IS NOT NULL) h ON {same})
        SELECT {', '.join(KEY)}, score,
               CASE WHEN s IS NULL THEN h2 WHEN score < 2 THEN 0 WHEN s >= 2 THEN greatest(c, q2) ELSE least(f, q2) END AS t2,
               CASE WHEN s IS NULL THEN h3 WHEN score < 3 THEN 0 WHEN s >= 3 THEN greatest(c, q3) ELSE least(f, q3) END AS t3,
               coalesce(s, l) AS last_score, CASE WHEN s IS NULL THEN n ELSE c END AS last_count,
               CASE WHEN s IS NULL THEN w ELSE asked_at END AS scored_at, coalesce(score_text, answer_text) AS answer_text,
               coalesce(asked_at, answered_at) AS answered_at
        FROM joined""")
    base.execute("""CREATE TABLE snapshot AS
        SELECT p.*, c.zone, s.instance_family, s.vcpus, s.memory_gib, s.offered_zones,
               (p.ondemand_price - p.spot_price) / p.ondemand_price * 100 AS savings, i.interruption_at, i.interruption_band,
               i.interruption_score, c.score, c.t2, c.t3, c.last_score, c.last_count, c.scored_at, c.answer_text, c.answered_at
        FROM price p
        LEFT JOIN interruption i ON lower(i.region_code) = lower(p.region_code) AND lower(i.sku) = lower(p.sku)
        LEFT JOIN resource_skus s ON lower(s.region_code) = lower(p.region_code) AND lower(s.sku) = lower(p.sku)
        LEFT JOIN capacity c ON lower(c.region_code) = lower(p.region_code)
             AND lower(c.instance_tier || '_' || c.instance_type) = lower(p.sku)
        WHERE p.spot_price IS NOT NULL
        ORDER BY p.instance_tier, p.instance_type, p.region_code, c.zone NULLS FIRST""")
    same = " AND ".join(f"n.{name} IS NOT DISTINCT FROM o.{name}" for name in KEY)
    differs = " OR ".join(f"n.{name} IS DISTINCT FROM o.{name}" for name in COMPARED)
    base.execute(f"""CREATE TABLE changes AS
        SELECT CASE WHEN o.sku IS NULL THEN 'added' WHEN n.sku IS NULL THEN 'removed' ELSE 'changed' END AS kind, n.*
        FROM snapshot n FULL JOIN head o ON {same} WHERE o.sku IS NULL OR n.sku IS NULL OR {differs}""")
    names = {"Time": f"'{SLOT}'", "AvailabilityZone": "replace(zone, 'regional', 'Single')", "Region": "coalesce(region_name, region_code)"}
    columns = ", ".join(f'coalesce({names.get(name, column)}, {FILLS[name]}) AS "{name}"' if name in FILLS
                        else f'{names.get(name, column)} AS "{name}"' for name, column in LEGACY.items())
    base.execute(f"""CREATE TABLE legacy AS SELECT {columns} FROM snapshot WHERE zone IS NOT NULL
        ORDER BY "InstanceTier", "InstanceType", "Region", "AvailabilityZone" """)
    base.execute(f"COPY (SELECT *, row_number() OVER () AS id FROM legacy) TO '{output}/latest.json' (FORMAT json, ARRAY true)")
    base.execute(f"COPY legacy TO '{output}/raw.csv.gz' (FORMAT csv, HEADER, COMPRESSION gzip)")
    seconds = time.perf_counter() - started
    kinds = dict(base.execute("SELECT kind, count(*) FROM changes GROUP BY 1").fetchall())
    return base.execute("SELECT count(*) FROM snapshot").fetchone()[0], kinds, seconds


def by_pandas(given, head, output):
    import numpy as np
    import pandas as pd
    price, interruption, skus, placement = (pd.read_parquet(f"{given}/{name}.parquet") for name in TABLES)
    head = pd.read_parquet(head)
    started = time.perf_counter()
    answers = placement[placement["wanted"]].sort_values("call", kind="stable").drop_duplicates(KEY)
    smaller = dict(zip(COUNTS, [0, *COUNTS]))
    before = head.loc[head["zone"].notna(), [*KEY, "score", "t2", "t3", "last_score", "last_count", "scored_at", "answer_text", "answered_at"]]
    both = answers.rename(columns={"score": "s"}).merge(before, on=KEY, how="outer")
    s, p, c = both["s"], both["score"], both["desired_count"]
    f = c.map(smaller)
    known = s.notna()
    score = s.where((c == 1) | p.isna(), np.fmax(s, p)).where(known, p)
    for name, least in (("t2", 2), ("t3", 3)):
        q = both[name].fillna(0)
        value = np.where(score < least, 0, np.where(s >= least, np.maximum(c, q), np.minimum(f, q)))
        both[name] = pd.Series(value, index=both.index).where(known, both[name])
    both["score"] = score
    both["last_score"], both["last_count"] = s.where(known, both["last_score"]), c.where(known, both["last_count"])
    both["scored_at"] = both["asked_at"].where(known, both["scored_at"])
    both["answer_text"], both["answered_at"] = both["score_text"].fillna(both["answer_text"]), both["asked_at"].fillna(both["answered_at"])
    both["by_region"] = both["region_code"].str.lower()
    both["by_sku"] = (both["instance_tier"] + "_" + both["instance_type"]).str.lower()
    for table in (price, interruption, skus):
        table["by_region"], table["by_sku"] = table["region_code"].str.lower(), table["sku"].str.lower()
    by, states = ["by_region", "by_sku"], ["zone", "score", "t2", "t3", "last_score", "last_count", "scored_at", "answer_text", "answered_at"]
    snapshot = price[price["spot_price"].notna()].merge(interruption.drop(columns=["region_code", "sku"]), on=by, how="left")
    snapshot = snapshot.merge(skus.drop(columns=["region_code", "sku"]), on=by, how="left").merge(both[[*by, *states]], on=by, how="left")
    snapshot["savings"] = (snapshot["ondemand_price"] - snapshot["spot_price"]) / snapshot["ondemand_price"] * 100
    snapshot = snapshot.sort_values(KEY, na_position="first", kind="stable")
    pairs = snapshot.merge(head[[*KEY, *COMPARED]], on=KEY, how="outer", suffixes=("", "_before"), indicator="kind")
    differs = pd.Series(False, index=pairs.index)
    for name in COMPARED:
        new, old = pairs[name], pairs[name + "_before"]
        differs |= (new != old) & ~(new.isna() & old.isna())
    kinds = pairs["kind"].astype(str).map({"left_only": "added", "right_only": "removed", "both": "changed"})
    changes = pairs[(kinds != "changed") | differs].assign(kind=kinds)
    rows = snapshot[snapshot["zone"].notna()]
    legacy = pd.DataFrame({name: SLOT if column is None else rows[column] for name, column in LEGACY.items()}, index=rows.index)
    legacy["AvailabilityZone"] = legacy["AvailabilityZone"].replace("regional", "Single")
    legacy["Region"] = legacy["Region"].fillna(rows["region_code"])
    legacy = legacy.fillna(FILLS).astype({"DesiredCount": int, "Score": int, "T2": int, "T3": int})
    legacy = legacy.sort_values(["InstanceTier", "InstanceType", "Region", "AvailabilityZone"], kind="stable")
    legacy.to_csv(f"{output}/raw.csv.gz", index=False, compression={"method": "gzip", "compresslevel": 6})
    legacy.assign(id=range(1, len(legacy) + 1)).to_json(f"{output}/latest.json", orient="records")
    return len(snapshot), changes["kind"].value_counts().to_dict(), time.perf_counter() - started


if __name__ == "__main__":
    rows, kinds, seconds = {"duckdb": by_duckdb, "pandas": by_pandas}[sys.argv[1]](*sys.argv[2:])
    print(json.dumps({"rows": rows, "changes": kinds, "seconds": seconds}))
