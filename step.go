package pawl

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Step does fn once for the task whose handler has ctx, however often the
// handler is run: fn's result is stored under the name, and a retry or another
// worker gets it back instead of calling fn. Asked for again under the same name
// within one attempt it is a step of its own, the second, third and so on, so
// the order of equal names must not change between attempts.
//
// An error of fn is returned and not stored; tried again within the attempt it is
// the same step. fn runs at least once: a crash
// after it and before its result is stored runs it again. Results are JSON.
func Step[T any](ctx context.Context, name string, fn func(context.Context) (T, error)) (T, error) {
	var out T
	a, err := attemptFrom(ctx)
	if err != nil {
		return out, err
	}
	key, stored := a.step("step:" + name)
	if stored != nil {
		a.count(func(s *tally) { s.saved++ })
		if err := json.Unmarshal(stored.Result, &out); err != nil {
			return out, Permanent(fmt.Errorf("stored step %q: %w", name, err))
		}
		return out, nil
	}
	if err := a.diverged(name); err != nil {
		a.unstep("step:"+name, key)
		return out, err
	}
	a.act()
	began := time.Now()
	if out, err = fn(ctx); err != nil {
		a.unstep("step:"+name, key)
		return out, err
	}
	result, err := marshal(out)
	if err != nil {
		return out, Permanent(fmt.Errorf("result of step %q: %w", name, err))
	}
	err = a.save(Save{Step: &StepRow{Key: key, Name: name, Result: result, Took: time.Since(began)}})
	if err != nil {
		return out, fmt.Errorf("store step %q: %w", name, err)
	}
	return out, nil
}

// step returns the key of the next step with this name, and the step if it is
// stored.
func (a *attempt) step(name string) (key string, stored *StepRow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key = a.next(name)
	if free := a.free[name]; len(free) > 0 {
		a.free[name] = free[1:]
	} else {
		if a.seen == nil {
			a.seen = map[string]int{}
		}
		a.seen[name]++
	}
	if stored = a.storedSteps()[key]; stored != nil {
		if a.asked == nil {
			a.asked = make(map[string]bool, len(a.stored))
		}
		a.asked[key] = true
	}
	return key, stored
}

// storedSteps returns the steps of earlier attempts by key. The caller has a.mu.
func (a *attempt) storedSteps() map[string]*StepRow {
	if a.stored == nil && len(a.row.Steps) > 0 {
		a.stored = make(map[string]*StepRow, len(a.row.Steps))
		for i := range a.row.Steps {
			a.stored[a.row.Steps[i].Key] = &a.row.Steps[i]
		}
	}
	return a.stored
}

// next returns the key of the next step with this name. The caller has a.mu.
func (a *attempt) next(name string) string {
	if free := a.free[name]; len(free) > 0 {
		return free[0]
	}
	return name + "#" + strconv.Itoa(a.seen[name]+1)
}

// isStored reports whether the next step with this name is stored.
func (a *attempt) isStored(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.storedSteps()[a.next(name)] != nil
}

// nextStep returns the key of the next step with this name: after a failure, the one that
// the failed call gave back.
func (a *attempt) nextStep(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.next(name)
}

// unasked returns the stored steps, oldest first, that the handler has not asked for:
// it is no longer the code, or has no longer the data, of the attempts that stored
// them. Signals wait to be asked for.
func (a *attempt) unasked() []*StepRow {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.asked) == len(a.row.Steps) {
		return nil
	}
	var left []*StepRow
	for i := range a.row.Steps {
		s := &a.row.Steps[i]
		if !a.asked[s.Key] && !strings.HasPrefix(s.Name, signalPrefix) {
			left = append(left, s)
		}
	}
	return left
}

// isFallback reports whether another operation had the task before: its steps are there,
// and this one asks for what it likes.
func (a *attempt) isFallback() bool {
	return slices.ContainsFunc(a.row.Attempts, func(t Attempt) bool { return t.As != "" })
}

// diverged reports, for operations that are Strict, a step that no earlier attempt
// stored while one that was stored has not been asked for.
func (a *attempt) diverged(name string) error {
	if !a.strict || a.isFallback() {
		return nil
	}
	if left := a.unasked(); len(left) > 0 {
		return &verdict{class: Changed, err: fmt.Errorf("step %q is new, and stored step %q was not asked for: the handler is not the one that stored it; "+
			"fork the run to keep what it should, or retry with an input to begin anew", name, left[0].Name)}
	}
	return nil
}

// unstep gives back a key under which nothing was stored: the next step with
// this name takes it, as it will in an attempt in which nothing fails.
func (a *attempt) unstep(name, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.free == nil {
		a.free = map[string][]string{}
	}
	a.free[name] = append(a.free[name], key)
}

// save writes to the store under the attempt's lease. A lost lease ends the
// attempt.
func (a *attempt) save(s Save) error {
	s.Lease = a.row.Lease()
	if s.Step != nil {
		s.Step.Attempt = a.row.Attempt
	}
	return a.client.saves.wait(s)
}
