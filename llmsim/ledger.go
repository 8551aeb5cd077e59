package llmsim

import (
	"iter"
	"maps"
	"sync"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// Record is one call as the provider saw it.
type Record struct {
	Seq       int64     // counts the calls, from 1
	API       string    // "anthropic" or "openai"
	Model     string    // "" if the request could not be read
	Hash      uint64    // of the request's body; 0 if it could not be read
	Texts     int       // texts to be embedded; 0 for a call that asks for an answer
	Stream    bool      // whether the answer was asked for as a stream
	Fault     Fault     // what was made to go wrong
	Limited   bool      // whether a rate limit refused it, or its traffic grew too fast
	Status    int       // the HTTP status that was sent; 0 if none was
	Billed    bool      // whether Usage was charged to the account
	Delivered bool      // whether an answer was sent whole
	Usage     llm.Usage // tokens used, known once Billed
	Start     time.Time // when it arrived
	End       time.Time // when it was over
}

// Stats is the accounts' bill and what became of every call, of both APIs. But
// for Requests and Open it counts the calls that are over.
type Stats struct {
	Requests int64           // calls that arrived, those that count tokens aside
	Open     int64           // of those, the ones that are not over
	Answered int64           // answers delivered whole
	Invalid  int64           // requests that were not valid, or not allowed by Config.APIKey
	Limited  int64           // refused by the rate limits or for growing too fast: 429s that nobody asked for
	Faults   map[Fault]int64 // injected faults, by kind
	Counted  int64           // calls that count tokens; free

	Billed            llm.Usage // tokens charged to the account
	Undelivered       int64     // answers made and billed, but not delivered: reset, cut, or the client was gone
	UndeliveredTokens int64     // tokens of those
	PaidTwice         int64     // request bodies that more than one answer was delivered for
	PaidTwiceTokens   int64     // tokens of the answers after the first
}

// body is what is remembered of a request body, as long as the server lives.
type body struct {
	admitted  int32 // calls that the limits let pass
	delivered int32 // answers delivered
}

// ledger holds the records and their sums.
type ledger struct {
	mu     sync.Mutex
	stats  Stats
	bodies map[uint64]body
	log    []Record // a ring of the latest records, of at most size
	size   int
	next   int // where in log the next record goes, once it is full
}

func newLedger(size int) *ledger {
	return &ledger{size: size, bodies: map[uint64]body{}, stats: Stats{Faults: map[Fault]int64{}}}
}

// open begins the record of a call.
func (l *ledger) open(api string) *Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Requests++
	l.stats.Open++
	return &Record{Seq: l.stats.Requests, API: api, Start: time.Now()}
}

// admit counts one more call with this body that the limits let pass, and
// returns how many there were before.
func (l *ledger) admit(hash uint64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bodies[hash]
	n := int(b.admitted)
	b.admitted++
	l.bodies[hash] = b
	return n
}

// close ends the record and adds it up.
func (l *ledger) close(r *Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.End = time.Now()
	l.stats.Open--
	l.sum(r)
	if len(l.log) < l.size {
		l.log = append(l.log, *r)
		return
	}
	l.log[l.next] = *r
	l.next = (l.next + 1) % l.size
}

func (l *ledger) sum(r *Record) {
	s := &l.stats
	switch {
	case r.Limited:
		s.Limited++
	case r.Fault != None:
		s.Faults[r.Fault]++
	case r.Status >= 400:
		s.Invalid++
	}
	if r.Billed {
		s.Billed = s.Billed.Add(r.Usage)
		if !r.Delivered {
			s.Undelivered++
			s.UndeliveredTokens += r.Usage.Total()
		}
	}
	if r.Delivered {
		s.Answered++
		l.deliver(r)
	}
}

func (l *ledger) deliver(r *Record) {
	b := l.bodies[r.Hash]
	b.delivered++
	l.bodies[r.Hash] = b
	if b.delivered == 2 {
		l.stats.PaidTwice++
	}
	if b.delivered > 1 {
		l.stats.PaidTwiceTokens += r.Usage.Total()
	}
}

func (l *ledger) counted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Counted++
}

// Stats returns the sums so far. The caller owns them.
func (s *Server) Stats() Stats {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	stats := s.ledger.stats
	stats.Faults = maps.Clone(stats.Faults)
	return stats
}

// Calls yields the latest calls that are over, at most Config.Log of them, in
// the order in which they ended, as they are when the iteration begins.
func (s *Server) Calls() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for _, r := range s.ledger.records() {
			if !yield(r) {
				return
			}
		}
	}
}

func (l *ledger) records() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(append(make([]Record, 0, len(l.log)), l.log[l.next:]...), l.log[:l.next]...)
}
