package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pawlhq/pawl"
)

type similarCommand struct {
	Report similarReportCommand `cmd:"" help:"List the near-duplicates that were found, the latest first: both texts, how alike they are, and what was saved."`
	Forget similarForgetCommand `cmd:"" help:"Have no near-duplicate take the result of a task any more."`
	Apart  similarApartCommand  `cmd:"" help:"Never take the texts of two tasks for the same again."`
}

type similarReportCommand struct {
	Since     string `help:"From when on: a time ago such as 24h or 7d, a date, or a time. Default: the 30 days for which it is known." placeholder:"WHEN"`
	User      string `help:"Only tasks of this user." placeholder:"NAME"`
	Operation string `help:"Only tasks of this operation." placeholder:"NAME"`
	Max       int    `default:"20" help:"The most pairs to list; 0 for all." placeholder:"N"`
	Full      bool   `help:"Show texts whole, not only around where they begin to differ."`
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*similarReportCommand) Help() string {
	return `A pair is two tasks: one asked, and the result of the other one was taken for it. In shadow the result was not taken; what is said to be
saved is what would have been. Where a pair is not alike, pawl similar apart keeps it from being merged again.`
}

// Run implements a command of kong.
func (c *similarReportCommand) Run(ctx context.Context, t *terminal, open opener) error {
	if c.Max < 0 {
		return usagef("--max is %d; want 1 or more, or 0 for all", c.Max)
	}
	since, err := whenFlag("--since", c.Since, time.Now(), 0)
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	filter := pawl.LedgerFilter{Since: since, User: c.User, Operation: c.Operation, Kinds: []pawl.EntryKind{pawl.EntrySimilar, pawl.EntryShadow}}
	report, err := readPairs(ctx, client, filter, c.Max)
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, report)
	}
	if len(report.Pairs) == 0 && isNarrow(filter) {
		fmt.Fprintln(t.out, "there are no near-duplicates of what was asked for")
		return nil
	}
	report.print(t, c.Full)
	return nil
}

// pairs is near-duplicates that were found, as JSON.
type pairs struct {
	Pairs  []pair   `json:"pairs"` // the latest first
	Taken  pairsSum `json:"taken"` // of all, also those that are not listed
	Shadow pairsSum `json:"shadow"`
}

// pair is a task that asked, and the one whose result it was given or, in shadow, would
// have been.
type pair struct {
	pawl.Entry
	Text   string `json:"text,omitempty"` // of the task that asked; "" if that is gone
	OfText string `json:"of_text,omitempty"`
}

// pairsSum is what pairs amount to.
type pairsSum struct {
	Pairs  int     `json:"pairs"`
	Calls  int64   `json:"calls"`
	Tokens int64   `json:"tokens"`
	Cost   amounts `json:"cost"` // by currency
}

func (s *pairsSum) add(e *pawl.Entry) {
	s.Pairs++
	s.Calls += e.Calls
	s.Tokens += e.Usage.Total()
	s.Cost.add(e.Cost, e.Currency)
}

