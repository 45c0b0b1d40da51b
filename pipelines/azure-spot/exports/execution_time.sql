-- How long collecting took, and everything after it until the rows were ready.
WITH times AS (
  SELECT min(started) AS begun,
         max(ended) FILTER (WHERE kind = 'source') AS collected,
         max(ended) AS derived
  FROM run.tasks
)
SELECT line FROM (
  SELECT 1 AS place, 'Start Time: ' || strftime(make_timestamp(epoch_us(begun)), '%Y-%m-%d %H:%M:%S') AS line FROM times
  UNION ALL
  SELECT 2, 'Collection Duration (sec): ' || CAST(round((epoch_ms(collected) - epoch_ms(begun)) / 1000) AS BIGINT) FROM times
  UNION ALL
  SELECT 3, 'Merge & Upload Duration (sec): ' || CAST(round((epoch_ms(derived) - epoch_ms(collected)) / 1000) AS BIGINT) FROM times
) AS lines
WHERE line IS NOT NULL
ORDER BY place
