package postgres

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// Values go over the wire in PostgreSQL's binary format, which is written and
// read here by hand: a batch of a thousand tasks is a dozen arrays, and nothing
// is allocated for their elements.

// arg is a parameter of a statement. A nil value is null.
type arg struct {
	oid   uint32
	value []byte
}

func int8Arg(v int64) arg  { return arg{pgtype.Int8OID, binary.BigEndian.AppendUint64(nil, uint64(v))} }
func int4Arg(v int32) arg  { return arg{pgtype.Int4OID, binary.BigEndian.AppendUint32(nil, uint32(v))} }
func int2Arg(v int16) arg  { return arg{pgtype.Int2OID, binary.BigEndian.AppendUint16(nil, uint16(v))} }
func textArg(v string) arg { return arg{pgtype.TextOID, append([]byte{}, v...)} }
func bytesArg(v []byte) arg {
	return arg{pgtype.ByteaOID, v}
}
func uuidArg(id pawl.ID) arg { return arg{pgtype.UUIDOID, id[:]} }

// column is an array that grows by an element at a time.
type column struct {
	oid   uint32 // of the array
	n     int
	nulls int
	data  []byte
}

const columnHead = 20 // dimensions, whether there are nulls, type of the elements, length, lower bound

var arrayOf = map[uint32]uint32{
	pgtype.BoolOID: pgtype.BoolArrayOID, pgtype.ByteaOID: pgtype.ByteaArrayOID, pgtype.Int2OID: pgtype.Int2ArrayOID,
	pgtype.Int4OID: pgtype.Int4ArrayOID, pgtype.Int8OID: pgtype.Int8ArrayOID, pgtype.TextOID: pgtype.TextArrayOID,
	pgtype.Float8OID: pgtype.Float8ArrayOID, pgtype.UUIDOID: pgtype.UUIDArrayOID, pgtype.XIDOID: xidArrayOID,
}

const xidArrayOID = 1011

// newColumn returns an array of elements of a type, with room for n of some bytes.
func newColumn(elem uint32, n, size int) *column {
	c := &column{oid: arrayOf[elem], data: make([]byte, columnHead, columnHead+n*(4+size))}
	binary.BigEndian.PutUint32(c.data[0:], 1)
	binary.BigEndian.PutUint32(c.data[4:], 1)
	binary.BigEndian.PutUint32(c.data[8:], elem)
	binary.BigEndian.PutUint32(c.data[16:], 1)
	return c
}

func (c *column) length(n int) {
	c.n++
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(n))
}

func (c *column) null() {
	c.n++
	c.nulls++
	c.data = append(c.data, 0xff, 0xff, 0xff, 0xff)
}

// bytes appends a value, null for nil.
func (c *column) bytes(b []byte) {
	if b == nil {
		c.null()
		return
	}
	c.length(len(b))
	c.data = append(c.data, b...)
}

// packed appends a value in its packed form, null for nil.
func (c *column) packed(b []byte) { c.packedBy(durable.AppendPack, b) }

// packedText is packed for messages and responses.
func (c *column) packedText(b []byte) { c.packedBy(durable.AppendPackText, b) }

func (c *column) packedBy(pack func(dst, b []byte) []byte, b []byte) {
	if b == nil {
		c.null()
		return
	}
	at := len(c.data)
	c.length(0)
	c.data = pack(c.data, b)
	binary.BigEndian.PutUint32(c.data[at:], uint32(len(c.data)-at-4))
}

func (c *column) text(s string) {
	c.length(len(s))
	c.data = append(c.data, s...)
}

// name appends a text, null for "".
func (c *column) name(s string) {
	if s == "" {
		c.null()
		return
	}
	c.text(s)
}

func (c *column) uuid(id pawl.ID) {
	c.length(16)
	c.data = append(c.data, id[:]...)
}

// hash appends a hash, null for the zero one.
func (c *column) hash(h pawl.Hash) {
	if h.IsZero() {
		c.null()
		return
	}
	c.length(len(h))
	c.data = append(c.data, h[:]...)
}

func (c *column) int8(v int64) {
	c.length(8)
	c.data = binary.BigEndian.AppendUint64(c.data, uint64(v))
}

func (c *column) int4(v int) {
	c.length(4)
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(int32(min(max(v, math.MinInt32), math.MaxInt32))))
}

