package cli

import (
	"context"
	"errors"
	"fmt"
)

// defaultFaults is the chance of each kind of fault.
const defaultFaults = 0.05

type demoCommand struct {
	Files    []string `arg:"" optional:"" name:"file" help:"Text files in UTF-8 to work on, instead of the documents that the demo brings along. A large one is worked on in parts."`
	Provider string   `enum:"simulated,anthropic,openai" default:"simulated" help:"Who answers: simulated, anthropic or openai. The real ones need ANTHROPIC_API_KEY or OPENAI_API_KEY and may cost money."`
	Model    string   `help:"The real provider's model." placeholder:"NAME"`
	BaseURL  string   `name:"base-url" help:"Where the real provider, or a server that speaks its API, is." placeholder:"URL"`
	Requests float64  `default:"50" help:"The account's limit of requests a minute; 0 for none."`
	Tokens   float64  `default:"40000" help:"The account's limit of tokens a minute; 0 for none."`
	Points   int      `default:"5" help:"How many points an analysis asks for, 1 to 20."`
	Speed    *float64 `help:"How many times faster than real time the simulated provider's clock goes, 0.1 to 1000. Default: so that the work takes about half a minute, 60 at most." placeholder:"N"`
	Faults   *float64 `help:"The chance of each of the simulated provider's 8 kinds of fault at each call, 0 to 0.1: ${mishaps}. Default: 0.05." placeholder:"P"`
	Seed     uint64   `default:"9" help:"What the simulated faults are drawn from."`
}

// Help adds to the command's help.
func (*demoCommand) Help() string {
	return `Each document is analysed with one call of a model, and summarised by a second one that goes on with the same conversation. The demo
shows how the work goes, and then what it made and cost, what failed and why, and how a failed document is mended and run again.

With a simulated provider everything stays in this process and on this machine. An interrupt (ctrl-C) lets the calls under way end and
shows what there is; a second one ends at once.

To see the two sides apart, run pawl simulate in one terminal, and with the URL that it prints pawl demo --provider anthropic
--base-url URL in another one.`
}

// Run implements a command of kong.
func (d *demoCommand) Run(ctx context.Context, t *terminal) (err error) {
	if err := d.check(); err != nil {
		return err
	}
	jobs := brought()
	if len(d.Files) > 0 {
		if jobs, err = readFiles(d.Files); err != nil {
			return err
		}
	}
	p, err := d.open(ctx, t, jobs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	announce(t, d, p, jobs)
	return newSession(t, p, jobs, d.Points).run(ctx)
}

// check returns what is wrong with the flags.
func (d *demoCommand) check() error {
	switch {
	case !(d.Requests >= 0 && d.Requests <= 1e9) || d.Requests > 0 && d.Requests < 1:
		return usagef("--requests is %v; want 1 or more, or 0 for no limit", d.Requests)
	case !(d.Tokens >= 0 && d.Tokens <= 1e12) || d.Tokens > 0 && d.Tokens < 10_000:
		return usagef("--tokens is %v; want 10000 or more, or 0 for no limit", d.Tokens)
	case d.Points < 1 || d.Points > 20:
		return usagef("--points is %d; want 1 to 20", d.Points)
	case d.Speed != nil && !(*d.Speed >= 0.1 && *d.Speed <= 1000):
		return usagef("--speed is %v; want 0.1 to 1000", *d.Speed)
	case d.Faults != nil && !(*d.Faults >= 0 && *d.Faults <= 0.1):
		return usagef("--faults is %v; want a chance from 0 to 0.1", *d.Faults)
	case d.Provider == simulated && (d.Model != "" || d.BaseURL != ""):
		return usagef("--model and --base-url are for a real provider; add --provider anthropic or --provider openai")
	case d.Provider != simulated && (d.Speed != nil || d.Faults != nil):
		return usagef("--speed and --faults are for the simulated provider; leave out --provider")
	}
	return nil
}

// announce says what is about to be done, by whom, and at what limits.
func announce(t *terminal, d *demoCommand, p *provider, jobs []*job) {
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
		{"limits", limits(d.Requests, d.Tokens)},
	}
	if p.sim != nil {
		rows = append(rows, [2]string{"clock", fmt.Sprintf("%s × real time: the account's minute lasts %s (--speed)", decimal(p.speed), seconds(p.limit.Per))})
	}
	if p.jams {
		rows = append(rows, [2]string{"shelf", "the demo's own filing step is made to fail once for some documents, to show that a retry takes the model's answer from the store"})
	}
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
