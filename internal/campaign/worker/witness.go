package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// Ack is something that a store told a worker was done.
type Ack struct {
	Task    pawl.ID    `json:"task"`
	Attempt int        `json:"attempt"`
	Step    string     `json:"step,omitempty"` // the key of a stored step
	To      pawl.State `json:"to,omitempty"`   // the state after a recorded outcome
}

// witness is a worker's store that writes down what the real one acknowledges,
// before the worker knows of it. What was written outlives the worker.
type witness struct {
	pawl.Store
	say func(line string) // called with Ready and Claimed

	mu   sync.Mutex
	file *os.File
	once sync.Once
}

// Claim implements [pawl.Tasks].
func (w *witness) Claim(ctx context.Context, now time.Time, c pawl.Claim) (pawl.Claimed, error) {
	claimed, err := w.Store.Claim(ctx, now, c)
	if err == nil {
		w.once.Do(func() { w.say(Ready) })
	}
	if len(claimed.Tasks) > 0 {
		w.say(Claimed)
	}
	return claimed, err
}

// Save implements [pawl.Tasks].
func (w *witness) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	errs, err := w.Store.Save(ctx, now, saves)
	if err != nil {
		return errs, err
	}
	var acks []Ack
	for i, s := range saves {
		if errs[i] == nil && s.Step != nil {
			acks = append(acks, Ack{Task: s.Lease.Task, Attempt: s.Lease.Attempt, Step: s.Step.Key})
		}
	}
	return errs, w.write(acks)
}

// Finish implements [pawl.Tasks].
func (w *witness) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	errs, err := w.Store.Finish(ctx, now, finishes)
	if err != nil {
		return errs, err
	}
	var acks []Ack
	for i, f := range finishes {
		if errs[i] == nil {
			acks = append(acks, Ack{Task: f.Lease.Task, Attempt: f.Lease.Attempt, To: f.To})
		}
	}
	return errs, w.write(acks)
}

func (w *witness) write(acks []Ack) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, a := range acks {
		if err := encoder.Encode(a); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.file.Write(lines.Bytes())
	return err
}

// ReadAcks reads what a worker's witness wrote, but for a last line that the
// worker died on.
func ReadAcks(file string) ([]Ack, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it died before it had begun
	}
	if err != nil {
		return nil, err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	var acks []Ack
	for line := range bytes.Lines(text) {
		var a Ack
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		acks = append(acks, a)
	}
	return acks, nil
}
