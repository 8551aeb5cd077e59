package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// job is one document that somebody sent.
type job struct {
	title, user, text string
	expect            string // how it must end; "" for success at once

	run     *pawl.Run[Summary] // what gives the summary; nil until it was added
	runs    []pawl.ID          // all runs that were added for it
	own     []pawl.ID          // those of them that no earlier document or part had added
	joins   []pawl.ID          // the runs that it joined, one for each time
	again   bool               // it is worked on for the second time
	summary string
	err     error
	took    time.Duration // from the start to its end
}

// done reports whether it ended as it should.
func (j *job) done() bool { return j.err == nil && j.summary != "" }

// dead reports whether it ended as a dead letter.
func (j *job) dead() bool {
	var dead *pawl.DeadError
	return errors.As(j.err, &dead)
}

// permanent reports whether trying it again as it is cannot help.
func (j *job) permanent() bool {
	var dead *pawl.DeadError
	return errors.As(j.err, &dead) && dead.Task.LastAttempt().Class == llm.Permanent
}

// joined reports whether another job that is identical does its work.
func (j *job) joined() bool { return len(j.runs) > 0 && len(j.own) == 0 && !j.again }

// add says that a run is the job's. Parts that are identical share one.
func (j *job) add(run pawl.ID, as pawl.AddedAs) {
	if !slices.Contains(j.runs, run) {
		j.runs = append(j.runs, run)
	}
	switch {
	case as == pawl.AsNew:
		j.own = append(j.own, run)
	case as == pawl.AsJoined && !j.again:
		j.joins = append(j.joins, run)
	}
}

const (
	// partSize is the size of a document's parts in bytes: about 5,000 tokens,
	// which a small account lets pass without a long wait.
	partSize = 20_000

	// mostPoints is how many points one summary is made of, or as many as one
	// analysis gives. If there are more, they are analysed in their turn.
	mostPoints = 10
)

// parted reports whether the document is too large for one call.
func (j *job) parted() bool { return len(j.text) > partSize }

// send adds a document that takes one call to analyse. The flow goes on by itself.
func (s *session) send(ctx context.Context, j *job) error {
	run, err := digest.Add(ctx, s.client, Document{j.text}, pawl.User(j.user), s.token)
	if err != nil {
		return err
	}
	j.run = run
	j.add(run.ID, run.As)
	if run.As != pawl.AsNew {
		s.board.join(run.ID, j.title)
		return nil
	}
	s.board.name(j.title, run.ID)
	s.board.plan(analyze.Name, 1)
	s.board.plan(summarize.Name, 1)
	return nil
}

// work sees a job to its end.
func (s *session) work(ctx context.Context, j *job) {
	var out Summary
	if j.parted() {
		out, j.err = s.workInParts(ctx, j)
	} else {
		out, j.err = wait(ctx, j.run)
	}
	j.summary, j.took = strings.TrimSpace(out.Text), time.Since(s.began)
}

// workInParts analyses the parts of a document, and the points of the parts until
// there are few enough for one summary.
func (s *session) workInParts(ctx context.Context, j *job) (Summary, error) {
	most := max(mostPoints, s.points)
	points, err := s.pointsOf(ctx, j, split(j.text, partSize))
	for err == nil && len(points) > most {
		var fewer []string
		fewer, err = s.pointsOf(ctx, j, split(strings.Join(points, "\n"), partSize))
		if len(fewer) >= len(points) {
			points = points[:most]
			break
		}
		points = fewer
	}
	if err != nil {
		return Summary{}, err
	}
	run, err := summarize.Add(ctx, s.client, Points{points}, pawl.User(j.user), s.token, s.reuse(j))
	if err != nil {
		return Summary{}, err
	}
	j.add(run.ID, run.As)
	if run.As == pawl.AsNew {
		s.board.name(j.title, run.ID)
		s.board.plan(summarize.Name, 1)
	} else {
		s.board.join(run.ID, j.title)
	}
	return wait(ctx, run)
}

// pointsOf analyses texts, each as a task, and returns their points in order.
func (s *session) pointsOf(ctx context.Context, j *job, texts []string) ([]string, error) {
	ins := make([]Document, len(texts))
	for i, text := range texts {
		ins[i] = Document{text}
	}
	runs, err := analyze.AddMany(ctx, s.client, ins, pawl.User(j.user), s.token, s.reuse(j))
	if err != nil {
		return nil, err
	}
	s.tell(j, runs)
	var points []string
	var failed error
	for _, run := range runs {
		found, err := wait(ctx, run)
		if err != nil && failed == nil {
			failed = err
		}
		points = append(points, found.Items...)
	}
	return slices.Clip(points), failed
}

// tell says what came of adding the parts of a job.
func (s *session) tell(j *job, runs []*pawl.Run[Points]) {
	var joined []pawl.ID
	var titles []string
	for i, run := range runs {
		title := fmt.Sprintf("%d/%d %s", i+1, len(runs), j.title)
		j.add(run.ID, run.As)
		if run.As == pawl.AsNew {
			s.board.name(title, run.ID)
			s.board.plan(analyze.Name, 1)
		} else {
			joined, titles = append(joined, run.ID), append(titles, title)
		}
	}
	s.board.joinParts(j.title, joined, titles)
}

// reuse has a job that is worked on again take what it has got already.
func (s *session) reuse(j *job) pawl.Reuse {
	if j.again {
		return pawl.Reuse(time.Hour)
	}
	return 0
}

// lastLook is for what was recorded at the moment when ctx ended.
const lastLook = 50 * time.Millisecond

func wait[T any](ctx context.Context, run *pawl.Run[T]) (T, error) {
	out, err := run.Wait(ctx)
	if err == nil || ctx.Err() == nil {
		return out, err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	return run.Wait(last)
}
