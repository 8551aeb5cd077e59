package durable_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/internal/durable"
)

func TestPackedValuesComeBack(t *testing.T) {
	for _, value := range []string{"", "x", strings.Repeat("a conversation ", 1000), string([]byte{0, 1, 255})} {
		packed := durable.Pack([]byte(value))
		got, err := durable.Unpack(packed)
		if err != nil || string(got) != value {
			t.Errorf("Unpack(Pack(%.20q)) = %.20q, %v", value, got, err)
		}
		if large := len(value) > 4096; large != (len(packed) < len(value)) {
			t.Errorf("%d bytes are packed into %d", len(value), len(packed))
		}
	}
	if got := durable.Pack(nil); got != nil {
		t.Errorf("Pack(nil) = %q; want nil", got)
	}
}

func TestUnpackRefusesWhatWouldNotFit(t *testing.T) {
	bomb := durable.Pack(make([]byte, 300<<20))
	if got, err := durable.Unpack(bomb); err == nil {
		t.Errorf("Unpack of %d bytes gave %d; want an error beyond 256 MiB", len(bomb), len(got))
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{})
	f.Add(durable.Pack([]byte("x")))
	f.Add(durable.Pack(bytes.Repeat([]byte("long "), 2000)))
	f.Fuzz(func(t *testing.T, b []byte) {
		value, err := durable.Unpack(b)
		if err != nil {
			return
		}
		if again, err := durable.Unpack(durable.Pack(value)); err != nil || !bytes.Equal(again, value) {
			t.Errorf("Unpack(Pack(v)) = %d bytes, %v; want v of %d", len(again), err, len(value))
		}
	})
}
