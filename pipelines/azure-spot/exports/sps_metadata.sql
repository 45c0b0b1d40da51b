-- Where the rotation stands, in the file of earlier collectors: the index to use next, and the plan's day.
SELECT line FROM (
  SELECT 1 AS place, 'desired_count_index: ' || (state ->> '$.rotation.index') AS line FROM run.manifest
  UNION ALL
  SELECT 2, 'workload_date: ''' || (state ->> '$.rotation.day') || '''' FROM run.manifest
) AS lines
WHERE line IS NOT NULL
ORDER BY place
