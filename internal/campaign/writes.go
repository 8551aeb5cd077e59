package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

// marksOf is how many marks are made for some tasks: for each when it is added,
// claimed, has stored a step, and is finished.
func marksOf(tasks int) int { return 4 * tasks }

// writesProcess adds tasks to a new SQLite file and works on them, and writes a
// mark after each acknowledgement. Nothing happens at the same time, so that all
// that was written before a mark is what was acknowledged.
func writesProcess(ctx context.Context, args []string) (err error) {
	if len(args) != 2 {
		return fmt.Errorf("%s takes a folder and a number of tasks", writesCommand)
	}
	tasks, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	store, err := stores.Open(ctx, "sqlite:"+filepath.Join(args[0], databaseFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	marks, err := os.Create(filepath.Join(args[0], marksFile))
	if err != nil {
		return err
	}
	defer marks.Close()
	for i := range tasks {
		if err := writeTask(ctx, store, func(what string) error {
			_, err := fmt.Fprintf(marks, "%s %d\n", what, i)
			return err
		}); err != nil {
			return fmt.Errorf("task %d: %w", i, err)
		}
	}
	return nil
}

// writeTask takes one task through its life.
func writeTask(ctx context.Context, store pawl.Store, mark func(string) error) error {
	id := pawl.NewID()
	row := pawl.TaskRow{ID: id, Run: id, Operation: "probe", Queue: "default", Limit: pawl.NoLimit, MaxAttempts: 1, Input: []byte(`{}`)}
	if _, err := store.Add(ctx, time.Time{}, []pawl.NewTask{{Row: row, Duplicates: pawl.Keep}}); err != nil {
		return err
	}
	if err := mark("added"); err != nil {
		return err
	}
	claimed, err := store.Claim(ctx, time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"probe"}, Max: 1, Lease: time.Minute})
	if err != nil || len(claimed.Tasks) != 1 || claimed.Tasks[0].ID != id {
		return fmt.Errorf("claim = %d tasks, %v; want the one that was added", len(claimed.Tasks), err)
	}
	if err := mark("claimed"); err != nil {
		return err
	}
	lease := claimed.Tasks[0].Lease()
	step := &pawl.StepRow{Key: "step:probe#1", Name: "probe", Result: []byte(`1`), Attempt: lease.Attempt}
	errs, err := store.Save(ctx, time.Time{}, []pawl.Save{{Lease: lease, Step: step}})
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	if err := mark("saved"); err != nil {
		return err
	}
	errs, err = store.Finish(ctx, time.Time{}, []pawl.Finish{{Lease: lease, To: pawl.Succeeded, Output: []byte(`1`)}})
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	return mark("finished")
}
