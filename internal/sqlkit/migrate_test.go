package sqlkit_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/sqlkit"
)

// memory is a database that keeps what was applied, and runs no SQL.
type memory struct {
	mu      sync.Mutex
	applied []pawl.Migration
	fail    string // the SQL that fails
	locked  int
}

var applyTime = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

func (d *memory) Applied(context.Context) ([]pawl.Migration, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]pawl.Migration{}, d.applied...), nil
}

func (d *memory) Exclusively(_ context.Context, f func(sqlkit.Tx) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locked++
	tx := &memoryTx{d, append([]pawl.Migration{}, d.applied...)}
	if err := f(tx); err != nil {
		return err
	}
	d.applied = tx.applied
	return nil
}

func (d *memory) Close() error { return nil }

type memoryTx struct {
	db      *memory
	applied []pawl.Migration
}

func (tx *memoryTx) Applied(context.Context) ([]pawl.Migration, error) { return tx.applied, nil }

var errBroken = errors.New("broken")

func (tx *memoryTx) Apply(_ context.Context, m pawl.Migration) error {
	if m.SQL == tx.db.fail {
		return errBroken
	}
	m.SQL, m.Applied = "", applyTime
	tx.applied = append(tx.applied, m)
	return nil
}

func files(named map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range named {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

var one = files(map[string]string{"0001_a.sql": "A"})
var two = files(map[string]string{"0001_a.sql": "A", "0002_b.sql": "B"})

func migrator(t *testing.T, fsys fstest.MapFS, db *memory) *sqlkit.Migrator {
	t.Helper()
	m, err := sqlkit.New(fsys, db)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func numbers(all []pawl.Migration) []int {
	var n []int
	for _, m := range all {
		n = append(n, m.Number)
	}
	return n
}

func TestUpAppliesWhatIsMissing(t *testing.T) {
	ctx, db := t.Context(), &memory{}
	for _, step := range []struct {
		files fstest.MapFS
		want  []int
	}{{one, []int{1}}, {two, []int{2}}, {two, nil}} {
		m := migrator(t, step.files, db)
		done, err := m.Up(ctx)
		if err != nil || !reflect.DeepEqual(numbers(done), step.want) {
			t.Errorf("Up = %v, %v; want %v", numbers(done), err, step.want)
		}
		all, err := m.Migrations(ctx)
		if err != nil || len(all) != len(step.files) {
			t.Fatalf("Migrations = %v, %v; want %d", all, err, len(step.files))
		}
		for _, one := range all {
			if !one.Applied.Equal(applyTime) || one.SQL == "" || len(one.Checksum) != 64 {
				t.Errorf("%+v is not whole", one)
			}
		}
	}
	if db.locked != 2 {
		t.Errorf("locked %d times; want 2: not when there is nothing to do", db.locked)
	}
}

func TestUpBySeveralAtOnce(t *testing.T) {
	db := &memory{}
	var mu sync.Mutex
	var all sync.WaitGroup
	total := 0
	for range 8 {
		m := migrator(t, two, db)
		all.Go(func() {
			done, err := m.Up(t.Context())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			total += len(done)
			mu.Unlock()
		})
	}
	all.Wait()
	if total != 2 || len(db.applied) != 2 {
		t.Errorf("%d migrations were applied, %d are recorded; want 2", total, len(db.applied))
	}
}

func TestUpIsAllOrNothing(t *testing.T) {
	db := &memory{fail: "B"}
	done, err := migrator(t, two, db).Up(t.Context())
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "migration 2 (b)") || len(done) > 0 || len(db.applied) > 0 {
		t.Errorf("Up = %v, %v, recorded %v; want nothing", done, err, db.applied)
	}
}

func TestSchemaThatMustNotBeTouched(t *testing.T) {
	changed := files(map[string]string{"0001_a.sql": "A and more", "0002_b.sql": "B"})
	for name, test := range map[string]struct {
		made, here fstest.MapFS
		want       error
		says       string
	}{
		"newer":   {two, one, sqlkit.ErrNewer, "migration 2 (b), and the last one known here is 1"},
		"changed": {one, changed, sqlkit.ErrChanged, "migration 1 (a) was applied with checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, db := t.Context(), &memory{}
			if _, err := migrator(t, test.made, db).Up(ctx); err != nil {
				t.Fatal(err)
			}
			before := len(db.applied)
			m := migrator(t, test.here, db)
			_, listed := m.Migrations(ctx)
			_, upped := m.Up(ctx)
			for what, err := range map[string]error{"Migrations": listed, "Check": m.Check(ctx), "Up": upped} {
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s = %v; want %v with %q", what, err, test.want, test.says)
				}
			}
			if len(db.applied) != before {
				t.Errorf("%d are recorded; want %d", len(db.applied), before)
			}
		})
	}
	gap := &memory{applied: []pawl.Migration{{Number: 2, Name: "b"}}}
	if err := migrator(t, two, gap).Check(t.Context()); !errors.Is(err, sqlkit.ErrChanged) {
		t.Errorf("Check with a gap = %v; want ErrChanged", err)
	}
}

func TestCheckOfAnOlderSchema(t *testing.T) {
	ctx, db := t.Context(), &memory{}
	if _, err := migrator(t, one, db).Up(ctx); err != nil {
		t.Fatal(err)
	}
	if err := migrator(t, one, db).Check(ctx); err != nil {
		t.Errorf("Check = %v; want nil", err)
	}
	if err := migrator(t, two, db).Check(ctx); !errors.Is(err, sqlkit.ErrPending) {
		t.Errorf("Check = %v; want ErrPending", err)
	}
}

func TestLoadRefusesBadFiles(t *testing.T) {
	for name, fsys := range map[string]fstest.MapFS{
		`want a name like 0001_tasks.sql`: files(map[string]string{"1_a.sql": ""}),
		`has number 2; want 1`:            files(map[string]string{"0002_a.sql": ""}),
		`has number 1; want 2`:            files(map[string]string{"0001_a.sql": "", "0001_b.sql": ""}),
	} {
		if _, err := sqlkit.Load(fsys); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Load = %v; want %s", err, name)
		}
	}
}

func TestChecksumIgnoresLineEnds(t *testing.T) {
	lf, err := sqlkit.Load(files(map[string]string{"0001_a.sql": "A\nB\n"}))
	if err != nil {
		t.Fatal(err)
	}
	crlf, err := sqlkit.Load(files(map[string]string{"0001_a.sql": "A\r\nB\r\n"}))
	if err != nil || !reflect.DeepEqual(lf, crlf) {
		t.Errorf("Load = %+v, %v; want %+v", crlf, err, lf)
	}
}
