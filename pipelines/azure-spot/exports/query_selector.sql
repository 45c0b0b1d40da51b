-- Every pair ever published, in the order of its first publish.
SELECT instance_tier AS "InstanceTier", instance_type AS "InstanceType", region_name AS "Region"
FROM known_pairs
ORDER BY first_publish, "InstanceTier", "InstanceType", "Region"
