package redis

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// buffer is a value on its way into the database.
type buffer []byte

func (b *buffer) byte(v byte)      { *b = append(*b, v) }
func (b *buffer) int(v int64)      { *b = binary.AppendVarint(*b, v) }
func (b *buffer) float(v float64)  { *b = binary.BigEndian.AppendUint64(*b, math.Float64bits(v)) }
func (b *buffer) text(v string)    { *b = append(binary.AppendUvarint(*b, uint64(len(v))), v...) }
func (b *buffer) bytes(v []byte)   { *b = append(binary.AppendUvarint(*b, uint64(len(v))), v...) }
func (b *buffer) time(t time.Time) { b.int(micros(t)) }
func (b *buffer) hash(h pawl.Hash) { b.optional(h[:], h.IsZero()) }
func (b *buffer) optional(v []byte, none bool) {
	if none {
		b.byte(0)
		return
	}
	b.byte(1)
	*b = append(*b, v...)
}

// packed appends a value as durable.Pack has it.
func (b *buffer) packed(v []byte) {
	length := len(*b)
	*b = durable.AppendPack(append(*b, 0, 0, 0, 0), v)
	binary.BigEndian.PutUint32((*b)[length:], uint32(len(*b)-length-4))
}

func (b *buffer) bool(v bool) {
	if v {
		b.byte(1)
		return
	}
	b.byte(0)
}

// flags appends up to eight bools in one byte. Where all but the first are false it is
// the byte of bool.
func (b *buffer) flags(all ...bool) {
	var flags byte
	for i, v := range all {
		if v {
			flags |= 1 << i
		}
	}
	b.byte(flags)
}

// reader reads what a buffer was made of. What it returns shares the value's
// memory. After a value that is cut short or damaged, err says so and everything
// else is zero.
type reader struct {
	rest string
	err  error
}

var errDamaged = errors.New("damaged")

func (r *reader) fail() {
	r.rest, r.err = "", errDamaged
}

func (r *reader) take(n int) string {
	if n < 0 || n > len(r.rest) {
		r.fail()
		return ""
	}
	v := r.rest[:n]
	r.rest = r.rest[n:]
	return v
}

func (r *reader) byte() byte {
	if v := r.take(1); v != "" {
		return v[0]
	}
	return 0
}

func (r *reader) bool() bool { return r.byte() == 1 }

func (r *reader) flags(all ...*bool) {
	flags := r.byte()
	for i, v := range all {
		*v = flags&(1<<i) != 0
	}
}

func (r *reader) uint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.fail()
	return 0
}

func (r *reader) int() int64 {
	v := r.uint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) fixed64() uint64 {
	var v uint64
	for _, c := range []byte(r.take(8)) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (r *reader) fixed32() uint32 {
	var v uint32
	for _, c := range []byte(r.take(4)) {
		v = v<<8 | uint32(c)
	}
	return v
}

func (r *reader) float() float64 { return math.Float64frombits(r.fixed64()) }

func (r *reader) text() string {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	return r.take(int(n))
}

// packed returns a copy of a value that was packed.
func (r *reader) packed() []byte {
	value, err := durable.Unpack([]byte(r.take(int(r.fixed32()))))
	if err != nil {
		r.rest, r.err = "", err
	}
	return value
}

// bytes returns a copy, and nil for an empty value.
func (r *reader) bytes() []byte {
	if v := r.text(); v != "" {
		return []byte(v)
	}
	return nil
}

func (r *reader) time() time.Time { return at(r.int()) }

func (r *reader) duration() time.Duration { return time.Duration(r.int()) }

func (r *reader) id() (id pawl.ID) {
	copy(id[:], r.take(len(id)))
	return id
}

func (r *reader) hash() (h pawl.Hash) {
	if r.bool() {
		copy(h[:], r.take(len(h)))
	}
	return h
}

// micros returns a time as it is stored: microseconds since 1970, 0 for the zero
// time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// at returns the time that was stored as v.
func at(v int64) time.Time {
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMicro(v).UTC()
}
