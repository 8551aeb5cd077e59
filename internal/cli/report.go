package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llmsim"
)

// report prints what came of the work so far.
func (s *session) report(ctx context.Context) {
	rows, err := s.rows(ctx)
	if err != nil {
		s.t.complain(fmt.Errorf("list tasks: %w", err))
		return
	}
	a, err := s.account(ctx, rows)
	if err != nil {
		s.t.complain(fmt.Errorf("read the ledger: %w", err))
		return
	}
	s.reportDocuments(a)
	s.reportUsers(a)
	s.reportWork(a)
	s.reportDead(ctx, rows)
	s.reportProvider(rows)
}

func (s *session) heading(title string) {
	fmt.Fprintf(s.t.out, "\n %s\n\n", s.t.palette.bold(strings.ToUpper(title)))
}

// line prints a label and what belongs to it, wrapped beside it.
func (s *session) line(label, text string) {
	s.row([]string{label}, wrap(text, s.t.width()-labelWidth-3))
}

const labelWidth = 26

// row prints two columns of lines, of which the left one is labelWidth wide.
func (s *session) row(left, right []string) {
	for i := range max(len(left), len(right)) {
		l, r := "", ""
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		l = pad(clip(l, labelWidth), labelWidth)
		if i > 0 {
			l = s.t.palette.dim(l)
		}
		fmt.Fprintln(s.t.out, strings.TrimRight(" "+l+"  "+r, " "))
	}
}

func (s *session) reportDocuments(a account) {
	s.heading("documents")
	for _, j := range s.jobs {
		if j.joined() {
			continue // its summary stands with the one that it joined
		}
		s.reportDocument(a, j)
	}
}

func (s *session) reportDocument(a account, j *job) {
	did := a.of(j)
	left := append(wrap(j.title, labelWidth), j.user)
	paid := fmt.Sprintf("%s, %s tokens", plural(did.answered.calls, "call"), thousands(did.answered.tokens))
	if len(did.answered.cost) > 0 {
		paid += ", " + did.answered.cost.words()
	}
	left = append(left, wrap(paid, labelWidth)...)
	if did.more > 0 {
		left = append(left, plural(did.more, "more attempt"))
	}
	for _, c := range s.copies(j) {
		left = append(left, wrap(c, labelWidth)...)
	}
	s.row(left, s.outcome(j, did.waits))
	fmt.Fprintln(s.t.out)
}

// copies names the jobs that joined this one.
func (s *session) copies(j *job) (names []string) {
	same := 0
	for _, other := range s.jobs {
		if other == j || !other.joined() || len(j.own) == 0 || other.runs[len(other.runs)-1] != j.own[len(j.own)-1] {
			continue
		}
		if other.title == j.title {
			same++
		} else {
			names = append(names, "joined "+other.title+": same as "+j.title)
		}
	}
	if same > 0 {
		names = append(names, fmt.Sprintf("sent %d times", same+1))
	}
	return names
}

// outcome is a job's summary, or why there is none.
func (s *session) outcome(j *job, waits bool) []string {
	width := s.t.width() - labelWidth - 3
	switch {
	case j.done():
		return wrap(j.summary, width)
	case j.dead():
		return []string{s.t.palette.red("none: a dead letter, see below")}
	case waits:
		return []string{s.t.palette.yellow("none: blocked by a budget, see below")}
	case j.err != nil:
		return wrap("none: it was not finished", width)
	}
	return wrap("none: it was not begun", width)
}

const userRow = " %-10s %16s %11s %9s %9s %6s %6s"

func (s *session) reportUsers(a account) {
	users := usersOf(s.jobs, a)
	if len(users) < 2 {
		return
	}
	s.heading("users take turns")
	fmt.Fprintln(s.t.out, s.t.palette.dim(fmt.Sprintf(userRow, "user", "first call after", "first ended", "all ended", "documents", "joined", "ended")))
	for _, u := range users {
		began, first, last := "-", "-", "-"
		if !u.began.IsZero() {
			began = seconds(max(u.began.Sub(s.began), 0))
		}
		if u.ended > 0 {
			first, last = seconds(u.first), seconds(u.last)
		}
		fmt.Fprintf(s.t.out, userRow+"\n", clip(u.name, 10), began, first, last, thousands(u.sent), thousands(u.joined), thousands(u.ended))
	}
}

