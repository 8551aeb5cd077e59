package redis

import (
	"encoding/binary"
	"sync"
)

// A program is what a script is to do, as MessagePack: the script is the same for
// all, and its one argument is read in C. Scripts get every key that the program
// names.
type program struct {
	pack
	keys  []string
	known map[string]struct{}
}

// key notes that the program names a key, and returns it.
func (p *program) key(name string) string {
	if _, ok := p.known[name]; !ok {
		if p.known == nil {
			p.known = map[string]struct{}{}
		}
		p.known[name] = struct{}{}
		p.keys = append(p.keys, name)
	}
	return name
}

// pack is MessagePack as far as scripts need it: arrays, byte strings and false.
type pack []byte

func (p *pack) array(n int) {
	if n < 16 {
		*p = append(*p, 0x90|byte(n))
		return
	}
	*p = binary.BigEndian.AppendUint32(append(*p, 0xdd), uint32(n))
}

func (p *pack) size(n int) {
	switch {
	case n < 32:
		*p = append(*p, 0xa0|byte(n))
	case n < 1<<16:
		*p = append(*p, 0xda, byte(n>>8), byte(n))
	default:
		*p = binary.BigEndian.AppendUint32(append(*p, 0xdb), uint32(n))
	}
}

func (p *pack) text(v string) {
	p.size(len(v))
	*p = append(*p, v...)
}

func (p *pack) bytes(v []byte) {
	p.size(len(v))
	*p = append(*p, v...)
}

func (p *pack) no() { *p = append(*p, 0xc2) }

// list is an array of which the length is not known yet.
type list struct {
	pack
	n int
}

func (l *list) text(v string)  { l.n++; l.pack.text(v) }
func (l *list) bytes(v []byte) { l.n++; l.pack.bytes(v) }
func (l *list) no()            { l.n++; l.pack.no() }

// list appends l as an array.
func (p *pack) list(l *list) {
	p.array(l.n)
	*p = append(*p, l.pack...)
}

// commands are commands for a script to call, in order, with their arguments
// gathered: what goes to one key by one command is one call.
type commands struct {
	calls []*call
	open  map[target]*call
}

type target struct{ name, key string }

type call struct {
	list
	target
}

// mostArguments is how many arguments one call has, about: Lua's stack holds 8,000.
const mostArguments = 2000

// to returns the call of a command on a key, to add arguments to.
func (c *commands) to(name, key string) *call {
	t := target{name, key}
	if o := c.open[t]; o != nil && o.n < mostArguments {
		return o
	}
	if c.open == nil {
		c.open = map[target]*call{}
	}
	o := c.once(name, key)
	c.open[t] = o
	return o
}

// once adds a call that no other arguments are gathered for.
func (c *commands) once(name, key string, args ...string) *call {
	o := calls.Get().(*call)
	o.target = target{name, key}
	o.text(name)
	o.text(key)
	for _, arg := range args {
		o.text(arg)
	}
	c.calls = append(c.calls, o)
	return o
}

// calls are calls that are no longer needed, for their memory.
var calls = sync.Pool{New: func() any { return new(call) }}

// mostKept is how much memory is kept for the next transaction.
const mostKept = 4 << 20

// free gives up the calls.
func (c *commands) free() {
	for _, o := range c.calls {
		if cap(o.pack) <= mostKept {
			*o = call{list: list{pack: o.pack[:0]}}
			calls.Put(o)
		}
	}
	*c = commands{}
}

// commands appends the calls, as an array of arrays.
func (p *program) commands(c *commands) {
	p.array(len(c.calls))
	for _, o := range c.calls {
		p.key(o.key)
		p.list(&o.list)
	}
}
