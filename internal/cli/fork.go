package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pawlhq/pawl"
)

type forkCommand struct {
	Of       string   `arg:"" name:"run" help:"The run's id, or that of one of its tasks, where it is then forked."`
	From     string   `help:"Where: a task by its id or its operation, and after a slash the first of its steps to be done anew, by its number or name: analyze, analyze/2, analyze/ask#2. Default: where the run begins." placeholder:"TASK[/STEP]"`
	Set      []string `sep:"none" help:"What is changed in all new runs; may be repeated." placeholder:"NAME=VALUE"`
	Variant  []string `sep:"none" help:"One new run with this changed besides; may be repeated." placeholder:"NAME=VALUE"`
	Variants string   `help:"The file with one new run for each element of a JSON list: objects of what is changed besides." placeholder:"FILE"`
	Wait     bool     `help:"Wait until the new runs have ended, and compare each with the run."`
	Full     bool     `help:"With --wait: show texts that differ whole."`
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*forkCommand) Help() string {
	return `What the run had finished before that point is kept and not paid again; the rest is done anew, by the workers that are there, within the
same limits. The run itself stays as it is.

NAME is one of these; VALUE is a text or JSON, @FILE takes it from a file, and @@ stands for @:

  input          the whole input of the task, as JSON
  input.a.b      one member of it; a text where a text was
  prompt         the text of the first call that is made anew
  system, model  of all calls that are made anew
  other names    that field of the provider's requests: temperature=0.2

Without any of them one new run differs in nothing but what the handlers do now.`
}

// forked is a new run, for people and programs.
type forked struct {
	Run     pawl.ID      `json:"run"`
	Variant pawl.Variant `json:"variant"`
	Diff    *pawl.Diff   `json:"diff,omitempty"`

	tree *pawl.Tree
}

// Run implements a command of kong.
func (c *forkCommand) Run(ctx context.Context, t *terminal, open opener) error {
	id, err := idFlag("RUN", c.Of)
	if err != nil {
		return err
	}
	changed, err := c.changes()
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	tree, err := readTree(ctx, client, id)
	if err != nil {
		return err
	}
	if c.From == "" && id != tree.Run {
		c.From = id.String()
	}
	variants := make([]pawl.Variant, len(changed))
	for i, s := range changed {
		if variants[i], err = s.variant(tree, c.From); err != nil {
			return err
		}
	}
	ids, err := client.Fork(ctx, tree.Run, c.From, variants...)
	if err != nil {
		return err
	}
	forks := make([]*forked, len(ids))
	for i, id := range ids {
		forks[i] = &forked{Run: id, Variant: variants[i]}
	}
	if !c.Wait {
		return c.tell(t, tree, forks)
	}
	return c.compare(ctx, t, client, tree, forks)
}

// changes returns what is changed in each of the new runs.
func (c *forkCommand) changes() ([]alterations, error) {
	common, err := alterationsOf("--set", c.Set)
	if err != nil {
		return nil, err
	}
	var each []alterations
	for _, v := range c.Variant {
		s, err := alterationsOf("--variant", []string{v})
		if err != nil {
			return nil, err
		}
		each = append(each, s)
	}
	if c.Variants != "" {
		listed, err := readVariants(c.Variants)
		if err != nil {
			return nil, err
		}
		each = append(each, listed...)
	}
	if len(each) == 0 {
		return []alterations{common}, nil
	}
	for i, s := range each {
		each[i] = append(common[:len(common):len(common)], s...)
	}
	return each, nil
}

// readVariants reads a file with a list of objects.
func readVariants(path string) ([]alterations, error) {
	text, err := textFlag("--variants", "@"+path)
	if err != nil {
		return nil, err
	}
	var listed []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &listed); err != nil {
		return nil, usagef(`--variants %s: want a JSON list of objects, such as [{"model": "a"}, {"model": "b", "temperature": 0.2}]: %w`, path, err)
	}
	if len(listed) == 0 {
		return nil, usagef("--variants %s: the list is empty; want one object for each new run", path)
	}
	each := make([]alterations, len(listed))
	for i, v := range listed {
		for _, name := range sortedKeys(v) {
			each[i] = append(each[i], alteration{name: name, value: v[name]})
		}
	}
	return each, nil
}

// tell says which runs are new, and how to follow them.
func (c *forkCommand) tell(t *terminal, of *pawl.Tree, forks []*forked) error {
	if c.json() {
		return printJSON(t.out, struct {
			Runs []*forked `json:"runs"`
		}{forks})
	}
	for _, f := range forks {
		fmt.Fprintln(t.out, strings.TrimSpace(f.Run.String()+"  "+clip(variantOf(f.Variant), t.wide()-33)))
	}
	fmt.Fprintf(t.out, "\npawl run ID shows how one goes, pawl diff ID compares it with %s\n", of.Run)
	return nil
}

// compare waits for the new runs and shows in what they differ.
func (c *forkCommand) compare(ctx context.Context, t *terminal, client *pawl.Client, of *pawl.Tree, forks []*forked) error {
	if !c.json() {
		if err := c.tell(t, of, forks); err != nil {
			return err
		}
	}
	if status, err := client.Status(ctx); err == nil && len(status.Workers) == 0 {
		fmt.Fprintln(t.err, "pawl: no worker is alive that could work on them; waiting for one")
	}
	var failed []error
	for _, f := range forks {
		_, err := pawl.RunOf[json.RawMessage](client, f.Run).Wait(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f.tree, _ = client.Tree(ctx, f.Run); f.tree == nil {
			return fmt.Errorf("wait for %s: %w", f.Run, err)
		}
		f.Diff = pawl.Compare(of, f.tree)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: it is %s", f.Run, f.tree.State))
		}
	}
	if c.json() {
		return errors.Join(c.tell(t, of, forks), errors.Join(failed...))
	}
	for _, f := range forks {
		fmt.Fprintln(t.out)
		(&comparison{t: t, full: c.Full}).print(f.Diff, of, f.tree)
	}
	return errors.Join(failed...)
}
