package redis

import (
	"encoding/binary"

	"github.com/pawlhq/pawl/internal/durable"
)

// twins are what tasks are to their identities from now on, by key; see commit.lua.
type twins struct {
	parts []*twinPart
	open  map[string]*twinPart
}

type twinPart struct {
	key                          string
	identities, what, ids, ended list
}

func (ts *twins) add(k *keys, r *durable.Record, what string) {
	if r.Identity.IsZero() || what == "new" && r.State.Ended() {
		return
	}
	key := k.twins(r.Identity)
	p := ts.open[key]
	if p == nil || p.ids.n >= mostArguments {
		if ts.open == nil {
			ts.open = map[string]*twinPart{}
		}
		p = &twinPart{key: key}
		ts.open[key] = p
		ts.parts = append(ts.parts, p)
	}
	p.identities.bytes(r.Identity[:])
	p.what.text(what)
	p.ids.bytes(r.ID[:])
	p.ended.bytes(binary.BigEndian.AppendUint64(nil, uint64(micros(r.Ended))))
}

// twins appends them to a program.
func (p *program) twins(ts *twins) {
	p.array(len(ts.parts))
	for _, part := range ts.parts {
		p.array(5)
		p.text(p.key(part.key))
		for _, l := range []*list{&part.identities, &part.what, &part.ids, &part.ended} {
			p.list(l)
		}
	}
}
