package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

type doctorCommand struct {
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*doctorCommand) Help() string {
	return `It opens the store, examines what it stands on, stores a task in a queue of its own, reads it back and removes it, and looks for
what keeps tasks from being worked on. It exits with 1 if it finds an error; warnings are for you to judge.`
}

// examination is what the doctor found.
type examination struct {
	Store    string         `json:"store"`
	Findings []pawl.Finding `json:"findings"`
}

var errUnwell = errors.New("something is wrong with the store: see the errors above")

// Run implements a command of kong.
func (c *doctorCommand) Run(ctx context.Context, t *terminal, open opener) error {
	if err := c.check(); err != nil {
		return err
	}
	e := examination{stores.Redact(c.Store), c.examine(ctx, open)}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if c.json() {
		if err := printJSON(t.out, e); err != nil {
			return err
		}
	} else {
		e.print(t)
	}
	for _, f := range e.Findings {
		if f.Level == pawl.FindingError {
			return errUnwell
		}
	}
	return nil
}

func (c *doctorCommand) examine(ctx context.Context, open opener) []pawl.Finding {
	began := time.Now()
	store, err := open(ctx, c.Store, false)
	if err != nil {
		return []pawl.Finding{wrong("open", err, "mend what the error names, or name another store with --store")}
	}
	findings := []pawl.Finding{fine("open", "the store was opened in "+span(time.Since(began)))}
	if checker, ok := store.(pawl.Checker); ok {
		found, err := checker.Check(ctx)
		if err != nil {
			found = append(found, wrong("settings", err, "the store could not be examined; look at its own log"))
		}
		findings = append(findings, found...)
	}
	p := patient{store: store, client: pawl.New(store, pawl.Config{})}
	for _, look := range []func(context.Context) ([]pawl.Finding, error){p.writes, p.leases, p.waits, p.stops, p.budgets, p.dead} {
		found, err := look(ctx)
		if err != nil {
			found = append(found, wrong("read", err, "the store answers with an error; look at its own log"))
		}
		findings = append(findings, found...)
	}
	return findings
}

func fine(what, found string) pawl.Finding {
	return pawl.Finding{Level: pawl.FindingOK, What: what, Found: found}
}

func odd(what, found, remedy string) pawl.Finding {
	return pawl.Finding{Level: pawl.FindingWarning, What: what, Found: found, Remedy: remedy}
}

func wrong(what string, err error, remedy string) pawl.Finding {
	return pawl.Finding{Level: pawl.FindingError, What: what, Found: saying(err), Remedy: remedy}
}

// print writes the findings, each with what to do about it.
func (e examination) print(t *terminal) {
	const label = 9
	fmt.Fprintf(t.out, "%s\n\n", t.palette.bold(printable(e.Store)))
	count := map[pawl.FindingLevel]int{}
	for _, f := range e.Findings {
		count[f.Level]++
		paint := map[pawl.FindingLevel]func(string) string{
			pawl.FindingOK: t.palette.green, pawl.FindingWarning: t.palette.yellow, pawl.FindingError: t.palette.red,
		}[f.Level]
		lines := wrap(f.What+": "+f.Found, t.width()-label)
		if f.Remedy != "" {
			lines = append(lines, wrap("→ "+f.Remedy, t.width()-label)...)
		}
		for i, line := range lines {
			head := ""
			if i == 0 {
				head = string(f.Level)
			}
			fmt.Fprintf(t.out, "%s%s\n", paint(pad(head, label)), line)
		}
	}
	fmt.Fprintf(t.out, "\n%d ok, %s, %s\n", count[pawl.FindingOK], plural(count[pawl.FindingWarning], "warning"), plural(count[pawl.FindingError], "error"))
}
