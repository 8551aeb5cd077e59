package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// sharedEventRules are about events that cross from one process to the other.
var sharedEventRules = []sharedRule{
	{"the life of a task", "whoever watches sees what every process did, once and in order", func(s *shared) {
		w := s.b.watch(pawl.EventFilter{Types: taskEvents})
		own := s.a.watch(pawl.EventFilter{Types: taskEvents})
		id := s.a.put(identity(1))
		s.b.joins(task(identity(1)), id)
		r := s.a.take()
		s.a.must("Save", s.a.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k", Name: "k", Result: []byte("1")}}))
		s.b.one(pawl.Cancel, id)
		s.a.finish(r, pawl.Cancelled)
		s.b.one(pawl.Retry, id)
		s.b.finish(s.b.take(), pawl.Succeeded)
		want := "added joined started step cancelling ended retried started ended"
		got := s.b.seen(w)
		is(s.b, "events at b", typesOf(got), want)
		same(s.a, s.a.seenUntil(own, func(e pawl.Event) bool { return e.Type == pawl.EventEnded && e.State == pawl.Succeeded }), got)
	}},
	{"a run", "whoever waits for a run need not be where it runs", func(s *shared) {
		id := s.a.put()
		w := s.a.watch(pawl.EventFilter{Run: id, Types: []pawl.EventType{pawl.EventEnded}})
		s.b.put()
		s.b.finish(s.b.take(), pawl.Succeeded)
		got := s.a.seenUntil(w, func(pawl.Event) bool { return true })
		is(s.a, "Task", got[0].Task, id)
	}},
	{"work arrives", "a worker that sleeps is woken by what another process adds, gives back, retries or resumes", func(s *shared) {
		dead := s.a.reach(pawl.Dead)
		s.b.put()
		running := s.b.take()
		s.b.configure(pawl.Setting{Limit: "held", Hold: "budget"})
		for _, arrive := range []func(){
			func() { s.b.put() },
			func() { s.b.put(delay(time.Hour)) },
			func() { s.b.one(pawl.Retry, dead) },
			func() { s.b.finish(running, pawl.Pending) },
			func() { s.b.configure(pawl.Setting{Limit: "held", Resume: true}) },
		} {
			w := s.a.watch(pawl.EventFilter{Types: hints})
			for len(s.a.claim(9).Tasks) > 0 {
			}
			arrive()
			s.a.seenUntil(w, func(pawl.Event) bool { return true })
			w.Close()
		}
	}},
	{"a place comes free", "a call that ends at one process wakes a worker of the other that waits for its place", func(s *shared) {
		s.a.configure(set("lim", limit.Config{InFlight: 1}))
		s.a.putMany(2, on("lim"))
		r := s.b.take()
		w := s.a.watch(pawl.EventFilter{Types: hints})
		s.a.none()
		s.b.finish(r, pawl.Succeeded)
		s.a.seenUntil(w, func(pawl.Event) bool { return true })
	}},
	{"a task is asked to stop", "a worker hears at once of what is cancelled elsewhere", func(s *shared) {
		id := s.a.put()
		r := s.a.take()
		w := s.a.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventReady, pawl.EventCancelling}})
		s.b.one(pawl.Cancel, id)
		got := s.a.seenUntil(w, func(e pawl.Event) bool { return e.Type == pawl.EventCancelling })
		last := got[len(got)-1]
		is(s.a, "Task", last.Task, id)
		is(s.a, "Attempt", last.Attempt, r.Attempt)
	}},
	{"only what comes after", "a process that starts must not hear of what happened before", func(s *shared) {
		s.a.reach(pawl.Succeeded)
		w := s.b.watch(pawl.EventFilter{Types: taskEvents})
		is(s.b, "events", typesOf(s.b.seen(w)), "")
	}},
	{"many", "events of two processes lose and double none", func(s *shared) {
		w := s.a.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventAdded, pawl.EventEnded}})
		seen := map[pawl.ID]int{}
		for range 10 {
			for _, t := range []*trial{s.a, s.b} {
				for _, id := range t.putMany(50) {
					seen[id] = 1
				}
			}
		}
		for _, e := range s.a.seen(w) {
			seen[e.Task]--
		}
		for id, left := range seen {
			if left != 0 {
				s.a.Errorf("%s was told %d times; want once", id, 1-left)
			}
		}
	}},
}
