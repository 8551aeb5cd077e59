package pawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// Similar says when the result of one task of an operation answers another one whose
// text is not the same, but asks the same. It is for operations whose answers may be
// shared like this, such as questions to a handbook.
//
// Only tasks of the same user are compared, with the same conversation before its last
// message, the same data, and inputs that differ in their texts alone. A task waits,
// blocked, for one that looked before it and is under way. Whatever the way,
// two texts are never the same that differ in a number, a date, a name, a negation or
// quoted code; docs/similar.md says how that is told.
type Similar struct {
	// Embed compares texts by their embeddings. Default nil: by their words, which
	// finds texts that differ in little but politeness, spelling and form.
	Embed llm.Embedder
	Limit string // that the calls of Embed go through; default "embeddings"

	Threshold float64       // how alike texts must be, above 0 and up to 1; default 0.75 by words, 0.95 by embeddings
	Within    time.Duration // how long ago the other task may have succeeded; default 24 hours

	// Shadow takes no results, and writes into the ledger which it would have taken.
	Shadow bool
}

const (
	defaultCosine = 0.95
	defaultWithin = 24 * time.Hour
	defaultEmbeds = "embeddings"
)

func (s *Similar) validate() error {
	switch {
	case s == nil:
		return nil
	case !(s.Threshold >= 0 && s.Threshold <= 1):
		return fmt.Errorf("Similar.Threshold is %v; want above 0, up to 1, or 0 for the default", s.Threshold)
	case s.Within < 0:
		return fmt.Errorf("Similar.Within is %v; want 0 or more", s.Within)
	case !isText(s.Limit):
		return fmt.Errorf("Similar.Limit is %q; want UTF-8 without zero bytes", s.Limit)
	}
	return nil
}

// ErrNotSimilar is returned for tasks that are not, or are not kept, to be compared.
var ErrNotSimilar = errors.New("pawl: not to be compared with others")

// ForgetSimilar has no near-duplicate take the result of a task any more.
func (c *Client) ForgetSimilar(ctx context.Context, id ID) error {
	row, err := c.Get(ctx, id)
	if err != nil {
		return err
	}
	if row.Links == nil || row.Links.Near.IsZero() {
		return fmt.Errorf("%s: its result answers no near-duplicates: %w", id, ErrNotSimilar)
	}
	return c.store.Configure(ctx, c.now, []Setting{{Similar: &Unlike{Scope: row.Links.Near, Forget: row.ID}}})
}

// KeepApart has the texts of two tasks never be taken for the same again: not for these,
// nor for later tasks with the same texts. Tasks that are not of one operation, user,
// conversation and shape never are; for those it returns an error that wraps
// ErrNotSimilar.
func (c *Client) KeepApart(ctx context.Context, a, b ID) error {
	var of [2]*prompt
	for i, id := range []ID{a, b} {
		row, err := c.Get(ctx, id)
		if err != nil {
			return err
		}
		if of[i], err = c.promptOf(ctx, row); err != nil {
			return err
		}
		if of[i] == nil {
			return fmt.Errorf("%s: it has no text: %w", id, ErrNotSimilar)
		}
	}
	switch {
	case of[0].scope != of[1].scope:
		return fmt.Errorf("%s and %s differ in more than their texts: %w", a, b, ErrNotSimilar)
	case of[0].hash == of[1].hash:
		return fmt.Errorf("%s and %s have the same text: %w", a, b, ErrNotSimilar)
	}
	return c.store.Configure(ctx, c.now, []Setting{{Similar: &Unlike{Scope: of[0].scope, Apart: pairOf(of[0].hash, of[1].hash)}}})
}

// pairOf names two texts, whichever comes first.
func pairOf(a, b uint64) [2]uint64 { return [2]uint64{min(a, b), max(a, b)} }
