// Package wire writes and reads values as a few bytes each, without names: what is
// stored with every task or call, and costs a fraction of JSON's time and room.
package wire

import (
	"encoding/binary"
	"math"
	"time"
)

// AppendText appends a text, or other bytes, with its length.
func AppendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendInts appends whole numbers.
func AppendInts(b []byte, all ...int64) []byte {
	for _, n := range all {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// AppendFloat appends a number in 8 bytes.
func AppendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

// AppendTime appends a time to the microsecond; zero stays zero.
func AppendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(b, 0)
	}
	return binary.AppendVarint(b, t.UnixMicro())
}

// Reader reads from B what was appended, in the same order. Once B does not hold what
// is asked for, it is Bad, and all it reads is zero.
type Reader struct {
	B   []byte
	Bad bool
}

// More reports whether there is something left to read.
func (r *Reader) More() bool { return !r.Bad && len(r.B) > 0 }

// Take returns the next n bytes, or nil.
func (r *Reader) Take(n int) []byte {
	if r.Bad || n < 0 || n > len(r.B) {
		r.Bad = true
		return nil
	}
	taken := r.B[:n]
	r.B = r.B[n:]
	return taken
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if b := r.Take(1); b != nil {
		return b[0]
	}
	return 0
}

// Float reads what AppendFloat appended.
func (r *Reader) Float() float64 {
	if b := r.Take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// Bytes reads what AppendText appended; it shares memory with B.
func (r *Reader) Bytes() []byte { return r.Take(int(min(r.Uint(), math.MaxInt32))) }

// Text reads what AppendText appended.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Time reads what AppendTime appended, in UTC.
func (r *Reader) Time() time.Time {
	if n := r.Int(); n != 0 {
		return time.UnixMicro(n).UTC()
	}
	return time.Time{}
}

// Int reads a whole number.
func (r *Reader) Int() int64 {
	v := r.Uint()
	return int64(v>>1) ^ -int64(v&1) // as [binary.AppendVarint] has it
}

// Ints reads whole numbers.
func (r *Reader) Ints(into ...*int64) {
	for _, v := range into {
		*v = r.Int()
	}
}

// Uint reads a length or a count, as [binary.AppendUvarint] appends it.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.B)
	if r.Bad = r.Bad || n <= 0; r.Bad {
		return 0
	}
	r.B = r.B[n:]
	return v
}
