package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawlhq/pawl/stores"
)

type demoCommand struct {
	Files []string `arg:"" optional:"" name:"file" help:"Text files in UTF-8 to work on, instead of the documents that the demo brings along. A large one is worked on in parts."`
	providerFlags
	Workers int    `default:"16" help:"How many handlers may run at once in this process; 0 to leave the work to others, started with pawl worker." placeholder:"N"`
	Store   string `env:"PAWL_STORE" default:"sqlite:pawl-demo.db" placeholder:"URL" help:"Where the tasks are kept: sqlite:PATH, postgres://…, redis://…, memory:. Default: sqlite:pawl-demo.db, a file in this folder."`
}

// Help adds to the command's help.
func (*demoCommand) Help() string {
	return `Each document is analysed with one call of a model, and summarised by a second one that goes on with the same conversation. The demo
shows how the work goes, and then what it made and cost, what failed and why, and how a failed document is mended and run again.

With a simulated provider everything stays on this machine. The tasks stay in the store, to be looked at with pawl tasks, pawl show and
the others. An interrupt (ctrl-C) lets the calls under way end and shows what there is; a second one ends at once. What is left then,
the next pawl demo or pawl worker on the same store goes on with.

To see budgets stop it, set one and run it again: pawl budgets set queue/demo --money 0.01 --store sqlite:pawl-demo.db. It ends when all
that is left is blocked, and says by what, and how that goes on.

To see several processes share the work, start some with pawl worker, and pawl demo --workers 0 beside them.

To see the two sides apart, run pawl simulate in one terminal, and with the URL that it prints pawl demo --provider anthropic
--base-url URL in another one.`
}

// Run implements a command of kong.
func (d *demoCommand) Run(ctx context.Context, t *terminal, open opener) (err error) {
	if err := d.check(); err != nil {
		return err
	}
	jobs := brought()
	if len(d.Files) > 0 {
		if jobs, err = readFiles(d.Files); err != nil {
			return err
		}
	}
	p := absent
	if d.Workers > 0 {
		if p, err = d.open(ctx, t, jobs); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, p.close()) }()
	store, err := open(ctx, d.Store, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s := newSession(t, p, jobs, d, store)
	notes, err := s.tidy(ctx)
	if err != nil {
		return err
	}
	announce(t, d, p, jobs, notes)
	return s.run(ctx)
}

// check returns what is wrong with the flags.
func (d *demoCommand) check() error {
	if d.Workers < 0 || d.Workers > 10_000 {
		return usagef("--workers is %d; want 1 to 10,000, or 0 to leave the work to others", d.Workers)
	}
	if err := checkStore(d.Store); err != nil {
		return err
	}
	return d.providerFlags.check()
}

// announce says what is about to be done, by whom, and at what limits.
func announce(t *terminal, d *demoCommand, p *provider, jobs []*job, notes [][2]string) {
	users := map[string]bool{}
	size := 0
	for _, j := range jobs {
		users[j.user] = true
		size += len(j.text)
	}
	rows := [][2]string{
		{"documents", fmt.Sprintf("%s of %s bytes in all, from %s", plural(len(jobs), "document"), thousands(size), plural(len(users), "user"))},
		{"provider", p.title},
		{"", p.note},
	}
	if d.Workers > 0 {
		rows = append(rows, [2]string{"limits", limits(*d.Requests, *d.Tokens)}, [2]string{"prices", p.costs.words()})
	}
	if p.sim != nil {
		rows = append(rows, [2]string{"clock", fmt.Sprintf("%s × real time: the account's minute lasts %s (--speed)", decimal(p.speed), seconds(p.limit.Per))})
	}
	if p.jams {
		rows = append(rows, [2]string{"shelf", "the demo's own filing step is made to fail once for some documents, to show that a retry takes the model's answer from the store"})
	}
	rows = append(append(rows, [2]string{"store", stores.Redact(d.Store)}), notes...)
	fmt.Fprintln(t.out)
	for _, r := range rows {
		for i, line := range wrap(r[1], t.width()-12) {
			if i > 0 {
				r[0] = ""
			}
			fmt.Fprintf(t.out, " %s %s\n", t.palette.bold(pad(r[0], 10)), line)
		}
	}
	fmt.Fprintln(t.out)
}

func limits(requests, tokens float64) string {
	switch {
	case requests == 0 && tokens == 0:
		return "none but what the provider tells"
	case requests == 0:
		return thousands(int64(tokens)) + " tokens a minute"
	case tokens == 0:
		return thousands(int64(requests)) + " requests a minute"
	}
	return fmt.Sprintf("%s requests and %s tokens a minute", thousands(int64(requests)), thousands(int64(tokens)))
}
