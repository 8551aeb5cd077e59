package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
)

var sharedWorkerRules = []sharedRule{
	{"workers of others", "whoever looks must see all workers, and not those of its own process", func(s *shared) {
		other := ask(0)
		other.Worker = "w2"
		s.a.claimAs(ask(0))
		s.b.claimAs(other)
		s.a.listed("w1", "w2")
		s.b.listed("w1", "w2")
		other.Leaving = true
		s.b.claimAs(other)
		s.a.listed("w1")
		s.b.listed("w1")
	}},
	{"a worker moves", "a worker that starts again elsewhere is one worker, not two", func(s *shared) {
		a := ask(0)
		s.a.claimAs(a)
		a.Operations = []string{"other"}
		s.b.claimAs(a)
		s.pass(time.Second)
		s.a.workers(pawl.WorkerStatus{Name: "w1", Operations: []string{"other"}, Seen: start})
		s.pass(seldom)
		s.a.claimAs(a)
		s.b.workers(pawl.WorkerStatus{Name: "w1", Operations: []string{"other"}, Seen: s.a.now})
	}},
	{"a dead process", "those that live drop the worker that was killed, and it may come back", func(s *shared) {
		dead := ask(0)
		dead.Worker = "w2"
		s.b.claimAs(dead)
		s.pass(pawl.WorkerTime + time.Second)
		s.a.claimAs(ask(0))
		s.a.listed("w1")
		s.b.listed("w1")
		s.b.claimAs(dead)
		s.a.listed("w1", "w2")
		s.b.listed("w1", "w2")
	}},
	{"a claim of none for all", "a dead worker's task is taken back by any process, and is there for all", func(s *shared) {
		id := s.a.put()
		s.a.take()
		s.pass(lease)
		s.b.took(s.b.claimAs(ask(0)))
		s.a.in(id, pawl.Pending)
		s.a.took(s.a.claim(1), id)
	}},
}
