package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// remove cancels what waits and deletes all that has ended.
func remove(t *testing.T, s pawl.Store, f pawl.Filter) {
	t.Helper()
	for _, do := range []pawl.ChangeKind{pawl.Cancel, pawl.Delete} {
		if _, err := s.Change(t.Context(), time.Time{}, f, pawl.Change{Do: do}); err != nil {
			t.Fatalf("Change %s = %v", do, err)
		}
	}
}

// chain returns the nodes of a conversation with these texts.
func chain(t *testing.T, texts ...string) []pawl.Node {
	t.Helper()
	var nodes []pawl.Node
	var parent pawl.Hash
	for _, text := range texts {
		n, err := pawl.NewNode(parent, llm.Text("user", text))
		if err != nil {
			t.Fatal(err)
		}
		nodes, parent = append(nodes, n), n.Hash
	}
	return nodes
}

// rows counts the rows of every table but those that are never empty.
func rows(t *testing.T, path string) map[string]int {
	t.Helper()
	db := rawDB(t, path)
	defer db.Close()
	counts := map[string]int{}
	for _, table := range []string{"task", "status", "step", "node", "message", "bin"} {
		var n int
		if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			counts[table] = n
		}
	}
	return counts
}

func TestNothingIsLeftOfWhatIsDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := openAt(t, path)
	talk, ids := chain(t, "a", "b", "a"), []pawl.ID{}
	for i := range 3 {
		n := task(fmt.Sprint(i))
		n.Row.User, n.Row.Identity = fmt.Sprint("u", i), pawl.Hash{byte(i + 1)}
		n.Nodes, n.Row.Conversation = talk[:i+1], talk[i].Hash
		add(t, s, n)
		ids = append(ids, n.Row.ID)
	}
	for i, r := range claim(t, s, 3) {
		said := chain(t, "a", "b", "a", fmt.Sprint("reply ", i))
		_, err := s.Save(t.Context(), time.Time{}, []pawl.Save{{
			Lease: r.Lease(), Nodes: said, Step: &pawl.StepRow{Key: "k", Name: "ask", Result: []byte("1"), Head: said[3].Hash},
		}})
		if err != nil {
			t.Fatal(err)
		}
		finish(t, s, r, []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled}[i])
	}
	remove(t, s, pawl.Filter{IDs: ids[:2]})
	kept := map[string]int{"task": 1, "status": 1, "step": 1, "node": 4, "message": 3, "bin": 1}
	if got := rows(t, path); fmt.Sprint(got) != fmt.Sprint(kept) {
		t.Errorf("rows = %v; want %v: what the third task refers to", got, kept)
	}
	if nodes, err := s.Conversation(t.Context(), talk[2].Hash); err != nil || len(nodes) != 3 {
		t.Errorf("Conversation = %d messages, %v; want 3", len(nodes), err)
	}
	remove(t, s, pawl.Filter{})
	if got := rows(t, path); len(got) > 0 {
		t.Errorf("rows = %v; want none", got)
	}
	if _, err := s.Conversation(t.Context(), talk[0].Hash); !errors.Is(err, pawl.ErrNotFound) {
		t.Errorf("Conversation = %v; want ErrNotFound", err)
	}
}

func TestARetryWithAnotherInputDropsWhatTheOldOneSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := openAt(t, path)
	add(t, s, task("1"))
	r := claim(t, s, 1)[0]
	said := chain(t, "a")
	_, err := s.Save(t.Context(), time.Time{}, []pawl.Save{{
		Lease: r.Lease(), Nodes: said, Step: &pawl.StepRow{Key: "k", Name: "ask", Head: said[0].Hash},
	}})
	if err != nil {
		t.Fatal(err)
	}
	finish(t, s, r, pawl.Dead)
	if _, err := s.Change(t.Context(), time.Time{}, pawl.Filter{}, pawl.Change{Do: pawl.Retry, Input: []byte("2")}); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"task": 1, "status": 1, "bin": 1}
	if got := rows(t, path); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("rows = %v; want %v", got, want)
	}
}

func TestSpaceIsUsedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := openAt(t, path)
	input := `"` + strings.Repeat("x", 1000) + `"`
	size := int64(0)
	for round := range 6 {
		tasks := make([]pawl.NewTask, 2000)
		for i := range tasks {
			tasks[i] = task(input)
		}
		add(t, s, tasks...)
		remove(t, s, pawl.Filter{})
		claim(t, s, 1) // which enters into the book what is gone
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if round == 1 {
			size = info.Size()
		}
		if round > 1 && info.Size() > size+size/10 {
			t.Fatalf("round %d: the file has %d bytes; want about %d", round, info.Size(), size)
		}
		s = openAt(t, path)
	}
}

