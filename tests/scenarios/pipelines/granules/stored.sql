SELECT id, state, updated FROM items WHERE state IN ('stored', 'stale') ORDER BY id
