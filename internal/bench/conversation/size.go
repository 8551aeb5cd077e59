package main

import (
	"bufio"
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver
)

// source is real text, from which the measured messages take their words.
//
//go:embed source.txt
var source string

// size is how large a store is, and its parts where it tells.
type size struct {
	bytes int64
	parts []part
}

type part struct {
	name  string
	bytes int64
}

func (s size) part(name string) int64 {
	for _, p := range s.parts {
		if p.name == name {
			return p.bytes
		}
	}
	return 0
}

func kindOf(url string) string {
	kind, _, _ := strings.Cut(url, ":")
	return kind
}

// sizeOf returns how large the store is, which nobody may have open. compact asks
// how large it is without the room that it keeps for later; the zero size if the
// store has no such thing.
func sizeOf(ctx context.Context, url string, compact bool) (size, error) {
	switch kindOf(url) {
	case "sqlite":
		return sizeOfSQLite(ctx, strings.TrimPrefix(url, "sqlite:"), compact)
	case "postgres", "postgresql":
		return sizeOfPostgres(ctx, url, compact)
	case "redis", "rediss":
		return sizeOfRedis(ctx, url, compact)
	}
	return size{}, fmt.Errorf("no size is known of %s", kindOf(url))
}

func sizeOfSQLite(ctx context.Context, path string, compact bool) (s size, err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return s, err
	}
	defer db.Close()
	if compact {
		if _, err := db.ExecContext(ctx, "VACUUM"); err != nil {
			return s, err
		}
	}
	if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return s, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return s, err
	}
	s.bytes = info.Size()
	rows, err := db.QueryContext(ctx, "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 12")
	if err != nil {
		return s, nil // this build has no dbstat
	}
	defer rows.Close()
	for rows.Next() {
		var p part
		if err := rows.Scan(&p.name, &p.bytes); err != nil {
			return s, err
		}
		s.parts = append(s.parts, p)
	}
	return s, rows.Err()
}

func sizeOfPostgres(ctx context.Context, url string, compact bool) (s size, err error) {
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return s, err
	}
	defer db.Close(ctx)
	vacuum := "VACUUM"
	if compact {
		vacuum = "VACUUM FULL"
	}
	if _, err := db.Exec(ctx, vacuum); err != nil {
		return s, err
	}
	rows, err := db.Query(ctx, `select c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'pawl' and c.relkind = 'r' order by 2 + 3 desc`)
	if err != nil {
		return s, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var table, indexes int64
		if err := rows.Scan(&name, &table, &indexes); err != nil {
			return s, err
		}
		s.bytes += table + indexes
		if name == "node" || name == "message" || name == "step" {
			s.parts = append(s.parts, part{name, table}, part{name + ", indexes", indexes})
		}
	}
	return s, rows.Err()
}

func sizeOfRedis(ctx context.Context, url string, compact bool) (s size, err error) {
	if compact {
		return s, nil
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		return s, err
	}
	c := redis.NewClient(o)
	defer c.Close()
	info, err := c.Info(ctx, "memory").Result()
	if err != nil {
		return s, err
	}
	for lines := bufio.NewScanner(strings.NewReader(info)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "used_memory_dataset:"); ok {
			s.bytes, err = strconv.ParseInt(value, 10, 64)
			return s, err
		}
	}
	return s, fmt.Errorf("the server does not tell its memory")
}
