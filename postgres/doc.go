// Package postgres is a store in PostgreSQL, 13 or later: for any number of
// processes that share one queue.
package postgres
