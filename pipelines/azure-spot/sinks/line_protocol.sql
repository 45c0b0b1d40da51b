-- One point a changed row; of a removed one only that it is no longer there.
SELECT
  instance_tier,
  instance_type,
  region_code,
  zone,
  CASE WHEN kind <> 'removed' THEN last_count END AS desired_count,
  CASE WHEN kind <> 'removed' THEN interruption_score END AS interruption_score,
  CASE WHEN kind <> 'removed' THEN last_score END AS last_score,
  CASE WHEN kind <> 'removed' THEN ondemand_price END AS ondemand_price,
  kind <> 'removed' AS present,
  CASE WHEN kind <> 'removed' THEN savings END AS savings,
  CASE WHEN kind <> 'removed' THEN score END AS score,
  CASE WHEN kind <> 'removed' THEN spot_price END AS spot_price,
  CASE WHEN kind <> 'removed' THEN t2 END AS t2,
  CASE WHEN kind <> 'removed' THEN t3 END AS t3
FROM publish.changes
ORDER BY instance_tier, instance_type, region_code, zone NULLS FIRST
