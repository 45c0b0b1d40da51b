-- Memory of the process every ten seconds, beside the tasks that ran.
SELECT strftime(make_timestamp(epoch_us("at")), '%Y-%m-%d %H:%M:%S') AS "Timestamp", nullif(service, '') AS "Service", pid AS "PID", memory_mib AS "Memory_MB"
FROM run.memory
ORDER BY "at"
