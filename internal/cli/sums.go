package cli

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// sums is what tasks did and cost, from their attempts.
type sums struct {
	more         int // attempts that count, after a task's first
	saved        int // calls and steps that were answered from the store
	paid, spared llm.Usage
	began        time.Time // when the first attempt was started; zero if none was

	sent int // calls; each of them is in one of the counts below
	answered,
	unknown, // no answer came
	throttled,
	refused, // for good
	blocked, // with the account
	failed int // otherwise
}

func (s *sums) add(row *pawl.TaskRow) {
	if len(row.Attempts) > 0 {
		s.start(row.Attempts[0].Started)
	}
	used := 0
	for _, a := range row.Attempts {
		if a.Used {
			used++
		}
		s.saved += a.Saved
		s.paid = s.paid.Add(a.Usage)
		s.spared = s.spared.Add(a.Spared)
		s.count(a)
	}
	s.more += max(used-1, 0)
}

func (s *sums) start(at time.Time) {
	if !at.IsZero() && (s.began.IsZero() || at.Before(s.began)) {
		s.began = at
	}
}

// count says what became of an attempt's calls. An attempt makes one here, and
// it can fail after that was answered.
func (s *sums) count(a pawl.Attempt) {
	s.sent += a.Calls
	unknown := min(a.Unknown, a.Calls)
	s.unknown += unknown
	switch n := a.Calls - unknown; {
	case a.Usage.Total() > 0 || a.Class == "":
		s.answered += n
	case a.Class == llm.Throttled:
		s.throttled += n
	case a.Class == llm.Permanent:
		s.refused += n
	case a.Class == llm.Blocked:
		s.blocked += n
	default:
		s.failed += n
	}
}

// account is the sums of all tasks, and of the tasks of each run.
type account struct {
	all  sums
	runs map[pawl.ID]*sums
}

func accountOf(rows []*pawl.TaskRow) account {
	a := account{runs: map[pawl.ID]*sums{}}
	for _, row := range rows {
		a.all.add(row)
		if a.runs[row.Run] == nil {
			a.runs[row.Run] = &sums{}
		}
		a.runs[row.Run].add(row)
	}
	return a
}

// of returns the sums of the runs that a job was the first to add.
func (a account) of(j *job) sums {
	return a.sum(j.own)
}

// sum returns the sums of runs.
func (a account) sum(runs []pawl.ID) sums {
	var s sums
	for _, id := range runs {
		if run := a.runs[id]; run != nil {
			s.more += run.more
			s.start(run.began)
			s.answered += run.answered
			s.paid = s.paid.Add(run.paid)
		}
	}
	return s
}

// joined returns what jobs did not have to ask and pay because others that are
// identical did their work.
func (a account) joined(jobs []*job) (copies int, spared sums) {
	for _, j := range jobs {
		for _, run := range j.joins {
			copies++
			did := a.sum([]pawl.ID{run})
			spared.answered += did.answered
			spared.paid = spared.paid.Add(did.paid)
		}
	}
	return copies, spared
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
