-- Every (SKU, region) ever published, by its first publish; nothing is removed. Pairs of an earlier collector's selector
-- count as published with the run that reads it.
SELECT instance_tier, instance_type, region_name, min(first_publish) AS first_publish
FROM (
  SELECT instance_tier, instance_type, region_name, first_publish FROM head.known_pairs
  UNION ALL
  SELECT instance_tier, instance_type, coalesce(region_name, region_code), $slot FROM snapshot
  UNION ALL
  SELECT "InstanceTier", "InstanceType", "Region", $slot FROM earlier_pairs
  WHERE "InstanceTier" IS NOT NULL AND "InstanceType" IS NOT NULL AND "Region" IS NOT NULL
) AS pairs
GROUP BY instance_tier, instance_type, region_name
ORDER BY instance_tier, instance_type, region_name
