package budget

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/pawlhq/pawl"
)

// statesMost is how many states of a run are counted: the ones that were asked last. A
// loop comes back to the same few.
const statesMost = 64

func stateName(state uint64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, state)[:6])
}

// repeated says why a call does not go that asks the same as others of its run did, too
// often: it stops if they were answered, and from then on the run is Stopped; it waits if
// some are under way still.
func (a *Account) repeated(ask *Ask) (stop bool, wait string) {
	most := a.budget.Repeats
	if most == 0 {
		return false, ""
	}
	if a.Stopped != "" {
		return true, ""
	}
	name := stateName(ask.State)
	answered, underWay := a.States[name], a.Asking[name]
	switch {
	case ask.State == 0 || answered+underWay < most:
		return false, ""
	case answered < most:
		return false, fmt.Sprintf("budget %s: the same state of a conversation is asked by %d calls under way, of %d in this run", a, underWay, most)
	}
	a.Stopped = fmt.Sprintf("budget %s: the same state of a conversation was asked %d times in this run, and is asked again", a, most)
	return true, ""
}

// ask counts a call that is under way, also where repeats are not capped: they may be
// before it ends.
func (a *Account) ask(state uint64) {
	if a.budget.Scope != pawl.OfRun || state == 0 {
		return
	}
	if a.Asking == nil {
		a.Asking = map[string]int{}
	}
	a.Asking[stateName(state)]++
}

// asked counts a call that has ended.
func (a *Account) asked(state uint64, answered bool) {
	if a.budget.Scope != pawl.OfRun || state == 0 {
		return
	}
	name := stateName(state)
	if n := a.Asking[name]; n > 1 {
		a.Asking[name] = n - 1
	} else {
		delete(a.Asking, name)
	}
	if answered && a.budget.Repeats > 0 && !a.Gone {
		a.answered(name)
	}
}

func (a *Account) answered(name string) {
	if a.States == nil {
		a.States = map[string]int{}
	}
	a.States[name]++
	if i := slices.Index(a.Recent, name); i >= 0 {
		a.Recent = slices.Delete(a.Recent, i, i+1)
	}
	a.Recent = append(a.Recent, name)
	for len(a.Recent) > statesMost {
		delete(a.States, a.Recent[0])
		a.Recent = a.Recent[1:]
	}
}
