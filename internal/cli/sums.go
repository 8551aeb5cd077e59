package cli

import (
	"context"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// bill is calls, and what they used and cost.
type bill struct {
	calls, tokens int64
	cost          amounts
}

func (b *bill) add(e *pawl.Entry) {
	b.calls += e.Calls
	b.tokens += e.Usage.Total()
	if b.cost == nil {
		b.cost = amounts{}
	}
	b.cost.add(e.Cost, e.Currency)
}

func (b *bill) merge(o bill) {
	b.calls += o.calls
	b.tokens += o.tokens
	for currency, m := range o.cost {
		if b.cost == nil {
			b.cost = amounts{}
		}
		b.cost.add(m, currency)
	}
}

// sums is what tasks did: their calls, as the ledger has them, and what only the tasks
// know themselves.
type sums struct {
	more  int       // attempts that count, after a task's first
	began time.Time // when the first attempt was started; zero if none was
	waits bool      // for a budget

	sent, // each of these calls is in one of the bills below
	answered,
	unknown, // no answer came; what is expected of them
	throttled,
	refused, // for good
	blocked, // with the account
	failed bill // otherwise

	stored, joined bill // what was not paid again
}

// addTask adds what a task knows.
func (s *sums) addTask(row *pawl.TaskRow) {
	if len(row.Attempts) > 0 {
		s.start(row.Attempts[0].Started)
	}
	used := 0
	for _, a := range row.Attempts {
		if a.Used {
			used++
		}
	}
	s.more += max(used-1, 0)
	s.waits = s.waits || stopped(row) != ""
}

func (s *sums) start(at time.Time) {
	if !at.IsZero() && (s.began.IsZero() || at.Before(s.began)) {
		s.began = at
	}
}

// addEntry adds an entry of the ledger.
func (s *sums) addEntry(e *pawl.Entry) {
	if !e.Kind.IsSaving() {
		s.sent.add(e)
	}
	switch {
	case e.Kind == pawl.EntryAnswered:
		s.answered.add(e)
	case e.Kind == pawl.EntryUnknown:
		s.unknown.add(e)
	case e.Kind == pawl.EntryRefused && e.Class == llm.Blocked:
		s.blocked.add(e)
	case e.Kind == pawl.EntryRefused:
		s.throttled.add(e)
	case e.Kind == pawl.EntryFailed && e.Class == llm.Permanent:
		s.refused.add(e)
	case e.Kind == pawl.EntryFailed:
		s.failed.add(e)
	case e.Kind == pawl.EntryRetried:
		s.stored.add(e)
	case e.Kind == pawl.EntryJoined:
		s.joined.add(e)
	}
}

// account is the sums of all tasks, and of the tasks of each run.
type account struct {
	all  sums
	runs map[pawl.ID]*sums
}

// account sums up tasks, and what the ledger has of their runs.
func (s *session) account(ctx context.Context, rows []*pawl.TaskRow) (account, error) {
	a := account{runs: map[pawl.ID]*sums{}}
	for _, row := range rows {
		if a.runs[row.Run] == nil {
			a.runs[row.Run] = &sums{}
		}
		a.all.addTask(row)
		a.runs[row.Run].addTask(row)
	}
	since := s.began.Add(-time.Hour) // the store's clock may be behind
	for e, err := range s.client.Entries(ctx, pawl.LedgerFilter{Since: since, Queue: queueName}) {
		if err != nil {
			return a, err
		}
		if run := a.runs[e.Run]; run != nil {
			a.all.addEntry(&e)
			run.addEntry(&e)
		}
	}
	return a, nil
}

// of returns the sums of the runs that a job was the first to add.
func (a account) of(j *job) sums {
	var s sums
	for _, id := range j.own {
		if run := a.runs[id]; run != nil {
			s.more += run.more
			s.start(run.began)
			s.waits = s.waits || run.waits
			s.answered.merge(run.answered)
		}
	}
	return s
}

// copies is how many times jobs joined others that are identical.
func copies(jobs []*job) (n int) {
	for _, j := range jobs {
		n += len(j.joins)
	}
	return n
}

// userSums is how one user fared.
type userSums struct {
	name                string
	sent, joined, ended int
	began               time.Time     // when their first call was started
	first, last         time.Duration // until a document of theirs had ended
}

func usersOf(jobs []*job, a account) []userSums {
	var users []userSums
	at := map[string]int{}
	for _, j := range jobs {
		i, ok := at[j.user]
		if !ok {
			i, at[j.user] = len(users), len(users)
			users = append(users, userSums{name: j.user})
		}
		u := &users[i]
		u.sent++
		if j.joined() {
			u.joined++
		} else if at := a.of(j).began; u.began.IsZero() || !at.IsZero() && at.Before(u.began) {
			u.began = at
		}
		if !j.done() && !j.dead() {
			continue
		}
		if u.ended++; u.ended == 1 || j.took < u.first {
			u.first = j.took
		}
		u.last = max(u.last, j.took)
	}
	return users
}
