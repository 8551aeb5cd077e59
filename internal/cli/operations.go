package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// Document is what is analysed.
type Document struct{ Text string }

// Points are the most important points of a document.
type Points struct{ Items []string }

// Summary is what is made of points.
type Summary struct{ Text string }

// Both have one priority: above it users would not take turns.
var (
	analyze   = pawl.Operation[Document, Points]{Name: "analyze", Queue: queueName, Limit: limitName, Attempts: 6, Tokens: 250}
	summarize = pawl.Operation[Points, Summary]{Name: "summarize", Queue: queueName, Limit: limitName, Attempts: 6, Tokens: 200}
	digest    = pawl.Then(analyze, summarize)
)

// worker is what the handlers need.
type worker struct {
	model  llm.Model
	points int // how many an analysis asks for
	shelf  *shelf
	told   telling // nil if nobody wants to know
}

// telling is told of an attempt when it starts; what it returns, when it ends.
type telling func(operation string, id pawl.ID, attempt int, user string) func(error)

// newHandlers returns what the handlers need to ask a provider for so many points.
func newHandlers(p *provider, points int) *worker {
	w := &worker{model: p.model, points: points, shelf: newShelf(0)}
	if p.jams {
		w.shelf = newShelf(shelfFail)
	}
	return w
}

// handle gives the operations their handlers.
func (w *worker) handle(c *pawl.Client, backoff pawl.Backoff) {
	a, s := analyze, summarize
	a.Backoff, s.Backoff = backoff, backoff
	a.Handle(c, told(w.told, a.Name, w.analyze))
	s.Handle(c, told(w.told, s.Name, w.summarize))
}

// told returns a handler that tells of its attempts.
func told[In, Out any](tell telling, operation string, fn func(context.Context, *pawl.Task[In]) (Out, error)) func(context.Context, *pawl.Task[In]) (Out, error) {
	if tell == nil {
		return fn
	}
	return func(ctx context.Context, t *pawl.Task[In]) (Out, error) {
		ended := tell(operation, t.ID, t.Attempt, t.User)
		out, err := fn(ctx, t)
		ended(err)
		return out, err
	}
}

func (w *worker) analyze(ctx context.Context, t *pawl.Task[Document]) (Points, error) {
	prompt := fmt.Sprintf("Extract the %d most important points of the following text as a numbered list:\n\n%s", w.points, t.Input.Text)
	reply, err := t.Ask(ctx, w.model, prompt)
	if err != nil {
		return Points{}, err
	}
	if err := refused(reply); err != nil {
		return Points{}, err
	}
	points, err := parsePoints(reply.Text())
	if err != nil {
		return Points{}, err
	}
	// If this fails, the retry gets the model's answer from the store.
	_, err = pawl.Step(ctx, "shelve", func(context.Context) (int, error) {
		return len(points), w.shelf.put(t.Input.Text, points)
	})
	return Points{points}, err
}

func (w *worker) summarize(ctx context.Context, t *pawl.Task[Points]) (Summary, error) {
	talk, err := t.Conversation(ctx)
	if err != nil {
		return Summary{}, err
	}
	prompt := "Now write a concise two-paragraph summary of those points."
	if len(talk) == 0 { // the points of a document's parts
		prompt = "Write a concise two-paragraph summary of these points:\n\n" + numbered(t.Input.Items)
	}
	reply, err := t.Ask(ctx, w.model, prompt)
	if err != nil {
		return Summary{}, err
	}
	if err := refused(reply); err != nil {
		return Summary{}, err
	}
	if strings.TrimSpace(reply.Text()) == "" {
		return Summary{}, pawl.Permanent(errors.New("the model's answer is empty"))
	}
	return Summary{reply.Text()}, nil
}

// refused returns an error if the model would not answer. The answer is stored:
// asking again would give the same one.
func refused(r *llm.Response) error {
	if r.StopReason == "refusal" || r.StopReason == "content_filter" {
		return pawl.Permanent(fmt.Errorf("the model refused to answer (%s)", r.StopReason))
	}
	return nil
}

var marker = regexp.MustCompile(`^\s*(?:\d+[.)]|[-*•])\s+`)

// parsePoints reads a list. Lines without a number or a bullet are what the model
// said around it, unless there is no list at all.
func parsePoints(text string) ([]string, error) {
	var items, lines []string
	for line := range strings.Lines(text) {
		plain := strings.TrimSpace(marker.ReplaceAllString(line, ""))
		if plain == "" {
			continue
		}
		lines = append(lines, plain)
		if marker.MatchString(line) {
			items = append(items, plain)
		}
	}
	if len(items) > 0 {
		return items, nil
	}
	if len(lines) == 0 {
		return nil, pawl.Permanent(errors.New("the model's answer has no points"))
	}
	return lines, nil
}

func numbered(points []string) string {
	var b strings.Builder
	for i, p := range points {
		fmt.Fprintf(&b, "%d. %s\n", i+1, p)
	}
	return b.String()
}

// scaled is d of the provider's time in real time.
func scaled(d time.Duration, speed float64) time.Duration {
	return time.Duration(float64(d) / speed)
}
