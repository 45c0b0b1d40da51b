-- How many rows of the snapshot each source knows; of scores, those of this run.
SELECT
  count(ondemand_price) AS ondemand,
  count(spot_price) AS spot,
  count(interruption_score) AS interruption,
  count(*) FILTER (WHERE (sku, region_code, zone) IN (
    SELECT (sku, region_code, zone) FROM publish.scores WHERE wanted AND score IS NOT NULL)) AS scored
FROM snapshot
