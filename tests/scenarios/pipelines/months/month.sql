-- The slot's rows; `threads` shows which value of the parameter the run had.
SELECT id, day, $param_threads AS threads
FROM rows
WHERE date_trunc('month', day) = date_trunc('month', CAST($slot AS TIMESTAMP))
