package redis_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/llm"
)

func claim(t testing.TB, s pawl.Store, most int) []*pawl.TaskRow {
	t.Helper()
	c, err := s.Claim(t.Context(), time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: most, Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return c.Tasks
}

func finish(t testing.TB, s pawl.Store, rows []*pawl.TaskRow) {
	t.Helper()
	finishes := make([]pawl.Finish, len(rows))
	for i, r := range rows {
		finishes[i] = pawl.Finish{Lease: r.Lease(), To: pawl.Succeeded, Output: []byte(`"done"`), Attempt: pawl.Attempt{Used: true}}
	}
	errs, err := s.Finish(t.Context(), time.Time{}, finishes)
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		if err != nil {
			t.Fatalf("Finish of %s = %v", rows[i].ID, err)
		}
	}
}

// Scripts that a server has forgotten, as after a restart, are brought again.
func TestForgottenScripts(t *testing.T) {
	url := services.Redis(t)
	s, c := open(t, url), client(t, url)
	for range 3 {
		if err := c.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		add(t, s, 2)
		if err := c.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		finish(t, s, claim(t, s, 10))
	}
	rows, err := s.List(t.Context(), time.Time{}, pawl.Filter{States: []pawl.State{pawl.Succeeded}})
	if err != nil || len(rows) != 6 {
		t.Errorf("List = %d tasks, %v; want 6 that succeeded", len(rows), err)
	}
}

// A process that dies with the book open keeps others waiting for a second at most.
func TestDeadHolderOfTheBook(t *testing.T) {
	url := services.Redis(t)
	s, c := open(t, url), client(t, url)
	ids := add(t, s, 1)
	now, err := c.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	until := now.Add(300 * time.Millisecond)
	if err := c.HSet(t.Context(), "{pawl}:main", "lock", "somebody", "locked", until.UnixMilli()).Err(); err != nil {
		t.Fatal(err)
	}
	rows := claim(t, s, 1)
	if len(rows) != 1 || rows[0].ID != ids[0] {
		t.Fatalf("Claim = %v; want the task", rows)
	}
	if now, err = c.Time(t.Context()).Result(); err != nil || now.Before(until.Truncate(time.Millisecond)) {
		t.Errorf("claimed %v before the book was free, %v", until.Sub(now), err)
	}
}

// A server without memory refuses new tasks, says why, and takes them when there is
// room; tasks can be deleted to make some.
func TestOutOfMemory(t *testing.T) {
	server := start(t, nil)
	s, c := open(t, server.URL()), client(t, server.URL())
	ids := add(t, s, 20)
	finish(t, s, claim(t, s, 20))
	if err := c.ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	task := pawl.NewTask{Row: pawl.TaskRow{ID: pawl.NewID(), Operation: "work", Queue: "default", Limit: pawl.NoLimit, MaxAttempts: 1}}
	task.Row.Run = task.Row.ID
	_, err := s.Add(t.Context(), time.Time{}, []pawl.NewTask{task})
	if err == nil || !strings.Contains(err.Error(), "raise maxmemory") {
		t.Errorf("Add = %v; want an error that says to raise maxmemory", err)
	}
	gone, err := s.Change(t.Context(), time.Time{}, pawl.Filter{IDs: ids}, pawl.Change{Do: pawl.Delete})
	if err != nil || len(gone) != len(ids) {
		t.Errorf("Change = %d tasks, %v; want all %d deleted", len(gone), err, len(ids))
	}
	if err := c.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(t.Context(), time.Time{}, []pawl.NewTask{task}); err != nil {
		t.Errorf("Add = %v; want it accepted, for there is room again", err)
	}
	whole(t, s, 1)
}

// whole checks that the store has so many tasks, and that all of them can be read.
func whole(t *testing.T, s pawl.Store, want int) {
	t.Helper()
	rows, err := s.List(t.Context(), time.Time{}, pawl.Filter{Steps: true})
	if err != nil || len(rows) != want {
		t.Errorf("List = %d tasks, %v; want %d", len(rows), err, want)
	}
}

