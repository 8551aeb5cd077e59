package budget

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/wire"
	"github.com/pawlhq/pawl/price"
)

var errEnded = errors.New("not the packed end of a call")

// What the first byte says of the end of a call.
const (
	endAnswered = 1 << iota
	endNumbered // it has Accounts, and Named if there are some; else Named alone, as earlier versions packed it
)

// MarshalJSON returns the end of a call as a text of packed bytes: with ten accounts the
// fields would be as long as all else that is posted of a call.
func (e *Ended) MarshalJSON() ([]byte, error) {
	flags := byte(endNumbered)
	if e.Answered {
		flags |= endAnswered
	}
	b := append(make([]byte, 0, 64+4*len(e.Accounts)), flags)
	for _, s := range [...]*pawl.Spent{&e.Needs, &e.Used} {
		b = wire.AppendInts(b, s.Tokens, int64(s.Money), s.Calls)
	}
	b = AppendNumbers(binary.AppendUvarint(b, e.State), e.Accounts)
	return json.Marshal(AppendParts(b, e.Named))
}

// UnmarshalJSON sets e from what MarshalJSON returned.
func (e *Ended) UnmarshalJSON(text []byte) error {
	var b []byte
	if err := json.Unmarshal(text, &b); err != nil {
		return err
	}
	r := wire.Reader{B: b}
	flags := r.Byte()
	*e = Ended{Answered: flags&endAnswered != 0}
	for _, s := range [...]*pawl.Spent{&e.Needs, &e.Used} {
		s.Tokens, s.Money, s.Calls = r.Int(), price.Money(r.Int()), r.Int()
	}
	e.State = r.Uint()
	if flags&endNumbered != 0 {
		e.Accounts = ReadNumbers(&r)
	}
	e.Named = ReadParts(&r)
	if r.Bad || r.More() {
		return errEnded
	}
	return nil
}

// AppendNumbers appends accounts by number.
func AppendNumbers(b []byte, accounts []int64) []byte {
	return wire.AppendInts(binary.AppendUvarint(b, uint64(len(accounts))), accounts...)
}

// ReadNumbers reads what AppendNumbers appended.
func ReadNumbers(r *wire.Reader) (accounts []int64) {
	for n := r.Uint(); n > 0 && !r.Bad; n-- {
		accounts = append(accounts, r.Int())
	}
	return accounts
}

// AppendParts appends accounts by name.
func AppendParts(b []byte, parts []Part) []byte {
	b = binary.AppendUvarint(b, uint64(len(parts)))
	for i := range parts {
		b = wire.AppendText(wire.AppendText(b, parts[i].Budget), parts[i].Account)
	}
	return b
}

// ReadParts reads what AppendParts appended.
func ReadParts(r *wire.Reader) (parts []Part) {
	for n := r.Uint(); n > 0 && !r.Bad; n-- {
		parts = append(parts, Part{Budget: r.Text(), Account: r.Text()})
	}
	return parts
}
