package sqlite

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"time"
)

// fields is a value as it is stored in one column: numbers and bytes, each
// behind its tag. What is zero is left out, and a reader passes over tags that it
// does not know, so fields may be added and never take a number again.
type fields []byte

const (
	kindNumber = 0
	kindBytes  = 1
)

func (f *fields) number(tag int, v int64) {
	if v != 0 {
		*f = binary.AppendUvarint(*f, uint64(tag)<<1|kindNumber)
		*f = binary.AppendVarint(*f, v)
	}
}

func (f *fields) flag(tag int, v bool) {
	if v {
		f.number(tag, 1)
	}
}

// float stores the bits in reverse: those of a round number are few.
func (f *fields) float(tag int, v float64) {
	f.number(tag, int64(bits.ReverseBytes64(math.Float64bits(v))))
}

func (f *fields) time(tag int, t time.Time) { f.number(tag, micros(t)) }

func (f *fields) text(tag int, s string) {
	if s != "" {
		f.header(tag, len(s))
		*f = append(*f, s...)
	}
}

func (f *fields) bytes(tag int, b []byte) {
	if b != nil {
		f.header(tag, len(b))
		*f = append(*f, b...)
	}
}

func (f *fields) header(tag, length int) {
	*f = binary.AppendUvarint(*f, uint64(tag)<<1|kindBytes)
	*f = binary.AppendUvarint(*f, uint64(length))
}

// field is one field as it is read.
type field struct {
	tag  int
	n    int64
	data []byte // shares memory with what is read
}

func (f field) time() time.Time { return timeOf(f.n) }
func (f field) flag() bool      { return f.n != 0 }
func (f field) float() float64 {
	return math.Float64frombits(bits.ReverseBytes64(uint64(f.n)))
}

var errFields = errors.New("a stored value is broken")

// next takes the next field off.
func (f *fields) next() (field, error) {
	head, n := binary.Uvarint(*f)
	if n <= 0 || head>>1 > math.MaxInt32 {
		return field{}, errFields
	}
	*f = (*f)[n:]
	v := field{tag: int(head >> 1)}
	if head&1 == kindNumber {
		if v.n, n = binary.Varint(*f); n <= 0 {
			return field{}, errFields
		}
		*f = (*f)[n:]
		return v, nil
	}
	length, n := binary.Uvarint(*f)
	if n <= 0 || length > uint64(len(*f)-n) {
		return field{}, errFields
	}
	end := n + int(length)
	v.data, *f = (*f)[n:end:end], (*f)[end:]
	return v, nil
}

// micros is a time as it is stored: microseconds since the epoch, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
