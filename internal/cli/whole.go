package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

type showCommand struct {
	ID   string `arg:"" help:"The task's id."`
	Full bool   `help:"Show texts and values whole."`
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *showCommand) Run(ctx context.Context, t *terminal, open opener) error {
	id, err := idFlag("ID", c.ID)
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	w, err := readWhole(ctx, client, id)
	if errors.Is(err, pawl.ErrNotFound) {
		return noTask(id)
	}
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, w)
	}
	(&page{t: t, full: c.Full, now: time.Now()}).show(w)
	return nil
}

// whole is all that is known of a task.
type whole struct {
	Task         *pawl.TaskRow   `json:"task"`
	Usage        llm.Usage       `json:"usage"`           // of all its attempts
	Taken        *pawl.Entry     `json:"taken,omitempty"` // if it took the result of a near-duplicate
	Steps        []step          `json:"steps"`
	Conversation []llm.Message   `json:"conversation"`
	Run          []*pawl.TaskRow `json:"run"` // the run's other tasks
}

// step is a stored step, its result as JSON.
type step struct {
	Key     string          `json:"key"`
	Name    string          `json:"name"`
	Call    bool            `json:"call"`
	Attempt int             `json:"attempt"`
	At      time.Time       `json:"at"`
	Took    time.Duration   `json:"took"` // in nanoseconds
	Usage   llm.Usage       `json:"usage"`
	Result  json.RawMessage `json:"result"`
}

func readWhole(ctx context.Context, c *pawl.Client, id pawl.ID) (*whole, error) {
	row, err := c.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	w := &whole{Task: row, Usage: row.Usage(), Steps: []step{}, Run: []*pawl.TaskRow{}}
	for _, s := range row.Steps {
		w.Steps = append(w.Steps, step{s.Key, s.Name, s.Call, s.Attempt, s.At, s.Took, s.Usage, resultOf(s)})
	}
	row.Steps = nil
	head := row.Head
	if head.IsZero() {
		head = row.Conversation
	}
	if w.Conversation, err = c.Conversation(ctx, head); err != nil {
		return nil, err
	}
	if w.Taken, err = takenBy(ctx, c, row); err != nil {
		return nil, err
	}
	run, err := c.List(ctx, pawl.Filter{Run: row.Run})
	for _, r := range run {
		if r.ID != id {
			w.Run = append(w.Run, r)
		}
	}
	return w, err
}

// takenBy returns the ledger's entry of the near-duplicate whose result a task took; nil
// if it took none, or that was longer ago than the ledger goes back.
func takenBy(ctx context.Context, c *pawl.Client, r *pawl.TaskRow) (*pawl.Entry, error) {
	if r.State != pawl.Succeeded || r.LastAttempt().Usage.Output > 0 { // an embedding has no output
		return nil, nil
	}
	ended := pawl.LedgerFilter{Run: r.Run, Kinds: []pawl.EntryKind{pawl.EntrySimilar}, Since: r.Ended, Until: r.Ended}
	for e, err := range c.Entries(ctx, ended) {
		if err != nil {
			return nil, err
		}
		if e.Task == r.ID {
			return &e, nil
		}
	}
	return nil, nil
}

// resultOf returns a step's result as JSON: that of a call is the response's body,
// which stands behind a line of its own.
func resultOf(s pawl.StepRow) json.RawMessage {
	result := s.Result
	if s.Call {
		if _, body, ok := bytes.Cut(result, []byte("\n")); ok {
			result = body
		}
	}
	if !json.Valid(result) {
		result, _ = json.Marshal(string(result)) // a string always marshals
	}
	return result
}
