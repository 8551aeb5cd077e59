package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/pawlhq/pawl"
)

// account is what the store has about the calls of one document.
type account struct {
	stored  int                  // answers
	unknown int                  // calls that attempts recorded as possibly billed
	runs    map[pawl.ID]bool     // of the document
	at      map[uint64]time.Time // when each answer was stored, by the hash of its body
}

// checkPayments compares the store with the provider's own ledger. A call that
// was sent, and neither refused nor answered with an error, is either a stored
// answer, or one that an attempt recorded as unknown. None is sent after its
// answer was stored.
func (e *evidence) checkPayments(b *breaches) {
	accounts, err := e.accounts()
	if err != nil {
		b.add(wrongResult, "%v", err)
	}
	for number, bill := range e.bills {
		a := accounts[number]
		if a == nil {
			b.add(lostTask, "document %d: %d calls were made for it, and the store has no task", number, bill.Sent)
			continue
		}
		if bill.Sent > a.stored+a.unknown {
			b.add(paidAgain, "document %d: %d calls sent, %d billed; %d answers are stored, and %d recorded as unknown",
				number, bill.Sent, bill.Billed, a.stored, a.unknown)
		}
		for hash, calls := range bill.Bodies {
			at, ok := a.at[hash]
			for _, c := range calls {
				if after := c.Start.Sub(at); ok && len(a.runs) == 1 && after > 0 {
					b.add(paidAgain, "document %d: a call was sent %v after its answer had been stored", number, after)
				}
			}
		}
	}
}

// accounts returns what the store has about calls, by document.
func (e *evidence) accounts() (map[int]*account, error) {
	all := map[int]*account{}
	for _, r := range e.rows {
		number, err := numberIn(r)
		if err != nil {
			return all, err
		}
		a := all[number]
		if a == nil {
			a = &account{runs: map[pawl.ID]bool{}, at: map[uint64]time.Time{}}
			all[number] = a
		}
		a.runs[r.Run] = true
		for _, attempt := range r.Attempts {
			a.unknown += attempt.Unknown
		}
		for _, s := range r.Steps {
			if !s.Call {
				continue
			}
			hash, err := answered(s.Result)
			if err != nil {
				return all, fmt.Errorf("%s: %w", r.ID, err)
			}
			a.stored++
			a.at[hash] = s.At
		}
	}
	return all, nil
}

// answerID is how the simulated provider names its answers: by the body that it
// answered.
var answerID = regexp.MustCompile(`"id":"(?:msg_|chatcmpl-)([0-9a-f]{16})([0-9a-f]{4,})"`)

// answered returns the hash of the body that a stored answer is to, as the
// provider's ledger has it.
func answered(answer []byte) (uint64, error) {
	hash, _, err := answerOf(answer)
	return hash, err
}

// answerOf returns that hash, and how often the body was asked before.
func answerOf(answer []byte) (hash uint64, nth int, err error) {
	id := answerID.FindSubmatch(answer)
	if id == nil {
		return 0, 0, fmt.Errorf("the stored answer %.200q does not name itself", answer)
	}
	hash, err1 := strconv.ParseUint(string(id[1]), 16, 64)
	n, err2 := strconv.ParseUint(string(id[2]), 16, 31)
	return hash, int(n), errors.Join(err1, err2)
}
