package redis

import (
	"encoding/binary"

	"github.com/pawlhq/pawl/internal/durable"
)

// twins are what tasks are to their identities from now on, by key; see commit.lua.
type twins struct {
	order []string
	by    map[string]*twinPart
}

type twinPart struct{ identities, what, ids, ended list }

func (ts *twins) add(k *keys, r *durable.Record, what string) {
	if r.Identity.IsZero() || what == "new" && r.State.Ended() {
		return
	}
	key := k.twins(r.Identity)
	p := ts.by[key]
	if p == nil {
		if ts.by == nil {
			ts.by = map[string]*twinPart{}
		}
		p = &twinPart{}
		ts.by[key] = p
		ts.order = append(ts.order, key)
	}
	p.identities.bytes(r.Identity[:])
	p.what.text(what)
	p.ids.bytes(r.ID[:])
	p.ended.bytes(binary.BigEndian.AppendUint64(nil, uint64(micros(r.Ended))))
}

// twins appends them to a program.
func (p *program) twins(ts *twins) {
	p.array(len(ts.order))
	for _, key := range ts.order {
		part := ts.by[key]
		p.array(5)
		p.text(p.key(key))
		for _, l := range []*list{&part.identities, &part.what, &part.ids, &part.ended} {
			p.list(l)
		}
	}
}
