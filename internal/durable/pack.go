package durable

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// How a packed value begins.
const (
	packedRaw  = 0
	packedZstd = 1
	packedText = 2 // the same with the dictionary, which a frame names
)

const (
	packFrom = 4 << 10   // bytes from which compression is worth its time
	packMost = 256 << 20 // bytes that a packed value may have when unpacked
)

// Pack returns b as it is stored: one byte that says how, and the value, which
// is compressed if it is large. Nil stays nil.
func Pack(b []byte) []byte {
	if b == nil {
		return nil
	}
	room := len(b) + 1
	if len(b) >= packFrom {
		room = len(b) / 2
	}
	return AppendPack(make([]byte, 0, room), b)
}

// AppendPack appends to dst what Pack returns.
func AppendPack(dst, b []byte) []byte {
	if b == nil {
		return dst
	}
	if len(b) >= packFrom {
		packed := encoder.EncodeAll(b, append(dst, packedZstd))
		if len(packed)-len(dst) < len(b) {
			return packed
		}
	}
	return append(append(dst, packedRaw), b...)
}

// Unpack returns what was packed; it may share memory with packed. A value that
// would have more than 256 MiB is an error.
func Unpack(packed []byte) ([]byte, error) {
	var room []byte
	return unpackIn(&room, packed)
}

// unpackIn is Unpack that may use room for the value, in place of what was unpacked
// there before.
func unpackIn(room *[]byte, packed []byte) (value []byte, err error) {
	if len(packed) == 0 {
		return nil, nil
	}
	switch packed[0] {
	case packedRaw:
		return packed[1:], nil
	case packedZstd, packedText:
		if value, err = decoder.DecodeAll(packed[1:], (*room)[:0]); err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		*room = value
		return value, nil
	}
	return nil, errors.New("unpack: not a packed value")
}

// The encoders and the decoder have channels, which are made here and not at their
// first use: that may be in the bubble of a test in virtual time, and the channel of
// a bubble is of no use outside of it.
var (
	encoder     = newEncoder()
	textEncoder = newEncoder(zstd.WithEncoderDictRaw(dictionaryID, dictionary), zstd.WithEncoderCRC(false))
	decoder     = newDecoder()
)

func newEncoder(more ...zstd.EOption) *zstd.Encoder {
	e, err := zstd.NewWriter(nil, append(more, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))...)
	if err != nil {
		panic(err) // the options above are wrong
	}
	e.EncodeAll([]byte{0}, nil)
	return e
}

func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(packMost), zstd.WithDecoderDictRaw(dictionaryID, dictionary))
	if err != nil {
		panic(err) // the options above are wrong
	}
	return d
}
