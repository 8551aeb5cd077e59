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
// often: stop if they were answered, and from then on the run is stopped; wait if some are
// under way still.
func (f *found) repeated(a *Ask) (stop, wait string) {
	most := f.Repeats
	if most == 0 {
		return "", ""
	}
	if f.Stopped != "" {
		return f.Stopped, ""
	}
	name := stateName(a.State)
	answered, underWay := f.States[name], f.Asking[name]
	switch {
	case a.State == 0 || answered+underWay < most:
		return "", ""
	case answered < most:
		return "", fmt.Sprintf("budget %s: the same state of a conversation is asked by %d calls under way, of %d in this run", f.of(), underWay, most)
	}
	f.Stopped = fmt.Sprintf("budget %s: the same state of a conversation was asked %d times in this run, and is asked again", f.of(), most)
	return f.Stopped, ""
}

// ask counts a call that is under way, also where repeats are not capped: they may be
// before it ends.
func (f *found) ask(state uint64) {
	if f.Scope != pawl.OfRun || state == 0 {
		return
	}
	if f.Asking == nil {
		f.Asking = map[string]int{}
	}
	f.Asking[stateName(state)]++
}

// asked counts a call that has ended.
func (f *found) asked(state uint64, answered bool) {
	if f.Scope != pawl.OfRun || state == 0 {
		return
	}
	name := stateName(state)
	if n := f.Asking[name]; n > 1 {
		f.Asking[name] = n - 1
	} else {
		delete(f.Asking, name)
	}
	if answered && f.Repeats > 0 && !f.Gone {
		f.answered(name)
	}
}

func (f *found) answered(name string) {
	if f.States == nil {
		f.States = map[string]int{}
	}
	f.States[name]++
	if i := slices.Index(f.Recent, name); i >= 0 {
		f.Recent = slices.Delete(f.Recent, i, i+1)
	}
	f.Recent = append(f.Recent, name)
	for len(f.Recent) > statesMost {
		delete(f.States, f.Recent[0])
		f.Recent = f.Recent[1:]
	}
}
