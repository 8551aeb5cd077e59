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

// MarshalJSON returns the end of a call as a text of packed bytes: with ten accounts the
// fields would be as long as all else that is posted of a call.
func (e *Ended) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 64+32*len(e.Accounts))
	answered := byte(0)
	if e.Answered {
		answered = 1
	}
	b = append(b, answered)
	for _, s := range [...]*pawl.Spent{&e.Needs, &e.Used} {
		b = wire.AppendInts(b, s.Tokens, int64(s.Money), s.Calls)
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, e.State), uint64(len(e.Accounts)))
	for i := range e.Accounts {
		b = wire.AppendText(wire.AppendText(b, e.Accounts[i].Budget), e.Accounts[i].Account)
	}
	return json.Marshal(b)
}

// UnmarshalJSON sets e from what MarshalJSON returned.
func (e *Ended) UnmarshalJSON(text []byte) error {
	var b []byte
	if err := json.Unmarshal(text, &b); err != nil {
		return err
	}
	r := wire.Reader{B: b}
	*e = Ended{Answered: r.Byte() == 1}
	for _, s := range [...]*pawl.Spent{&e.Needs, &e.Used} {
		s.Tokens, s.Money, s.Calls = r.Int(), price.Money(r.Int()), r.Int()
	}
	e.State = r.Uint()
	for n := r.Uint(); n > 0 && !r.Bad; n-- {
		e.Accounts = append(e.Accounts, Part{Budget: r.Text(), Account: r.Text()})
	}
	if r.Bad || r.More() {
		return errEnded
	}
	return nil
}
