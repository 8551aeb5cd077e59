package sqlite

import "github.com/pawlhq/pawl/internal/durable"

// Database returns what a store decides over.
func Database(s *Store) durable.Database { return s.db }