func (s *session) reportWork(a account) {
	s.heading("calls, tokens and costs")
	const row = " %s %6s %10s %12s"
	label := min(55, s.t.width()-32)
	fmt.Fprintln(s.t.out, s.t.palette.dim(fmt.Sprintf(row, pad("", label), "calls", "tokens", "cost")))
	all := a.all
	for _, r := range []struct {
		what string
		bill
		of string // before the amounts
	}{
		{"sent", bill{calls: all.sent.calls}, ""},
		{"answered, and paid", all.answered, ""},
		{"no answer came: possibly billed and paid twice", all.unknown, "≈ "},
		{"throttled, which uses no attempt", all.throttled, ""},
		{"refused for good", all.refused, ""},
		{"blocked with the account", all.blocked, ""},
		{"failed otherwise", all.failed, ""},
		{"not paid again: a retry had the answer stored", all.stored, ""},
		{"not paid again: joined by " + plural(copies(s.jobs), "copy"), all.joined, ""},
	} {
		tokens, cost := "", r.cost.words()
		if r.tokens > 0 {
			tokens = r.of + thousands(r.tokens)
		}
		if cost != "" {
			cost = r.of + cost
		}
		fmt.Fprintln(s.t.out, strings.TrimRight(fmt.Sprintf(row, pad(clip(r.what, label), label), thousands(r.calls), tokens, cost), " "))
	}
}

func (s *session) reportDead(ctx context.Context, rows []*pawl.TaskRow) {
	dead := pawl.Filter{States: []pawl.State{pawl.Dead}}
	for _, row := range rows {
		if row.State == pawl.Dead {
			dead.IDs = append(dead.IDs, row.ID)
		}
	}
	s.heading("dead letters by cause")
	if len(dead.IDs) == 0 {
		fmt.Fprintln(s.t.out, " none")
		return
	}
	groups, err := s.client.Groups(ctx, dead)
	if err != nil {
		s.t.complain(fmt.Errorf("group dead letters: %w", err))
		return
	}
	for _, g := range groups {
		s.row([]string{fmt.Sprintf("%d × %s", g.Count, g.Class), g.Fingerprint}, wrap(brief(g.Message, g.Class), s.t.width()-labelWidth-3))
		for _, row := range rows {
			if row.State == pawl.Dead && row.Fingerprint == g.Fingerprint {
				s.row(nil, []string{s.t.palette.dim(clip("· "+row.Operation+" "+s.title(row.Run), s.t.width()-labelWidth-3))})
			}
		}
	}
}

// title names the document that a run is about.
func (s *session) title(run pawl.ID) string {
	for _, j := range s.jobs {
		if slices.Contains(j.runs, run) {
			return "“" + j.title + "”"
		}
	}
	return run.String()
}

// settleTime is how long the simulated provider may take to close its books.
const settleTime = 2 * time.Second

// stats returns the simulated provider's count once no call is open.
func stats(sim *llmsim.Server) llmsim.Stats {
	timeout := time.NewTimer(settleTime)
	defer timeout.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		st := sim.Stats()
		if st.Open == 0 {
			return st
		}
		select {
		case <-tick.C:
		case <-timeout.C:
			return st
		}
	}
}

func (s *session) reportProvider(rows []*pawl.TaskRow) {
	if s.p.sim == nil {
		return
	}
	st := stats(s.p.sim)
	s.heading("the simulated provider's own count")
	if s.left > 0 || s.sharedWith(rows) {
		s.line("of this process", "with the calls for tasks that earlier runs left, and without those of other workers, who simulate theirs")
	}
	for _, r := range ledger(st) {
		s.line(r[0], r[1])
	}
}

// ledger is a bill in rows.
func ledger(st llmsim.Stats) [][2]string {
	var faults []string
	for _, f := range slices.Sorted(maps.Keys(st.Faults)) {
		faults = append(faults, fmt.Sprintf("%d %s", st.Faults[f], f))
	}
	if len(faults) == 0 {
		faults = []string{"none"}
	}
	return [][2]string{
		{"calls", thousands(st.Requests)},
		{"answered", thousands(st.Answered)},
		{"faults it was told to make", strings.Join(faults, ", ")},
		{"429s it was not told to", thousands(st.Limited)},
		{"invalid requests", thousands(st.Invalid)},
		{"tokens billed", thousands(st.Billed.Total())},
		{"billed, not delivered", fmt.Sprintf("%s, %s tokens", plural(st.Undelivered, "answer"), thousands(st.UndeliveredTokens))},
		{"delivered and paid twice", fmt.Sprintf("%s, %s tokens", plural(st.PaidTwice, "request"), thousands(st.PaidTwiceTokens))},
	}
}