func (c *column) int2(v int16) {
	c.length(2)
	c.data = binary.BigEndian.AppendUint16(c.data, uint16(v))
}

func (c *column) xid(v int64) {
	c.length(4)
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(v))
}

func (c *column) float8(v float64) {
	c.length(8)
	c.data = binary.BigEndian.AppendUint64(c.data, math.Float64bits(v))
}

func (c *column) bool(v bool) {
	c.length(1)
	if v {
		c.data = append(c.data, 1)
		return
	}
	c.data = append(c.data, 0)
}

// time appends a time, null for the zero one.
func (c *column) time(t time.Time) {
	if t.IsZero() {
		c.null()
		return
	}
	c.int8(t.UnixMicro())
}

// arg returns the array. One of nulls only is sent as an empty one: beside a longer
// array, unnest fills it up with nulls.
func (c *column) arg() arg {
	if c.n == c.nulls {
		binary.BigEndian.PutUint32(c.data[0:], 0)
		return arg{c.oid, c.data[:12]}
	}
	binary.BigEndian.PutUint32(c.data[12:], uint32(c.n))
	return arg{c.oid, c.data}
}

func idsArg(ids []pawl.ID) arg {
	c := newColumn(pgtype.UUIDOID, len(ids), 16)
	for _, id := range ids {
		c.uuid(id)
	}
	return c.arg()
}

func hashesArg(hashes []pawl.Hash) arg {
	c := newColumn(pgtype.ByteaOID, len(hashes), 32)
	for _, h := range hashes {
		c.bytes(h[:])
	}
	return c.arg()
}

func int4sArg(vs []int32) arg {
	c := newColumn(pgtype.Int4OID, len(vs), 4)
	for _, v := range vs {
		c.int4(int(v))
	}
	return c.arg()
}

func int8sArg(vs []int64) arg {
	c := newColumn(pgtype.Int8OID, len(vs), 8)
	for _, v := range vs {
		c.int8(v)
	}
	return c.arg()
}

func textsArg(vs []string) arg {
	c := newColumn(pgtype.TextOID, len(vs), 32)
	for _, v := range vs {
		c.text(v)
	}
	return c.arg()
}

// row reads the values of a result's row from the left to the right. What it
// returns stays valid. Null is the zero value.
type row struct {
	values [][]byte
	at     int
}

func (r *row) next() []byte {
	v := r.values[r.at]
	r.at++
	return v
}

func (r *row) isNull() bool { return r.values[r.at] == nil }

func (r *row) int8() int64 {
	if v := r.next(); len(v) == 8 {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

func (r *row) int4() int {
	if v := r.next(); len(v) == 4 {
		return int(int32(binary.BigEndian.Uint32(v)))
	}
	return 0
}

func (r *row) xid() int64 {
	if v := r.next(); len(v) == 4 {
		return int64(binary.BigEndian.Uint32(v))
	}
	return 0
}

func (r *row) int2() int16 {
	if v := r.next(); len(v) == 2 {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *row) float8() float64 {
	if v := r.next(); len(v) == 8 {
		return math.Float64frombits(binary.BigEndian.Uint64(v))
	}
	return 0
}

func (r *row) bool() bool {
	v := r.next()
	return len(v) == 1 && v[0] != 0
}

func (r *row) text() string { return string(r.next()) }

func (r *row) bytes() []byte {
	v := r.next()
	if v == nil {
		return nil
	}
	return append(make([]byte, 0, len(v)), v...)
}

func (r *row) uuid() (id pawl.ID) {
	copy(id[:], r.next())
	return id
}

func (r *row) hash() (h pawl.Hash) {
	copy(h[:], r.next())
	return h
}

// time reads microseconds.
func (r *row) time() time.Time {
	if r.isNull() {
		r.at++
		return time.Time{}
	}
	return time.UnixMicro(r.int8()).UTC()
}

// int8s reads an array without nulls.
func (r *row) int8s() []int64 {
	v := r.next()
	if len(v) < columnHead {
		return nil
	}
	all := make([]int64, 0, binary.BigEndian.Uint32(v[12:]))
	for v = v[columnHead:]; len(v) >= 12; v = v[12:] {
		all = append(all, int64(binary.BigEndian.Uint64(v[4:])))
	}
	return all
}
