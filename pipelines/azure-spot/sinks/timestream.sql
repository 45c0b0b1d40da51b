-- Rows added and changed, with the dimensions and fill values of earlier collectors.
SELECT
  instance_tier AS "InstanceTier",
  instance_type AS "InstanceType",
  coalesce(region_name, region_code) AS "Region",
  CASE zone WHEN 'regional' THEN 'Single' ELSE zone END AS "AvailabilityZone",
  CAST(coalesce(last_count, -1) AS INTEGER) AS "DesiredCount",
  coalesce(ondemand_price, CAST(-1 AS DOUBLE)) AS "OndemandPrice",
  coalesce(spot_price, CAST(-1 AS DOUBLE)) AS "SpotPrice",
  coalesce(interruption_score, CAST(-1 AS DOUBLE)) AS "IF",
  CAST(coalesce(last_score, -1) AS VARCHAR) AS "Score",
  strftime(make_timestamp(epoch_us($slot)), '%Y-%m-%d %H:%M:%S') AS "Time",
  CAST(coalesce(t2, 0) AS INTEGER) AS "T2",
  CAST(coalesce(t3, 0) AS INTEGER) AS "T3"
FROM publish.changes
WHERE kind IN ('added', 'changed') AND zone IS NOT NULL
ORDER BY 1, 2, 3, 4, region_code
