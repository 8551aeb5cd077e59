package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pawlhq/pawl"
)

type signalCommand struct {
	ID   string `arg:"" help:"The id of the task, or of its run: then the one task of the run that waits for the signal gets it."`
	Name string `arg:"" help:"The signal's name, which the handler awaits."`
	Data string `default:"null" help:"What the handler gets, as JSON; @FILE reads a file, @- the standard input." placeholder:"JSON"`
	storeFlag
}

// Help adds to the command's help.
func (*signalCommand) Help() string {
	return `A task that waits for a signal holds no worker; pawl runs --state blocked and pawl run ID show which ones do, and for what. A signal that
comes before it is awaited is kept.`
}

// Run implements a command of kong.
func (c *signalCommand) Run(ctx context.Context, t *terminal, open opener) error {
	id, err := idFlag("ID", c.ID)
	if err != nil {
		return err
	}
	data, err := jsonFlag("--data", c.Data)
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	if err := client.Signal(ctx, id, c.Name, data); err != nil {
		if errors.Is(err, pawl.ErrNotFound) {
			return noTask(id)
		}
		return err
	}
	fmt.Fprintf(t.out, "signal %s given\n", printable(c.Name))
	return nil
}

// jsonFlag returns the JSON that a flag gives, or the file behind an @.
func jsonFlag(name, value string) (json.RawMessage, error) {
	b, err := textFlag(name, value)
	if err != nil {
		return nil, err
	}
	var v json.RawMessage
	if err := json.Unmarshal([]byte(b), &v); err != nil {
		return nil, usagef(`%s is not JSON: %w; a text wants quotes: '"yes"'`, name, err)
	}
	return v, nil
}

// textFlag returns what a flag gives, or what is in the file behind an @. @@ stands for
// an @ of its own.
func textFlag(name, value string) (string, error) {
	path, isFile := strings.CutPrefix(value, "@")
	switch {
	case !isFile:
		return value, nil
	case strings.HasPrefix(path, "@"):
		return path, nil
	}
	var b []byte
	var err error
	if path == "-" {
		b, err = io.ReadAll(os.Stdin)
	} else {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return "", usagef("%s: %w", name, err)
	}
	return string(b), nil
}
