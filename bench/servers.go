package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/pawlhq/pawl/bench/engines"
	"github.com/pawlhq/pawl/internal/services"
)

// A server hands out one empty store after the other; the one before is gone then.
type server interface {
	Fresh(context.Context) (url string, err error)
	Stop() error
}

// startServer starts a private server, or uses the one that is given.
func startServer(ctx context.Context, store, at string) (server, error) {
	switch store {
	case engines.SQLite:
		return startFolder(at)
	case engines.Postgres:
		return startPostgres(ctx, at)
	default:
		return startRedis(ctx, at)
	}
}

// folder is where SQLite's files are.
type folder struct {
	path string
	made int
}

func startFolder(parent string) (*folder, error) {
	path, err := os.MkdirTemp(parent, "pawl-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for SQLite's files: %w", err)
	}
	f := &folder{path: path}
	if err := onDisk(path); err != nil {
		return nil, errors.Join(err, f.Stop())
	}
	return f, nil
}

// onDisk returns an error for a folder in memory, where a commit that waits for
// the disk waits for nothing.
func onDisk(path string) error {
	const tmpfs = 0x01021994 // of Linux; no other file system has it anywhere
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return fmt.Errorf("look at the file system of %s: %w", path, err)
	}
	if int64(fs.Type) == tmpfs {
		return fmt.Errorf("%s is in memory; give -url a folder on a disk", path)
	}
	return nil
}

func (f *folder) Fresh(context.Context) (string, error) {
	f.made++
	if err := os.RemoveAll(filepath.Join(f.path, strconv.Itoa(f.made-1))); err != nil {
		return "", err
	}
	next := filepath.Join(f.path, strconv.Itoa(f.made))
	return filepath.Join(next, "bench.db"), os.Mkdir(next, 0o700)
}

func (f *folder) Stop() error { return os.RemoveAll(f.path) }

// postgresServer has one database of ours.
type postgresServer struct {
	url   string
	admin *pgx.Conn
	stop  func() error
}

const benchDatabase = "pawl_bench"

func startPostgres(ctx context.Context, at string) (_ *postgresServer, err error) {
	s := &postgresServer{url: at, stop: func() error { return nil }}
	if at == "" {
		private, err := services.StartPostgres(ctx, services.Options{})
		if err != nil {
			return nil, fmt.Errorf("start PostgreSQL: %w", err)
		}
		s.url, s.stop = private.URL(), private.Close
	}
	if s.admin, err = pgx.Connect(ctx, s.url); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to PostgreSQL: %w", err), s.stop())
	}
	return s, nil
}

// Fresh makes the database anew, and lets the server write out what the last one
// left, so that the next engine does not pay for it.
func (s *postgresServer) Fresh(ctx context.Context) (string, error) {
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + benchDatabase + " WITH (FORCE)",
		"CREATE DATABASE " + benchDatabase,
		"CHECKPOINT",
	} {
		if _, err := s.admin.Exec(ctx, statement); err != nil {
			return "", fmt.Errorf("%s: %w", statement, err)
		}
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return "", fmt.Errorf("the URL of PostgreSQL: %w", err)
	}
	u.Path = "/" + benchDatabase
	return u.String(), nil
}

func (s *postgresServer) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := s.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+benchDatabase+" WITH (FORCE)")
	return errors.Join(err, s.admin.Close(ctx), s.stop())
}

// redisServer has one database, which is emptied each time.
type redisServer struct {
	url   string
	admin *redis.Client
	stop  func() error
}

func startRedis(ctx context.Context, at string) (*redisServer, error) {
	s := &redisServer{url: at, stop: func() error { return nil }}
	if at == "" {
		private, err := services.StartRedis(ctx, services.Options{})
		if err != nil {
			return nil, fmt.Errorf("start Redis: %w", err)
		}
		s.url, s.stop = private.URL(), private.Close
	}
	options, err := redis.ParseURL(s.url)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	s.admin = redis.NewClient(options)
	if err := s.admin.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to Redis: %w", err), s.Stop())
	}
	return s, nil
}

// Fresh empties the database, and the append-only file too, so that it is not
// rewritten during the next engine's measures for what the last one left.
func (s *redisServer) Fresh(ctx context.Context) (string, error) {
	if err := s.admin.FlushDB(ctx).Err(); err != nil {
		return "", fmt.Errorf("empty Redis: %w", err)
	}
	if err := s.rewritten(ctx); err != nil { // one that Redis began itself
		return "", err
	}
	if err := s.admin.BgRewriteAOF(ctx).Err(); err != nil {
		return "", fmt.Errorf("rewrite Redis's append-only file: %w", err)
	}
	return s.url, s.rewritten(ctx)
}

// rewritten waits until the append-only file is not being rewritten.
func (s *redisServer) rewritten(ctx context.Context) error {
	for {
		info, err := s.admin.InfoMap(ctx, "persistence").Result()
		if err != nil {
			return fmt.Errorf("ask Redis for its append-only file: %w", err)
		}
		p := info["Persistence"]
		if p["aof_rewrite_in_progress"] == "0" && p["aof_rewrite_scheduled"] == "0" {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *redisServer) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(s.admin.FlushDB(ctx).Err(), s.admin.Close(), s.stop())
}
