package durable_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
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
	f.Add(durable.PackText([]byte("Here is a summary of the document. Here is another one, and here is a third.")))
	f.Fuzz(func(t *testing.T, b []byte) {
		value, err := durable.Unpack(b)
		if err != nil {
			return
		}
		if again, err := durable.Unpack(durable.PackText(value)); err != nil || !bytes.Equal(again, value) {
			t.Errorf("Unpack(PackText(v)) = %d bytes, %v; want v of %d", len(again), err, len(value))
		}
		if again, err := durable.Unpack(durable.Pack(value)); err != nil || !bytes.Equal(again, value) {
			t.Errorf("Unpack(Pack(v)) = %d bytes, %v; want v of %d", len(again), err, len(value))
		}
	})
}

// Messages are compressed though they are small, by a dictionary that stored values
// need for ever.
func TestPackedTextComesBack(t *testing.T) {
	for _, c := range []struct {
		value string
		most  int
	}{
		{"", 1}, {"short", 6}, {string([]byte{0, 1, 255}), 4},
		{`{"role":"user","content":"What are the main causes, and how does it work?"}`, 60},
		{strings.Repeat("The wheel turns one way only. ", 35), 100},
		{rand.Text() + rand.Text() + rand.Text() + rand.Text(), 105},
	} {
		packed := durable.PackText([]byte(c.value))
		got, err := durable.Unpack(packed)
		if err != nil || string(got) != c.value || len(packed) > c.most {
			t.Errorf("Unpack(PackText(%.20q)) = %.20q, %v, from %d bytes; want it back from %d", c.value, got, err, len(packed), c.most)
		}
	}
	if got := durable.PackText(nil); got != nil {
		t.Errorf("PackText(nil) = %q; want nil", got)
	}
	old, err := base64.StdEncoding.DecodeString(packedLongAgo)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := durable.Unpack(old); err != nil || !strings.HasPrefix(string(got), "Here is a summary of the document") {
		t.Errorf("Unpack of what was stored before = %q, %v; the dictionary must not change", got, err)
	}
}

// packedLongAgo is a text as PackText wrote it first.
const packedLongAgo = "Aii1L/0BAAHtAAAwSEkgd2EuBgCogx0QHQ4DXpiA2qF9LnBClNOFVw=="
