package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

// opener opens the store that a URL names. A SQLite file that is not there is
// created only if create says so.
type opener func(ctx context.Context, url string, create bool) (pawl.Store, error)

func openStore(ctx context.Context, url string, create bool) (pawl.Store, error) {
	if create {
		return stores.Open(ctx, url)
	}
	store, err := stores.OpenExisting(ctx, url)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, stores.ErrNoStore) {
		err = fmt.Errorf("%w; name the store with --store or PAWL_STORE (pawl demo makes sqlite:pawl-demo.db, pawl migrate up an empty one)", err)
	}
	return store, err
}

// calmly returns an opener that has a store's own warnings logged only for commands
// that put work into it: those that look would repeat them each time, and the doctor
// tells them itself.
func calmly(level *slog.LevelVar, open opener) opener {
	return func(ctx context.Context, url string, create bool) (pawl.Store, error) {
		if !create {
			level.Set(slog.LevelError)
		}
		return open(ctx, url, create)
	}
}

// closing returns an opener, and what closes all stores that it has opened for commands
// that look into them. A store that a command creates it closes itself, as it wants to
// know whether that went well.
func closing(open opener) (opener, func()) {
	var opened []pawl.Store
	keep := func(ctx context.Context, url string, create bool) (pawl.Store, error) {
		store, err := open(ctx, url, create)
		if err == nil && !create {
			opened = append(opened, store)
		}
		return store, err
	}
	return keep, func() {
		for _, store := range opened {
			_ = store.Close() // what was written is committed
		}
	}
}

// storeVariable of the environment names a store where no flag does.
const storeVariable = "PAWL_STORE"

// storeFlag names the store that a command looks at or changes.
type storeFlag struct {
	Store string `env:"PAWL_STORE" default:"sqlite:pawl.db" placeholder:"URL" help:"The store: sqlite:PATH, postgres://…, redis://… (for a Cluster with several addresses, separated by commas), memory:. Default: sqlite:pawl.db."`
}

// client opens the store, which must be there. It is closed when the command has ended.
func (f storeFlag) client(ctx context.Context, open opener) (*pawl.Client, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	store, err := open(ctx, f.Store, false)
	if err != nil {
		return nil, err
	}
	return pawl.New(store, pawl.Config{}), nil
}

func (f storeFlag) check() error { return checkStore(f.Store) }

func checkStore(url string) error {
	if err := stores.Check(url); err != nil {
		return usagef("--store, or %s: %w", storeVariable, err)
	}
	return nil
}

// outputFlag says for whom the output is.
type outputFlag struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"table for people, json for programs: one document; docs/cli.md describes it."`
}

// json reports whether the output is for a program.
func (f outputFlag) json() bool { return f.Output == "json" }

// printJSON writes one document.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// list is s, or an empty slice in place of nil: JSON writes it as [].
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// span writes a duration in few digits: "0.3ms", "85ms", "12s", "1m40s", "12m", "2h",
// "5d".
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 10*time.Millisecond:
		return decimal(float64(d.Microseconds())/1e3) + "ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return age(d)
}

// age is span in whole seconds: "0s" is shorter than one. What is older never reads as
// younger: of less than ten of a unit the next smaller one is told too.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d < 100*time.Second:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 100*time.Minute:
		return inUnits(d, time.Minute, "m", time.Second, "s")
	case d < 100*time.Hour:
		return inUnits(d, time.Hour, "h", time.Minute, "m")
	}
	return inUnits(d, day, "d", time.Hour, "h")
}

// inUnits writes a duration in a unit, and if it is less than ten of it what is left in a
// smaller one.
func inUnits(d, unit time.Duration, name string, smaller time.Duration, smallerName string) string {
	s := fmt.Sprintf("%d%s", d/unit, name)
	if rest := d % unit / smaller; d < 10*unit && rest > 0 {
		s += fmt.Sprintf("%d%s", rest, smallerName)
	}
	return s
}

// moment writes a time as it is where the reader is; "" for the zero time.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// zoned is moment with the zone that it is told in.
func zoned(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// utcHour is how an hour of UTC is written, which ledgers and budgets count by.
const utcHour = "2006-01-02 15:04 UTC"

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