func readPairs(ctx context.Context, client *pawl.Client, f pawl.LedgerFilter, most int) (*pairs, error) {
	all := &pairs{Pairs: []pair{}, Taken: pairsSum{Cost: amounts{}}, Shadow: pairsSum{Cost: amounts{}}}
	for e, err := range client.Entries(ctx, f) {
		if err != nil {
			return nil, err
		}
		if e.Kind == pawl.EntryShadow {
			all.Shadow.add(&e)
		} else {
			all.Taken.add(&e)
		}
		all.Pairs = append(all.Pairs, pair{Entry: e})
	}
	slices.Reverse(all.Pairs)
	if most > 0 {
		all.Pairs = all.Pairs[:min(len(all.Pairs), most)]
	}
	for i := range all.Pairs {
		p := &all.Pairs[i]
		var err, other error
		p.Text, err = askedBy(ctx, client, p.Task)
		p.OfText, other = askedBy(ctx, client, p.Of)
		if err := errors.Join(err, other); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// askedBy returns the texts of a task, in its input and the last message that it starts
// from, as one; "" for a task that is gone.
func askedBy(ctx context.Context, client *pawl.Client, id pawl.ID) (string, error) {
	row, err := client.Get(ctx, id)
	if errors.Is(err, pawl.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	texts := textsIn(row.Input)
	if !row.Conversation.IsZero() {
		messages, err := client.Conversation(ctx, row.Conversation)
		if err != nil {
			return "", err
		}
		texts = append(texts, messages[len(messages)-1].Text())
	}
	return strings.Join(texts, " · "), nil
}

// textsIn returns the texts in JSON, those of objects by the order of their names.
func textsIn(b []byte) (texts []string) {
	var v any
	if json.Unmarshal(b, &v) != nil {
		return nil
	}
	var take func(any)
	take = func(v any) {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case []any:
			for _, e := range v {
				take(e)
			}
		case map[string]any:
			for _, name := range sortedKeys(v) {
				take(v[name])
			}
		}
	}
	take(v)
	return texts
}

// print writes the pairs for people, each with its two texts one below the other, so that
// the eye finds where they differ; whole, or as much of them as there is room for.
func (p *pairs) print(t *terminal, full bool) {
	if p.Taken.Pairs+p.Shadow.Pairs == 0 {
		fmt.Fprintln(t.out, "no near-duplicates were found: operations look for them whose Similar is set")
		return
	}
	for i := range p.Pairs {
		p.Pairs[i].print(t, full)
		fmt.Fprintln(t.out)
	}
	if more := p.Taken.Pairs + p.Shadow.Pairs - len(p.Pairs); more > 0 {
		fmt.Fprintf(t.out, "%s more: --max 0 lists all\n\n", thousands(more))
	}
	t.facts([][2]string{
		{"taken", p.Taken.words("saved")},
		{"in shadow", p.Shadow.words("would have saved")},
	})
}

func (p *pair) print(t *terminal, full bool) {
	did := "taken"
	if p.Kind == pawl.EntryShadow {
		did = "in shadow"
	}
	head := fmt.Sprintf("%s  %s  %s alike  %s", moment(p.At), did, percent(p.Score), p.saved())
	fmt.Fprintln(t.out, clip(printable(head), t.width()))
	const gone = "(the task is gone)"
	text, of := cmp.Or(printable(p.Text), gone), cmp.Or(printable(p.OfText), gone)
	if full {
		p.printWhole(t, text, of)
		return
	}
	text, of = aroundDifference(text, of, t.width()-len(p.Task.String())-4)
	fmt.Fprintf(t.out, "  %s  %s\n  %s  %s\n", t.palette.dim(p.Task.String()), text, t.palette.dim(p.Of.String()), of)
}

// printWhole prints each text whole, below its task.
func (p *pair) printWhole(t *terminal, text, of string) {
	for _, side := range [][2]string{{p.Task.String(), text}, {p.Of.String(), of}} {
		fmt.Fprintln(t.out, "  "+t.palette.dim(side[0]))
		for _, line := range wrap(side[1], t.width()-4) {
			fmt.Fprintln(t.out, "    "+line)
		}
	}
}

// aroundDifference cuts two texts to a number of columns, so that where they begin to
// differ is seen, with what comes before it.
func aroundDifference(a, b string, width int) (string, string) {
	same := 0 // bytes
	for i, r := range a {
		if !strings.HasPrefix(b[i:], string(r)) {
			break
		}
		same = i + utf8.RuneLen(r)
	}
	if max(columns(a), columns(b)) <= width || same == len(a) && same == len(b) {
		return clip(a, width), clip(b, width)
	}
	from := same
	for from > 0 {
		_, size := utf8.DecodeLastRuneInString(a[:from])
		if columns(a[from-size:same]) > width/2 {
			from += max(strings.IndexByte(a[from:same], ' '), 0) // to the end of a word, if there is one
			a, b = "…"+a[from:], "…"+b[from:]
			break
		}
		from -= size
	}
	return clip(a, width), clip(b, width)
}

// saved says what a pair saved, or would have.
func (p *pair) saved() string {
	s := pairsSum{Cost: amounts{}}
	s.add(&p.Entry)
	return s.amount()
}

func (s *pairsSum) amount() string {
	text := plural(s.Calls, "call") + ", " + plural(s.Tokens, "token")
	if len(s.Cost) > 0 {
		text += ", " + s.Cost.words()
	}
	return text
}

// words says what pairs amount to; "" for none.
func (s *pairsSum) words(did string) string {
	if s.Pairs == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s %s", plural(s.Pairs, "result"), did, s.amount())
}

type similarForgetCommand struct {
	ID string `arg:"" name:"task" help:"The task's id."`
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *similarForgetCommand) Run(ctx context.Context, t *terminal, open opener) error {
	id, err := idFlag("TASK", c.ID)
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	if err := client.ForgetSimilar(ctx, id); err != nil {
		return unlike(err, id)
	}
	if c.json() {
		return printTasks(t, id)
	}
	fmt.Fprintf(t.out, "the result of %s answers no near-duplicate any more\n", id)
	return nil
}

type similarApartCommand struct {
	A string `arg:"" name:"task" help:"A task's id."`
	B string `arg:"" name:"other" help:"The other task's."`
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*similarApartCommand) Help() string {
	return `It holds for these two, and for all later tasks of the user with the same texts; both go on answering others.`
}

// Run implements a command of kong.
func (c *similarApartCommand) Run(ctx context.Context, t *terminal, open opener) error {
	a, err := idFlag("TASK", c.A)
	if err != nil {
		return err
	}
	b, err := idFlag("OTHER", c.B)
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	for _, id := range []pawl.ID{a, b} {
		if _, err := client.Get(ctx, id); err != nil {
			return unlike(err, id)
		}
	}
	if err := client.KeepApart(ctx, a, b); err != nil {
		return unlike(err, a)
	}
	if c.json() {
		return printTasks(t, a, b)
	}
	fmt.Fprintf(t.out, "kept apart from now on: the texts of\n  %s\n  %s\n", a, b)
	return nil
}

// printTasks prints which tasks it was done to, as JSON.
func printTasks(t *terminal, ids ...pawl.ID) error {
	return printJSON(t.out, struct {
		Tasks []pawl.ID `json:"tasks"`
	}{ids})
}

// unlike says why a task could not be told from others.
func unlike(err error, id pawl.ID) error {
	switch {
	case errors.Is(err, pawl.ErrNotFound):
		return noTask(id)
	case errors.Is(err, pawl.ErrNotSimilar):
		return errors.New(strings.TrimSuffix(err.Error(), ": "+pawl.ErrNotSimilar.Error()))
	}
	return err
}
