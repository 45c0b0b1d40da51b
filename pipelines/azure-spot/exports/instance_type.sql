-- The machine's type.
SELECT line FROM (
  SELECT 1 AS place, 'Timestamp: ' || strftime(make_timestamp(epoch_us("at")), '%Y-%m-%d %H:%M:%S') AS line FROM run.machine
  UNION ALL
  SELECT 2, 'Instance Type: ' || instance_type FROM run.machine
) AS lines
ORDER BY place
