package budget

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
)

// statesMost is how many states of a run are counted: the ones that were asked last. A
// loop comes back to the same few.
const statesMost = 64

func stateName(state uint64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, state)[:6])
}

// repeated says that a call asks the same as others of its run did, too often. From then
// on the run is stopped.
func (f *found) repeated(a *Ask) string {
	most := f.Repeats
	if most == 0 {
		return ""
	}
	if f.Stopped != "" {
		return f.Stopped
	}
	if a.State == 0 || f.States[stateName(a.State)] < most {
		return ""
	}
	f.Stopped = fmt.Sprintf("budget %s: the same state of a conversation was asked %d times in this run, and is asked again", f.of(), most)
	return f.Stopped
}

// asked counts an answered call.
func (f *found) asked(state uint64) {
	if f.Repeats == 0 || state == 0 {
		return
	}
	name := stateName(state)
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
