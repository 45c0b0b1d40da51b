SELECT id, value FROM rows ORDER BY id
