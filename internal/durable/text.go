package durable

import _ "embed" // for the dictionary

// dictionary is what messages and responses often say: the JSON of both APIs and
// common words. What is packed refers to it, so a change makes stores unreadable: a
// better one gets a tag of its own in Unpack.
//
//go:embed dictionary.txt
var dictionary []byte

const dictionaryID = 1

// textFrom is how many bytes text must have to be worth compressing.
const textFrom = 64

// PackText is Pack for messages and responses, which are compressed even if they
// are small: most are, a conversation has many of them, and they are kept.
func PackText(b []byte) []byte {
	if b == nil {
		return nil
	}
	return AppendPackText(make([]byte, 0, len(b)*5/8+16), b)
}

// AppendPackText appends to dst what PackText returns.
func AppendPackText(dst, b []byte) []byte {
	if len(b) < textFrom {
		return AppendPack(dst, b)
	}
	packed := textEncoder.EncodeAll(b, append(dst, packedText))
	if len(packed)-len(dst) < len(b) {
		return packed
	}
	return AppendPack(dst, b)
}
