-- One row per (region, SKU) with a current Linux spot price, and zone. Sources meet by lower-case region code and SKU;
-- what a source does not know is null. A pair that was never answered has one row, with a null zone.
WITH answered AS NOT MATERIALIZED (
  SELECT *, lower(instance_tier || '_' || instance_type) AS sku_name, lower(region_code) AS region_name
  FROM capacity
), spelled_twice AS (  -- pairs whose spelling changed; seldom any, so that the next step has no rows
  SELECT lower(instance_tier || '_' || instance_type) AS sku_name, lower(region_code) AS region_name
  FROM (SELECT DISTINCT instance_tier, instance_type, region_code FROM capacity) AS pairs
  GROUP BY sku_name, region_name
  HAVING count(*) > 1
), replaced AS (  -- of these the newest answer counts
  SELECT a.instance_tier, a.instance_type, a.region_code, a.zone
  FROM answered AS a JOIN spelled_twice AS s ON s.sku_name = a.sku_name AND s.region_name = a.region_name
  QUALIFY row_number() OVER (
    PARTITION BY a.sku_name, a.region_name, a.zone
    ORDER BY a.answered_at DESC NULLS LAST, a.instance_tier, a.instance_type, a.region_code) > 1
)
SELECT
  p.instance_tier,
  p.instance_type,
  p.sku,
  p.region_code,
  c.zone,
  p.region_name,
  s.instance_family,
  s.vcpus,
  s.memory_gib,
  s.offered_zones,
  p.spot_price,
  p.ondemand_price,
  (p.ondemand_price - p.spot_price) / p.ondemand_price * 100 AS savings,
  p.windows_spot_price,
  p.windows_ondemand_price,
  (p.windows_ondemand_price - p.windows_spot_price) / p.windows_ondemand_price * 100 AS windows_savings,
  p.price_at,
  p.ondemand_at,
  i.interruption_at,
  i.interruption_band,
  i.interruption_score,
  c.score,
  c.t2,
  c.t3,
  c.last_score,
  c.last_count,
  c.scored_at,
  c.answer_text,
  c.answered_at
FROM price AS p
LEFT JOIN interruption AS i
  ON lower(i.region_code) = lower(p.region_code) AND lower(i.sku) = lower(p.sku)
LEFT JOIN resource_skus AS s
  ON lower(s.region_code) = lower(p.region_code) AND lower(s.sku) = lower(p.sku)
LEFT JOIN answered AS c
  ON c.region_name = lower(p.region_code) AND c.sku_name = lower(p.sku)
ANTI JOIN replaced AS r
  ON r.instance_tier = c.instance_tier AND r.instance_type = c.instance_type AND r.region_code = c.region_code
    AND r.zone IS NOT DISTINCT FROM c.zone
WHERE p.spot_price IS NOT NULL
ORDER BY p.instance_tier, p.instance_type, p.region_code, c.zone NULLS FIRST
