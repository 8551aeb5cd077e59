package cli

import (
	"context"
	"fmt"

	"github.com/pawlhq/pawl"
)

// shortened is how much of a document that was too long is tried again.
const shortened = 5_000

// mend shows how a dead letter is run again: the document that was too long with
// its beginning only. Others that nobody expected are run again as they are where
// that can help, unless it would cost money.
func (s *session) mend(ctx context.Context) error {
	var again []*job
	for _, j := range s.jobs {
		if j.dead() && (j.expect == expectTooLong || j.expect == "" && s.p.sim != nil && !j.permanent()) {
			again = append(again, j)
		}
	}
	if len(again) == 0 {
		return nil
	}
	s.board.resume()
	s.heading("dead letters run again")
	for _, j := range again {
		if err := s.requeue(ctx, j); err != nil {
			return err
		}
		j.again = true
	}
	fmt.Fprintln(s.t.out)
	if err := s.show(ctx, func() error { return s.process(ctx, again) }); err != nil {
		return err
	}
	fmt.Fprintln(s.t.out)
	rows, err := s.rows(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	a, err := s.account(context.WithoutCancel(ctx), rows)
	if err != nil {
		return err
	}
	for _, j := range again {
		s.reportDocument(a, j)
	}
	return nil
}

func (s *session) requeue(ctx context.Context, j *job) error {
	if j.expect == expectTooLong {
		head := split(j.text, shortened)[0]
		s.line("too long", fmt.Sprintf("%s had %s bytes; again with its first %s.", "“"+j.title+"”", thousands(len(j.text)), thousands(len(head))))
		return s.client.RetryWith(ctx, j.run.ID, Document{head})
	}
	for _, run := range j.runs {
		if _, err := s.client.Retry(ctx, pawl.Filter{Run: run, States: []pawl.State{pawl.Dead}}); err != nil {
			return err
		}
	}
	s.line("again", "“"+j.title+"” as it is; what was answered is not asked again.")
	return nil
}
