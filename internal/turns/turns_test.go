package turns_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/pawlhq/pawl/internal/turns"
)

type line = turns.Line[string]

func user(name string) *turns.Turn[string] { return &turns.Turn[string]{Of: name} }

// serve has so many tasks of the given tokens begin, and returns the tokens by user.
func serve(l *line, tasks int, tokens func(user string) float64) map[string]float64 {
	served := map[string]float64{}
	for range tasks {
		next := l.First()
		cost := tokens(next.Of)
		l.Begin(next, cost)
		served[next.Of] += cost
	}
	return served
}

func TestUsersWithMuchToDoGetEqualShares(t *testing.T) {
	var l line
	l.Enter(user("small"))
	l.Enter(user("large"))
	served := serve(&l, 1100, func(user string) float64 {
		if user == "large" {
			return 1000
		}
		return 10
	})
	if math.Abs(served["small"]-served["large"]) > 1000 {
		t.Errorf("tokens = %v; want them within one task of each other", served)
	}
}

func TestANewcomerIsAmongTheNext(t *testing.T) {
	var l line
	l.Enter(user("old"))
	serve(&l, 1000, func(string) float64 { return 10 })
	l.Enter(user("new"))
	served := serve(&l, 2, func(string) float64 { return 10 })
	if served["new"] != 10 {
		t.Errorf("tokens of the next two tasks = %v; want one to be the newcomer's", served)
	}
}

func TestAStreamOfNewcomersStarvesNobody(t *testing.T) {
	var l line
	old := user("old")
	l.Enter(old)
	serve(&l, 1000, func(string) float64 { return 10 })
	for i := range 5 {
		l.Enter(user(fmt.Sprint("new ", i)))
		next := l.First()
		if next == old {
			return
		}
		l.Begin(next, 10)
		l.Leave(next)
	}
	t.Error("the user who was there waits behind 5 newcomers")
}

func TestCorrectionsAreTheUsersOwn(t *testing.T) {
	var l line
	a, b := user("a"), user("b")
	l.Enter(a)
	l.Enter(b)
	share := l.Begin(a, 10)
	if share != 0.5 {
		t.Errorf("share = %v; want one in two", share)
	}
	before := l.Virtual
	l.Correct(a, 1000, share) // it used far more than was expected
	if l.Virtual != before {
		t.Errorf("virtual time = %v; want %v: the debt is the user's own", l.Virtual, before)
	}
	served := serve(&l, 100, func(string) float64 { return 10 })
	if served["a"] != 0 || served["b"] != 1000 {
		t.Errorf("tokens = %v; want b to catch up first", served)
	}
}

func TestWhoIsSetAsideComesBack(t *testing.T) {
	var l line
	a, b := user("a"), user("b")
	l.Enter(a)
	l.Enter(b)
	l.SetAside()
	if l.First() != b || l.Waiting() != 2 {
		t.Errorf("First = %v of %d; want b of 2", l.First().Of, l.Waiting())
	}
	l.Restore()
	if l.First() != a {
		t.Errorf("First = %v; want a again", l.First().Of)
	}
}

// Lowest names those who would come first, one after the other.
func TestLowestIsTheOrderOfTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l line
		tags := rapid.SliceOfN(rapid.Float64Range(0, 100), 0, 40).Draw(t, "tags")
		for i, tag := range tags {
			u := user(fmt.Sprint(i))
			u.Charged = tag
			l.Enter(u)
		}
		n := rapid.IntRange(0, 50).Draw(t, "n")
		lowest := l.Lowest(n)
		if len(lowest) != min(n, len(tags)) {
			t.Fatalf("Lowest(%d) of %d gave %d", n, len(tags), len(lowest))
		}
		got := append([]*turns.Turn[string]{}, lowest...)
		for i, u := range got {
			if l.First() != u {
				t.Fatalf("place %d is %s; want %s", i, u.Of, l.First().Of)
			}
			l.Leave(u)
		}
	})
}
