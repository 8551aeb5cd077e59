package pawl

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// ID names a task: a UUID of version 7, or of version 8 if it is made from another
// one, so that ids sort by the time they were made; those of a run sort among the ids of when the run began. Its text form is "task_" and 26 characters of base32. A run is named
// by its first task.
type ID [16]byte

const idPrefix = "task_"

// Crockford's alphabet in lower case: it sorts as the bytes do and has no
// letters that are easily mistaken for digits.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns a new id. It panics if the system has no source of randomness.
func NewID() ID { return ID(uuid.Must(uuid.NewV7())) }

// ParseID returns the id with this text form.
func ParseID(s string) (ID, error) {
	var id ID
	text, ok := strings.CutPrefix(s, idPrefix)
	if !ok || len(text) != idEncoding.EncodedLen(len(id)) {
		return ID{}, fmt.Errorf("pawl: %q is not a task id; want %s and %d characters", s, idPrefix, idEncoding.EncodedLen(len(id)))
	}
	if _, err := idEncoding.Decode(id[:], []byte(strings.ToLower(text))); err != nil {
		return ID{}, fmt.Errorf("pawl: %q is not a task id: %w", s, err)
	}
	return id, nil
}

// String returns the id's text form.
func (id ID) String() string { return idPrefix + idEncoding.EncodeToString(id[:]) }

// FollowID returns the id of the task that follows task id in its flow, once that
// has succeeded. So a flow can be followed from its first task on, and following
// twice adds nothing. The two are neighbours among all ids.
func FollowID(id ID) ID {
	sum := sha256.Sum256(append(id[:], "follow"...))
	copy(id[10:], sum[:])
	id[6] = id[6]&0x0f | derived
	return id
}

// ChildID returns the id of the first task of the branch that parent has under key.
// A handler that is run again adds the same branches under the same ids.
//
// The branches of one parent are neighbours among all ids, and sort by the number at
// the end of their keys: they are added, started and ended about in that order, and a
// database in which they lie far apart has to touch a page for each.
func ChildID(parent ID, key string) ID {
	id := parent
	of := sha256.Sum256(parent[:])
	copy(id[6:8], of[:])
	sum := sha256.Sum256(append(parent[:], "child:"+key...))
	rest := binary.BigEndian.Uint64(sum[:])
	if number, length := numberOf(key); length > 0 {
		rest = number<<(64-length) | rest>>length
	}
	binary.BigEndian.PutUint64(id[8:], rest>>2)
	id[6] = id[6]&0x0f | derived
	id[8] = id[8]&0x3f | 0x80 // the variant of RFC 9562
	return id
}

// derived is the version of ids that are made from others: 8, which RFC 9562 leaves to
// whoever makes them.
const derived = 0x80

// IsDerived reports whether FollowID or ChildID made the id: another task may have been
// added under it, by an earlier attempt of the same handler.
func (id ID) IsDerived() bool { return id[6]&0xf0 == derived }

// numberOf returns the number at the end of a key as bits that sort as it does: how
// many digits it has to the base 8, and the digits, so that small ones, of which there
// are the most, leave room for more of the hash. It has no length if there is none,
// or one of more than 7 such digits.
func numberOf(key string) (number uint64, length int) {
	digits := key[len(strings.TrimRight(key, "0123456789")):]
	n, err := strconv.ParseUint(digits, 10, 21)
	if err != nil {
		return 0, 0
	}
	places := (bits.Len64(n) + 2) / 3
	return uint64(places)<<(3*places) | n, 3 + 3*places
}

// IsZero reports whether id names no task.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText returns the id's text form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText sets id from its text form.
func (id *ID) UnmarshalText(b []byte) error {
	parsed, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Hash is a SHA-256. The zero Hash stands for "none": no identity, an empty
// conversation.
type Hash [32]byte

// String returns the hash in hexadecimal, "" for the zero Hash.
func (h Hash) String() string {
	if h.IsZero() {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// IsZero reports whether h stands for none.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText returns the hash in hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText sets h from hexadecimal; an empty text gives the zero Hash.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*h = Hash{}
		return nil
	}
	if len(b) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("pawl: a hash has %d hexadecimal characters, not %d", hex.EncodedLen(len(h)), len(b))
	}
	_, err := hex.Decode(h[:], b)
	return err
}
