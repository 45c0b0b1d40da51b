-- One row a gauge.
SELECT gauge, measured_at, level_cm, level_cm >= $param_flood_cm AS flood
FROM gauges
