package admission

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// Table is the limits, and what users have used of those with ceilings. Its zero
// value is empty.
type Table struct {
	// Touched is told which entry changes, if it is not nil.
	Touched func(Key)

	limits   map[string]*Limit
	recent   *Limit // the one that was asked for last: tasks of one limit come together
	ceilings map[Key]*Ceiling
	sweep    int // how many ceilings make it worth to look for those that are full
}

// Key names an entry: a limit, or, with a user, that user's ceiling.
type Key struct{ Limit, User string }

// Limit is a limit, with what it has learned. As JSON it is what stores keep.
type Limit struct {
	name   string
	Config limit.Config          `json:"config"`
	State  limit.State           `json:"state"`
	Fits   map[string]*limit.Fit `json:"fits,omitempty"` // by operation
	Owes   *Owed                 `json:"owes,omitempty"` // the line whose first task it turned away last

	ceiling limit.Config // each user's; see capped
	capped  bool
}

// Owed names a line to which a limit owes its next call. Else smaller tasks of
// other lines could use up for ever what its first task waits for.
type Owed struct {
	Queue    string        `json:"queue"`
	Priority pawl.Priority `json:"priority"`
}

// Ceiling is what a user has used of a limit.
type Ceiling struct {
	State limit.State `json:"state"`
}

// fitsMost bounds the operations that a limit learns apart. Those that come later
// are learned together.
const fitsMost = 256

// find returns a limit, nil if there is none.
func (t *Table) find(name string) *Limit {
	if t.recent != nil && t.recent.name == name {
		return t.recent
	}
	if l := t.limits[name]; l != nil {
		t.recent = l
		return l
	}
	return nil
}

// Limit returns a limit, which is new if it is not there.
func (t *Table) Limit(name string) *Limit {
	l := t.find(name)
	if l == nil {
		l = &Limit{}
		t.SetLimit(name, l)
		t.touch(Key{Limit: name})
	}
	return l
}

// Fit returns what a limit has learned of an operation; nil for nothing.
func (t *Table) Fit(name, operation string) *limit.Fit {
	if l := t.find(name); l != nil {
		return l.fit(operation)
	}
	return nil
}

// Owes returns the line to which a limit owes its next call, nil for none.
func (t *Table) Owes(name string) *Owed {
	if l := t.find(name); l != nil {
		return l.Owes
	}
	return nil
}

// PassMost is how many large tasks of a limit one claim passes over. Beyond them
// nothing else of the limit goes in that claim.
const PassMost = 64

// Find returns the entry of a key, nil if there is none.
func (t *Table) Find(k Key) any {
	if k.User != "" {
		if c := t.ceilings[k]; c != nil {
			return c
		}
		return nil
	}
	if l := t.limits[k.Limit]; l != nil {
		return l
	}
	return nil
}

// SetLimit puts a limit in its place, as it was stored.
func (t *Table) SetLimit(name string, l *Limit) {
	if t.limits == nil {
		t.limits = map[string]*Limit{}
	}
	l.name = name
	l.configured()
	t.limits[name], t.recent = l, l
}

// SetCeiling puts a ceiling in its place, as it was stored; nil removes it.
func (t *Table) SetCeiling(k Key, c *Ceiling) {
	if c == nil {
		delete(t.ceilings, k)
		return
	}
	if t.ceilings == nil {
		t.ceilings = map[Key]*Ceiling{}
	}
	t.ceilings[k] = c
}

func (t *Table) touch(k Key) {
	if t.Touched != nil {
		t.Touched(k)
	}
}

// Touch says that a limit was changed from outside.
func (t *Table) Touch(l *Limit) { t.touch(Key{Limit: l.name}) }

// Name returns the limit's name.
func (l *Limit) Name() string { return l.name }

func (l *Limit) configured() { l.ceiling, l.capped = l.Config.Ceiling() }

// fit returns what is learned of an operation, nil if that is nothing.
func (l *Limit) fit(operation string) *limit.Fit {
	if f := l.Fits[operation]; f != nil || len(l.Fits) < fitsMost {
		return f
	}
	return l.Fits[""]
}

// learn returns what is learned of an operation, to be added to.
func (l *Limit) learn(operation string) *limit.Fit {
	if f := l.fit(operation); f != nil {
		return f
	}
	if len(l.Fits) >= fitsMost {
		operation = ""
	}
	if l.Fits == nil {
		l.Fits = map[string]*limit.Fit{}
	}
	f := &limit.Fit{}
	l.Fits[operation] = f
	return f
}