// A server that is killed and started again has what it has answered, but for the
// last second; with appendfsync always, all of it.
func TestKilledServer(t *testing.T) {
	server := start(t, map[string]string{"appendfsync": "always"})
	s := open(t, server.URL())
	accepted := 0
	for range 5 {
		accepted += len(add(t, s, 10))
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows := eventually(t, "the store answers", func() ([]*pawl.TaskRow, bool) {
			rows, err := s.List(t.Context(), time.Time{}, pawl.Filter{})
			return rows, err == nil
		})
		if len(rows) != accepted {
			t.Fatalf("after a crash there are %d tasks; want %d", len(rows), accepted)
		}
	}
	finish(t, s, claim(t, s, accepted))
}

// What is deleted leaves nothing: no key of the tasks, their steps, their
// conversations or their identities.
func TestDeleteLeavesNothing(t *testing.T) {
	url := services.Redis(t)
	s, c := open(t, url), client(t, url)
	tasks := make([]pawl.NewTask, 30)
	for i := range tasks {
		first, err := pawl.NewNode(pawl.Hash{}, llm.Text("user", "shared"))
		if err != nil {
			t.Fatal(err)
		}
		second, err := pawl.NewNode(first.Hash, llm.Text("user", strings.Repeat("own ", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		id := pawl.NewID()
		tasks[i] = pawl.NewTask{Nodes: []pawl.Node{first, second}, Row: pawl.TaskRow{
			ID: id, Run: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit, User: string(rune('a' + i%3)),
			Identity: pawl.Hash{byte(i + 1)}, Conversation: second.Hash, Input: []byte(`1`), MaxAttempts: 4,
			Deadline: time.Now().Add(time.Hour),
		}}
		if i%2 == 1 {
			tasks[i].Row.Run = tasks[i-1].Row.ID
		}
	}
	if _, err := s.Add(t.Context(), time.Time{}, tasks); err != nil {
		t.Fatal(err)
	}
	rows := claim(t, s, len(tasks))
	for i, r := range rows {
		n, err := pawl.NewNode(r.Conversation, llm.Text("assistant", "answer"))
		if err != nil {
			t.Fatal(err)
		}
		save := pawl.Save{Lease: r.Lease(), Nodes: []pawl.Node{n}, Step: &pawl.StepRow{
			Key: "k", Name: "ask", Call: true, Result: []byte("answer"), Head: n.Hash, Attempt: r.Attempt,
		}}
		if errs, err := s.Save(t.Context(), time.Time{}, []pawl.Save{save}); err != nil || errs[0] != nil {
			t.Fatal(i, errs, err)
		}
	}
	finish(t, s, rows)
	gone, err := s.Change(t.Context(), time.Time{}, pawl.Filter{}, pawl.Change{Do: pawl.Delete})
	if err != nil || len(gone) != len(tasks) {
		t.Fatalf("Change = %d tasks, %v; want %d deleted", len(gone), err, len(tasks))
	}
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	want := []string{"{pawl}:counts", "{pawl}:format", "{pawl}:main", "{pawl}:pages", "{pawl}:posts", "{pawl}:written"}
	keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(want, k) })
	if len(keys) > 0 {
		t.Errorf("keys are left: %v", keys)
	}
}

// Tasks that were not added after all, because others were in the way, leave no
// payload.
func TestNotAddedLeavesNothing(t *testing.T) {
	url := services.Redis(t)
	a, b, c := open(t, url), open(t, url), client(t, url)
	add(t, a, 1) // from here on, a guesses
	twin := func() pawl.NewTask {
		id := pawl.NewID()
		return pawl.NewTask{Duplicates: pawl.Join, Row: pawl.TaskRow{
			ID: id, Run: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit, Identity: pawl.Hash{1}, Input: []byte("1"), MaxAttempts: 1,
		}}
	}
	if added, err := b.Add(t.Context(), time.Time{}, []pawl.NewTask{twin()}); err != nil || added[0].As != pawl.AsNew {
		t.Fatalf("Add = %v, %v; want new", added, err)
	}
	if added, err := a.Add(t.Context(), time.Time{}, []pawl.NewTask{twin()}); err != nil || added[0].As != pawl.AsJoined {
		t.Fatalf("Add = %v, %v; want joined", added, err)
	}
	keys, err := c.Keys(t.Context(), "{pawl}:payload:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	payloads := int64(0)
	for _, key := range keys {
		payloads += c.HLen(t.Context(), key).Val()
	}
	if payloads != 2 {
		t.Errorf("there are %d payloads of 2 tasks", payloads)
	}
}
