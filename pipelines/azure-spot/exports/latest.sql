-- The rows of raw.sql with their number. They are put in order once: numbers are given in the order of the inner rows.
SELECT *, row_number() OVER () AS id
FROM (
  SELECT
    instance_tier AS "InstanceTier",
    instance_type AS "InstanceType",
    coalesce(region_name, region_code) AS "Region",
    coalesce(ondemand_price, CAST(-1 AS DOUBLE)) AS "OndemandPrice",
    spot_price AS "SpotPrice",
    coalesce(savings, CAST(-1 AS DOUBLE)) AS "Savings",
    coalesce(interruption_score, CAST(-1 AS DOUBLE)) AS "IF",
    coalesce(last_count, -1) AS "DesiredCount",
    CASE zone WHEN 'regional' THEN 'Single' ELSE zone END AS "AvailabilityZone",
    coalesce(last_score, -1) AS "Score",
    strftime(make_timestamp(epoch_us($slot)), '%Y-%m-%d %H:%M:%S') AS "Time",
    coalesce(t2, 0) AS "T2",
    coalesce(t3, 0) AS "T3"
  FROM snapshot
  WHERE zone IS NOT NULL
  ORDER BY "InstanceTier", "InstanceType", "Region", "AvailabilityZone", region_code
) AS ordered
