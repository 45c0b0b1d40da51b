SELECT $slot AS slot, id, value FROM rows ORDER BY id
