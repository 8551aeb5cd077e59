package pawl

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Signal gives a signal to the task of a run that waits for it, or will: what [Await]
// returns there. id is the task's, or the run's: then the one task of the run that
// waits for the name gets it, or, early, the run's only task. The payload travels as
// JSON. An error says that the signal went nowhere; nothing is kept then.
func (c *Client) Signal(ctx context.Context, id ID, name string, payload any) error {
	if name == "" || !isText(name) {
		return fmt.Errorf("pawl: signal to %s: the name is %q; want UTF-8 without zero bytes", id, name)
	}
	encoded, err := marshal(payload)
	if err != nil {
		return fmt.Errorf("pawl: signal %q to %s: %w", name, id, err)
	}
	to, err := c.receiver(ctx, id, name)
	if err != nil {
		return err
	}
	change := Change{Do: Signalled, Signal: Signal{Name: name, ID: NewID().String(), Payload: encoded}}
	changed, err := c.store.Change(ctx, c.now, Filter{IDs: []ID{to}}, change)
	if err == nil && len(changed) == 0 {
		err = fmt.Errorf("pawl: signal %q: %s has ended", name, to)
	}
	return err
}

// Signal gives a signal to the run; see [Client.Signal].
func (r *Run[Out]) Signal(ctx context.Context, name string, payload any) error {
	return r.client.Signal(ctx, r.ID, name, payload)
}

// receiver returns the task that gets a signal.
func (c *Client) receiver(ctx context.Context, id ID, name string) (ID, error) {
	named, err := c.Get(ctx, id)
	if errors.Is(err, ErrNotFound) { // it may have been removed, and its run goes on
		named, err = &TaskRow{ID: id, Run: id, Next: []Stage{{}}}, nil
	}
	if err != nil {
		return ID{}, fmt.Errorf("pawl: signal %q: %w", name, err)
	}
	if named.Run != named.ID || named.waitsFor(name) {
		return id, nil
	}
	rows, err := c.store.List(ctx, c.now, Filter{Run: id, States: []State{Blocked, Scheduled, Pending, Running}, Bare: true})
	if err != nil {
		return ID{}, err
	}
	var waiting []string
	for _, r := range rows {
		if r.waitsFor(name) {
			waiting = append(waiting, r.ID.String())
			id = r.ID
		}
	}
	switch {
	case len(waiting) == 1:
		return id, nil
	case len(waiting) > 1:
		return ID{}, fmt.Errorf("pawl: signal %q: %d tasks of run %s wait for it; name one of them: %s", name, len(waiting), named.ID, strings.Join(waiting[:min(len(waiting), 10)], ", "))
	case len(rows) == 0 && named.State == "":
		return ID{}, fmt.Errorf("pawl: signal %q: %s: %w", name, named.ID, ErrNotFound)
	case len(rows) == 0:
		return ID{}, fmt.Errorf("pawl: signal %q: run %s has ended", name, named.ID)
	case len(rows) == 1 && rows[0].ID == named.ID && len(named.Next) == 0:
		return named.ID, nil
	}
	return ID{}, fmt.Errorf("pawl: signal %q: no task of run %s waits for it now; a task gets it early if it is named itself", name, named.ID)
}

// waitsFor reports whether r is blocked until a signal of a name comes.
func (r *TaskRow) waitsFor(name string) bool {
	return r.State == Blocked && r.Links != nil && r.Links.Wait != nil && r.Links.Wait.Signal == name
}