// Configure changes a limit as an operator says. The setting must be one that
// [Table.Check] has found right.
func (t *Table) Configure(now time.Time, set *pawl.Setting) {
	l := t.Limit(set.Limit)
	if set.Config != nil {
		l.Config = *set.Config
		l.configured()
	}
	if set.Resume {
		l.State.Resume(now)
	}
	if set.Hold != "" {
		l.State.Hold(now, time.Time{}, set.Hold)
	}
	t.Touch(l)
}

// Check says what is wrong with settings, before any of them is made true.
func (t *Table) Check(settings []pawl.Setting) error {
	within := map[string]string{}
	for i := range settings {
		set := &settings[i]
		if err := check(set); err != nil {
			return err
		}
		if !t.stands(set) {
			return fmt.Errorf("configure limit %q: %w", set.Limit, pawl.ErrConflict)
		}
		if set.Limit != "" && set.Config != nil {
			within[set.Limit] = set.Config.Within
		}
	}
	if len(within) == 0 {
		return nil
	}
	for name := range t.limits { // those that are within others that move make longer chains
		if _, set := within[name]; !set {
			within[name] = t.limits[name].Config.Within
		}
	}
	for _, name := range slices.Sorted(maps.Keys(within)) {
		if err := checkWithin(name, within); err != nil {
			return err
		}
	}
	return nil
}

func check(set *pawl.Setting) error {
	of := 0
	for _, is := range [...]bool{set.Queue != "", set.Limit != "", set.Budget != nil, set.Similar != nil} {
		if is {
			of++
		}
	}
	if of != 1 {
		return fmt.Errorf("pawl: a setting is about queue %q, limit %q, budget %v and near-duplicates %v; want one of the four", set.Queue, set.Limit, set.Budget, set.Similar)
	}
	if set.Limit == pawl.NoLimit {
		return fmt.Errorf("pawl: %q stands for no limit; it has no settings", pawl.NoLimit)
	}
	if set.Config != nil && set.Config.Within == pawl.NoLimit {
		return fmt.Errorf("pawl: limit %q is within %q, which stands for no limit; leave Within empty", set.Limit, pawl.NoLimit)
	}
	if set.Config == nil {
		return nil
	}
	return set.Config.Validate()
}

// stands reports whether a limit is configured as a setting expects, or already as
// it says: then its answer was lost, and it comes again.
func (t *Table) stands(set *pawl.Setting) bool {
	if set.Was == nil {
		return true
	}
	var now limit.Config
	if l := t.limits[set.Limit]; l != nil {
		now = l.Config
	}
	return now == *set.Was || set.Config != nil && now == *set.Config
}

// deepest is how many limits may be within each other.
const deepest = 8

// checkWithin follows the limits that one is within, as they will be.
func checkWithin(name string, within map[string]string) error {
	at := name
	for range deepest {
		next := within[at]
		if next == "" {
			return nil
		}
		if next == name {
			return fmt.Errorf("pawl: limit %q would be within itself, through %q", name, at)
		}
		at = next
	}
	return fmt.Errorf("pawl: limit %q is within more than %d others, or they are within each other", name, deepest-1)
}

// Status returns the limits by name.
func (t *Table) Status() []pawl.LimitStatus {
	status := []pawl.LimitStatus{}
	users := map[string]int{}
	for k, c := range t.ceilings {
		if c.State != (limit.State{}) { // else it was only looked at
			users[k.Limit]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.limits)) {
		l := t.limits[name]
		s := pawl.LimitStatus{Name: name, Config: l.Config, State: l.State, Users: users[name]}
		for operation, f := range l.Fits {
			if s.Fits == nil {
				s.Fits = map[string]limit.Fit{}
			}
			s.Fits[operation] = *f
		}
		status = append(status, s)
	}
	return status
}

// Sweep forgets users who have all of their ceiling again, once there are many. It
// returns those.
func (t *Table) Sweep(now time.Time) []Key {
	if len(t.ceilings) < max(1024, t.sweep) {
		return nil
	}
	var full []Key
	for k, c := range t.ceilings {
		l := t.limits[k.Limit]
		if l == nil || !l.capped || c.State.Idle(now, l.ceiling) {
			full = append(full, k)
			delete(t.ceilings, k)
		}
	}
	t.sweep = 2 * len(t.ceilings)
	return full
}
