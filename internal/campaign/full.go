package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// disk is the small disk of a campaign that fills up; its zero value is none.
type disk struct {
	Room int           // MiB
	Full time.Duration // how long there is no room
}

// diskDir is where the disk is, below a campaign's folder.
const diskDir = "disk"

// rooms are how much room there is by default: for some thousands of tasks, and
// for what a server writes before the first one.
var rooms = map[string]int{"sqlite": 40, "redis": 40, "postgres": 160, "cluster": 80}

// defaultDisk is full for long enough that heartbeats fail, and a lease does not end.
var defaultDisk = disk{Full: 5 * time.Second}

// flood lets the flow go on for a while, fills the disk, and makes room again.
// Then adds must be acknowledged by themselves, or, if the server ended for lack
// of room, once it has been started again.
func (c *campaign) flood(ctx context.Context, crew *crew, adds *adding) error {
	pause(ctx, c.Every)
	failed, acked := adds.failures(), adds.count()
	if acked == 0 {
		return errors.New("nothing was added before the disk was filled")
	}
	file := filepath.Join(c.dir, diskDir, "ballast")
	if err := fill(ctx, file, c.Disk.Full); err != nil {
		return err
	}
	if adds.failures() == failed {
		return fmt.Errorf("the disk was full for %v and no Add failed; want a smaller one", c.Disk.Full)
	}
	progress("the disk was full; an Add said: %v", adds.lastError())
	acked = adds.count()
	if err := os.Remove(file); err != nil {
		return err
	}
	ended, err := c.place.revive(ctx)
	if err != nil {
		return fmt.Errorf("start the server, now that there is room: %w", err)
	}
	c.serverEnded = ended
	for patience := time.Now().Add(c.Patience); adds.count() == acked; pause(ctx, 50*time.Millisecond) {
		if ctx.Err() != nil || time.Now().After(patience) {
			return fmt.Errorf("no Add is acknowledged although there is room again: %w", adds.lastError())
		}
	}
	pause(ctx, c.Every)
	return crew.settled(ctx)
}

// fill writes a file for some time, so that there is no room, also where room is
// made meanwhile.
func fill(ctx context.Context, file string, during time.Duration) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	block := make([]byte, 1<<20)
	full := false
	for end := time.Now().Add(during); time.Now().Before(end) && ctx.Err() == nil; {
		n, err := f.Write(block)
		if n == len(block) {
			continue
		}
		full = true
		if len(block) > 1<<10 {
			block = block[:len(block)/2]
			continue
		}
		if err == nil {
			return errors.New("a write was short without an error")
		}
		pause(ctx, 20*time.Millisecond)
	}
	if left, err := free(filepath.Dir(file)); err != nil || !full {
		return fmt.Errorf("%d bytes are left on the disk, %w", left, err)
	}
	return ctx.Err()
}

// whole looks whether the store's files are as they should be, after all have
// ended: SQLite looks at every page, a server is killed and started again, and
// must then have it all.
func (c *campaign) whole(ctx context.Context) error {
	if c.place.crash != nil {
		pause(ctx, 2*time.Second) // longer than any server waits before it syncs
		return c.place.crash(ctx, 0)
	}
	path, ok := strings.CutPrefix(c.place.url, "sqlite:")
	if !ok {
		return nil
	}
	db, err := sql.Open("sqlite", path) // the driver that the store is linked with
	if err != nil {
		return err
	}
	defer db.Close()
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&found); err != nil {
		return fmt.Errorf("integrity_check: %w", err)
	}
	if found != "ok" {
		return fmt.Errorf("integrity_check: %s", found)
	}
	return nil
}