// Few tasks are found by an index and many in the order of ids: both must find the
// same.
func TestFindWithFewAndWithMany(t *testing.T) {
	s := open(t)
	var ids []pawl.ID
	fill := func(n int) {
		tasks := make([]pawl.NewTask, n)
		for i := range tasks {
			tasks[i] = task("1")
			tasks[i].Row.User = fmt.Sprint(len(ids) % 3)
			ids = append(ids, tasks[i].Row.ID)
		}
		add(t, s, tasks...)
	}
	now := time.Now()
	check := func() {
		t.Helper()
		for name, f := range map[string]pawl.Filter{
			"pending":      {States: []pawl.State{pawl.Pending}},
			"of a user":    {User: "1", Operation: "work"},
			"ended":        {States: []pawl.State{pawl.Cancelled, pawl.Dead}},
			"ended before": {EndedFor: time.Hour},
			"after":        {After: ids[10]},
			"none":         {States: []pawl.State{pawl.Running}, EndedFor: time.Hour},
		} {
			f.Max = 5
			got, err := s.List(t.Context(), now.Add(2*time.Hour), f)
			if err != nil {
				t.Fatal(err)
			}
			if want := firstOf(ids, f); !slices.Equal(idsOf(got), want) {
				t.Errorf("%s, of %d: List = %v; want %v", name, len(ids), idsOf(got), want)
			}
		}
	}
	fill(100)
	cancelEven(t, s, ids)
	check()
	fill(45_000)
	cancelEven(t, s, ids[100:])
	check()
}

// cancelEven cancels every second task.
func cancelEven(t *testing.T, s pawl.Store, ids []pawl.ID) {
	t.Helper()
	var even []pawl.ID
	for i := 0; i < len(ids); i += 2 {
		even = append(even, ids[i])
	}
	for part := range slices.Chunk(even, 5000) {
		if _, err := s.Change(t.Context(), time.Time{}, pawl.Filter{IDs: part}, pawl.Change{Do: pawl.Cancel}); err != nil {
			t.Fatal(err)
		}
	}
}

// firstOf returns what a filter of TestFindWithFewAndWithMany selects.
func firstOf(ids []pawl.ID, f pawl.Filter) []pawl.ID {
	found := []pawl.ID{}
	for i, id := range ids {
		cancelled := i%2 == 0
		switch {
		case len(found) == f.Max,
			slices.Contains(f.States, pawl.Pending) && cancelled,
			slices.Contains(f.States, pawl.Cancelled) && !cancelled,
			slices.Contains(f.States, pawl.Running),
			f.EndedFor > 0 && !cancelled,
			f.User != "" && fmt.Sprint(i%3) != f.User,
			!f.After.IsZero() && slices.Compare(id[:], f.After[:]) <= 0:
			continue
		}
		found = append(found, id)
	}
	return found
}

func idsOf(rows []*pawl.TaskRow) []pawl.ID {
	ids := make([]pawl.ID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	return ids
}

// A process that sleeps while others forget deleted pages must read the book anew.
func TestTheBookAfterALongSleep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	sleeper, worker := openAt(t, path), openAt(t, path)
	add(t, sleeper, task("1"))
	finish(t, sleeper, claim(t, sleeper, 1)[0], pawl.Succeeded)
	var tasks []pawl.NewTask
	for i := range 4400 {
		n := task("1")
		n.Row.User = fmt.Sprint(i)
		tasks = append(tasks, n)
	}
	for part := range slices.Chunk(tasks, 2) {
		add(t, worker, part...)
		if got := claim(t, worker, 10); len(got) != 2 {
			t.Fatalf("claimed %d; want 2", len(got))
		}
	}
	forgotten := 0
	if err := rawDB(t, path).QueryRow("SELECT value FROM counter WHERE name = 'deleted' AND state = 0").Scan(&forgotten); err != nil {
		t.Fatal(err)
	}
	if forgotten == 0 {
		t.Fatal("no deleted page was forgotten: this test tests nothing")
	}
	last := task("2")
	add(t, worker, last)
	if got := claim(t, sleeper, 10); len(got) != 1 || got[0].ID != last.Row.ID {
		t.Errorf("claimed %v; want %s", idsOf(got), last.Row.ID)
	}
}
