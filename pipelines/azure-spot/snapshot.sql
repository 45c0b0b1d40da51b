-- One row per (region, SKU) with a current Linux spot price. Sources meet by lower-case region code and SKU; what a
-- source does not know is null. Columns of sources that this pipeline does not ask yet are null with their final types.
SELECT
  p.instance_tier,
  p.instance_type,
  p.sku,
  p.region_code,
  CAST(NULL AS VARCHAR) AS zone,
  p.region_name,
  CAST(NULL AS VARCHAR) AS instance_family,
  CAST(NULL AS INTEGER) AS vcpus,
  CAST(NULL AS DOUBLE) AS memory_gib,
  CAST(NULL AS VARCHAR) AS offered_zones,
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
  CAST(NULL AS TINYINT) AS score,
  CAST(NULL AS SMALLINT) AS t2,
  CAST(NULL AS SMALLINT) AS t3,
  CAST(NULL AS TINYINT) AS last_score,
  CAST(NULL AS SMALLINT) AS last_count,
  CAST(NULL AS TIMESTAMPTZ) AS scored_at,
  CAST(NULL AS VARCHAR) AS answer_text,
  CAST(NULL AS TIMESTAMPTZ) AS answered_at
FROM price AS p
LEFT JOIN interruption AS i
  ON lower(i.region_code) = lower(p.region_code) AND lower(i.sku) = lower(p.sku)
WHERE p.spot_price IS NOT NULL
ORDER BY p.instance_tier, p.instance_type, p.region_code, zone NULLS FIRST
