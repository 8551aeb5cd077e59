package wire_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pawlhq/pawl/internal/wire"
)

func TestWhatIsWrittenComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, n, m := rapid.String().Draw(t, "text"), rapid.Int64().Draw(t, "n"), rapid.Int64().Draw(t, "m")
		share := rapid.Float64().Draw(t, "share")
		at := time.UnixMicro(rapid.Int64Range(-1e15, 1e15).Filter(func(n int64) bool { return n != 0 }).Draw(t, "time")).UTC()
		b := wire.AppendText(nil, text)
		b = wire.AppendInts(b, n, m)
		b = wire.AppendFloat(b, share)
		b = wire.AppendTime(wire.AppendTime(b, at), time.Time{})
		b = append(b, 7)

		r := wire.Reader{B: b}
		if got := r.Text(); got != text {
			t.Errorf("Text = %q; want %q", got, text)
		}
		var n2, m2 int64
		if r.Ints(&n2, &m2); n2 != n || m2 != m {
			t.Errorf("Ints = %d, %d; want %d, %d", n2, m2, n, m)
		}
		if got := r.Float(); got != share {
			t.Errorf("Float = %v; want %v", got, share)
		}
		if got := r.Time(); !got.Equal(at) || got.Location() != time.UTC {
			t.Errorf("Time = %v; want %v", got, at)
		}
		if got := r.Time(); !got.IsZero() {
			t.Errorf("Time = %v; want zero", got)
		}
		if got := r.Byte(); got != 7 || r.More() || r.Bad {
			t.Errorf("Byte = %d, More %v, Bad %v; want 7 and the end", got, r.More(), r.Bad)
		}
	})
}

// Whatever is cut off, a reader says so, reads zeros from there on, and does not fail
// otherwise.
func TestWhatIsCutOffIsBad(t *testing.T) {
	whole := wire.AppendFloat(wire.AppendInts(wire.AppendText(nil, "some text"), 1<<40), 0.5)
	for cut := range whole {
		r := wire.Reader{B: whole[:cut]}
		r.Text()
		r.Int()
		if share := r.Float(); !r.Bad || share != 0 || r.More() {
			t.Errorf("%d of %d bytes: Float = %v, Bad %v; want 0, true", cut, len(whole), share, r.Bad)
		}
		if text, n, at, b := r.Text(), r.Uint(), r.Time(), r.Byte(); text != "" || n != 0 || !at.IsZero() || b != 0 {
			t.Errorf("a bad reader reads %q, %d, %v, %d", text, n, at, b)
		}
	}
}

func TestLengthsThatAreLies(t *testing.T) {
	for _, b := range [][]byte{
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'x'}, {2, 'x'}, {0x80}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		r := wire.Reader{B: b}
		if text := r.Text(); !r.Bad || text != "" {
			t.Errorf("Text of %x = %q, Bad %v; want nothing, and bad", b, text, r.Bad)
		}
	}
}
