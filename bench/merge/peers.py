#!/usr/bin/env python3
"""The merge by a peer: peers.py duckdb|polars|pandas INPUT OUTPUT

Join price, sps and if, compare with previous, write new.parquet, new.csv.gz, new.json and changes.parquet, and print
the counts as JSON.
"""
import gzip
import json
import sys

KEY, VALUES = ["InstanceType", "Region", "AZ"], ["SpotPrice", "OndemandPrice", "SPS", "IF", "Savings"]
NOW = "2025-10-01 00:10:00"


def by_duckdb(source, target):
    import duckdb
    base = duckdb.connect()
    file = lambda name: f"'{source}/{name}.parquet'"
    base.execute(f"""CREATE TABLE merged AS
        SELECT InstanceType, Region, coalesce(AZ, '') AS AZ, {', '.join(f'"{name}"' for name in VALUES)}, '{NOW}' AS Time
        FROM {file('price')} FULL JOIN {file('sps')} USING (InstanceType, Region, AZ) FULL JOIN {file('if')} USING (InstanceType, Region)""")
    keys = ", ".join(f"coalesce(n.{name}, o.{name}) AS {name}" for name in KEY)
    same = " AND ".join(f"n.{name} = o.{name}" for name in KEY)
    differs = " OR ".join(f'n."{name}" IS DISTINCT FROM o."{name}"' for name in VALUES)
    base.execute(f"""CREATE TABLE changes AS SELECT {keys}, CASE WHEN o.Time IS NULL THEN 'added' WHEN n.Time IS NULL THEN 'removed'
        ELSE 'changed' END AS kind FROM merged n FULL JOIN {file('previous')} o ON {same}
        WHERE o.Time IS NULL OR n.Time IS NULL OR {differs}""")
    zstd = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3"
    base.execute(f"COPY merged TO '{target}/new.parquet' ({zstd})")
    base.execute(f"COPY merged TO '{target}/new.csv.gz' (FORMAT csv, HEADER, COMPRESSION gzip)")
    base.execute(f"COPY merged TO '{target}/new.json' (FORMAT json, ARRAY true)")
    base.execute(f"COPY changes TO '{target}/changes.parquet' ({zstd})")
    return base.execute("SELECT count(*) FROM merged").fetchone()[0], dict(base.execute("SELECT kind, count(*) FROM changes GROUP BY 1").fetchall())


def by_polars(source, target):
    import polars as pl
    price, sps, advice, previous = (pl.read_parquet(f"{source}/{name}.parquet") for name in ("price", "sps", "if", "previous"))
    merged = price.join(sps, on=KEY, how="full", coalesce=True).join(advice, on=KEY[:2], how="full", coalesce=True)
    merged = merged.with_columns(pl.col("AZ").fill_null(""), pl.lit(NOW).alias("Time"))
    both = merged.join(previous, on=KEY, how="full", coalesce=True, suffix="_before")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name + "_before")) for name in VALUES)
    kind = (pl.when(pl.col("Time_before").is_null()).then(pl.lit("added")).when(pl.col("Time").is_null()).then(pl.lit("removed"))
            .when(differs).then(pl.lit("changed")))
    changes = both.with_columns(kind.alias("kind")).filter(pl.col("kind").is_not_null()).select(*KEY, "kind")
    merged.write_parquet(f"{target}/new.parquet", compression="zstd", compression_level=3)
    with gzip.open(f"{target}/new.csv.gz", "wb", compresslevel=6) as out:
        merged.write_csv(out)
    merged.write_json(f"{target}/new.json")
    changes.write_parquet(f"{target}/changes.parquet", compression="zstd", compression_level=3)
    return merged.height, dict(changes["kind"].value_counts().rows())


def by_pandas(source, target):
    import pandas as pd
    price, sps, advice, previous = (pd.read_parquet(f"{source}/{name}.parquet") for name in ("price", "sps", "if", "previous"))
    merged = price.merge(sps, on=KEY, how="outer").merge(advice, on=KEY[:2], how="outer")
    merged = merged.assign(AZ=merged["AZ"].fillna(""), Time=NOW).astype({"SPS": "Int32", "Savings": "Int32"})
    both = merged.merge(previous, on=KEY, how="outer", suffixes=("", "_before"), indicator="kind")
    differs = pd.Series(False, index=both.index)
    for name in VALUES:
        new, old = both[name].astype("Float64"), both[name + "_before"].astype("Float64")
        differs |= (new != old).fillna(True).astype(bool) & ~(new.isna() & old.isna())
    both["kind"] = both["kind"].map({"left_only": "added", "right_only": "removed", "both": "changed"}).astype(str)
    changes = both.loc[(both["kind"] != "changed") | differs, [*KEY, "kind"]]
    merged.to_parquet(f"{target}/new.parquet", compression="zstd", compression_level=3, index=False)
    merged.to_csv(f"{target}/new.csv.gz", index=False, compression={"method": "gzip", "compresslevel": 6})
    merged.to_json(f"{target}/new.json", orient="records")
    changes.to_parquet(f"{target}/changes.parquet", compression="zstd", compression_level=3, index=False)
    return len(merged), changes["kind"].value_counts().to_dict()


if __name__ == "__main__":
    rows, kinds = {"duckdb": by_duckdb, "polars": by_polars, "pandas": by_pandas}[sys.argv[1]](sys.argv[2], sys.argv[3])
    print(json.dumps({"rows": rows, **kinds}))
