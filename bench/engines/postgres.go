package engines

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresStore is what the engines on PostgreSQL share.
type postgresStore struct {
	pool *pgxpool.Pool
	left string // a query that counts the tasks whose completion is not stored
}

func (s postgresStore) Left(ctx context.Context) (int, error) {
	var n int
	err := s.pool.QueryRow(ctx, s.left).Scan(&n)
	return n, err
}

// Settings fails unless a commit waits for the disk.
func (s postgresStore) Settings(ctx context.Context) (map[string]string, error) {
	const query = `SELECT name, setting FROM pg_settings
WHERE name IN ('server_version', 'synchronous_commit', 'fsync', 'full_page_writes', 'wal_level', 'shared_buffers', 'max_wal_size')`
	rows, err := s.pool.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	type setting struct{ Name, Value string }
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[setting])
	if err != nil {
		return nil, fmt.Errorf("read pg_settings: %w", err)
	}
	settings := make(map[string]string, len(list))
	for _, s := range list {
		settings[s.Name] = s.Value
	}
	return settings, want(settings, map[string]string{"synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"})
}

func (s postgresStore) Close() error {
	s.pool.Close()
	return nil
}
