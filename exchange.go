package pawl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// exchangeHead is what of an exchange goes before its body into the store: a
// line of JSON, so that the body is kept as the bytes that came. Its usage is the
// step's.
type exchangeHead struct {
	Status int         `json:"status,omitempty"`
	Header http.Header `json:"header,omitempty"`
	Paid   paid        `json:"paid,omitzero"` // written by earlier versions: it is the step's
	Cut    []cut       `json:"cut,omitempty"` // what is missing in the body; the step's Head names the message that has it
}

// paid is what an answered call did cost.
type paid struct {
	Model    string      `json:"model"`
	Currency string      `json:"currency"` // "" if the model has no price
	Cost     price.Money `json:"cost"`
}

// encodeExchange returns an exchange as a step's result, without what the answer's
// message has, which is stored with the step; nil for none.
func encodeExchange(e *llm.Exchange, canonical []byte) []byte {
	head := exchangeHead{Status: e.Status, Header: e.Header}
	body := e.Body
	if canonical != nil {
		body, head.Cut = cutOut(body, canonical)
	}
	line, _ := json.Marshal(head) // numbers and strings always marshal
	return append(append(line, '\n'), body...)
}

// decodeExchange returns the exchange of a stored call, with what was cut out of
// it. What no retry mends is permanent.
func decodeExchange(ctx context.Context, s *StepRow, messages *shelf) (*llm.Exchange, error) {
	line, body, ok := bytes.Cut(s.Result, []byte("\n"))
	var head exchangeHead
	if err := json.Unmarshal(line, &head); err != nil || !ok {
		return nil, Permanent(errors.New("not a stored exchange"))
	}
	if len(head.Cut) > 0 {
		n, ok, err := messages.node(ctx, s.Head)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, Permanent(fmt.Errorf("its message %s: %w", s.Head, ErrNotFound))
		}
		canonical, err := canonicalJSON(n.Message.JSON())
		if err == nil {
			body, err = putBack(body, head.Cut, canonical)
		}
		if err != nil {
			return nil, Permanent(err)
		}
	}
	return &llm.Exchange{Status: head.Status, Header: head.Header, Usage: s.Usage, Body: body}, nil
}

// isCut reports whether a step's result is an exchange that something was cut out
// of.
func (s *StepRow) isCut() bool {
	line, _, ok := bytes.Cut(s.Result, []byte("\n"))
	var head exchangeHead
	return ok && s.Call && json.Unmarshal(line, &head) == nil && len(head.Cut) > 0
}

// mend makes the responses in the steps of rows whole. One whose task was removed
// meanwhile stays as it is.
func (c *Client) mend(ctx context.Context, rows []*TaskRow) error {
	for _, row := range rows {
		messages := &shelf{store: c.store, steps: row.Steps}
		own := false // other copies of the row may share its steps
		for i := range row.Steps {
			if !row.Steps[i].isCut() {
				continue
			}
			whole, err := decodeExchange(ctx, &row.Steps[i], messages)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read step %s of %s: %w", row.Steps[i].Key, row.ID, err)
			}
			if !own {
				row.Steps, own = slices.Clone(row.Steps), true
			}
			row.Steps[i].Result = encodeExchange(whole, nil)
		}
	}
	return nil
}
