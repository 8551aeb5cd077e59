package rivals_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/internal/rivals"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

// The calls of these tests: prompts of 100 tokens, answers of 10 in a second.
const (
	prompt = 100
	answer = 10
	perMin = 6000 // input tokens a minute: 60 calls
)

// result is what became of a rival's calls.
type result struct {
	stats llmsim.Stats
	first []int // the calls by number, in the order in which they first arrived
	lost  int
}

// play lets a rival work for a time on so many calls, which are all there at once.
func play(t *testing.T, run func(context.Context, rivals.Work), allowed int64, calls []rivals.Call, d time.Duration) result {
	t.Helper()
	sim := llmsim.New(llmsim.Config{
		Limits:  llmsim.Limits{InputTokens: allowed},
		Latency: llmsim.Latency{FirstToken: time.Second},
		Reply:   func(*llmsim.Call) string { return strings.Repeat("a ", answer) },
	})
	model := anthropic.New(anthropic.Config{Model: "m", HTTPClient: sim.Client()})
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	line := make(chan rivals.Call, len(calls))
	for _, c := range calls {
		line <- c
	}
	var mu sync.Mutex
	var r result
	seen := map[int]bool{}
	run(ctx, rivals.Work{
		Calls: line, Limits: rivals.Limits{Requests: 1000, Tokens: perMin}, Scale: 1,
		Send: func(ctx context.Context, c rivals.Call) (rivals.Answer, error) {
			mu.Lock()
			if !seen[c.Number] {
				seen[c.Number] = true
				r.first = append(r.first, c.Number)
			}
			mu.Unlock()
			return send(ctx, model, c)
		},
		Lost: func(rivals.Call) {
			mu.Lock()
			defer mu.Unlock()
			r.lost++
		},
	})
	synctest.Wait()
	r.stats = sim.Stats()
	return r
}

func send(ctx context.Context, model llm.Model, c rivals.Call) (rivals.Answer, error) {
	text := strings.TrimSpace(strings.Repeat("a ", c.Input-3)) // each message costs 3
	body, err := model.Encode(llm.Request{Messages: []llm.Message{llm.Text("user", text)}})
	if err != nil {
		return rivals.Answer{}, err
	}
	reply, err := model.Send(ctx, body)
	var failed *llm.Error
	if errors.As(err, &failed) && failed.Status == 429 {
		return rivals.Answer{Refused: true, RetryAfter: failed.RetryAfter}, nil
	}
	if err != nil {
		return rivals.Answer{}, err
	}
	return rivals.Answer{Tokens: int(reply.Usage.Input)}, nil
}

func calls(n int) []rivals.Call {
	calls := make([]rivals.Call, n)
	for i := range calls {
		calls[i] = rivals.Call{Number: i, Input: prompt, Priority: 2}
	}
	return calls
}

// A rival that is alone with a slow stream of calls makes them all, once each.
func TestAllMakeWhatFits(t *testing.T) {
	for _, r := range rivals.All() {
		synctest.Test(t, func(t *testing.T) {
			got := play(t, r.Run, perMin, calls(20), time.Minute)
			if got.stats.Answered != 20 || got.stats.Requests != 20 || got.lost != 0 {
				t.Errorf("%s: %d calls sent, %d answered, %d lost; want 20, 20, 0", r.Name, got.stats.Requests, got.stats.Answered, got.lost)
			}
		})
	}
}

func TestPriorityQueueMakesOneCallAtATimeTheUrgentOnesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		many := calls(100)
		many[50].Priority, many[60].Priority = 0, 1
		got := play(t, rivals.PriorityQueue, perMin, many, 10500*time.Millisecond)
		if n := got.stats.Answered; n != 10 {
			t.Errorf("%d calls answered in 10 s of 1 s each; want 10", n)
		}
		if f := got.first; f[0] != 50 || f[1] != 60 || f[2] != 0 {
			t.Errorf("first calls = %v; want 50, 60, 0", f[:3])
		}
	})
}

// Dead letters of the article's queue: 4 tries, after 1, 2 and 4 s.
func TestPriorityQueueGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := play(t, rivals.PriorityQueue, prompt/2, calls(1), time.Minute)
		if got.stats.Limited != 4 || got.lost != 1 {
			t.Errorf("%d refused, %d lost; want 4 and 1", got.stats.Limited, got.lost)
		}
	})
}

// The script keeps to an even rate once its first minute's worth is used up.
func TestCookbookFillsEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := play(t, rivals.Cookbook, 2*perMin, calls(1000), 2*time.Minute)
		if n := got.stats.Answered; n < 175 || n > 180 || got.stats.Limited > 0 {
			t.Errorf("%d answered, %d refused; want 60 at once, 120 in 2 minutes and none refused", n, got.stats.Limited)
		}
	})
}

func TestCookbookPausesAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := play(t, rivals.Cookbook, prompt/2, calls(1), 10*time.Minute)
		if got.stats.Limited != 5 || got.lost != 1 {
			t.Errorf("%d refused, %d lost; want 5 and 1", got.stats.Limited, got.lost)
		}
		got = play(t, rivals.Cookbook, prompt/2, calls(1), 14*time.Second)
		if got.stats.Limited != 1 {
			t.Errorf("%d refused within 14 s; want 1, for it pauses 15 s", got.stats.Limited)
		}
	})
}

// 64 calls are under way before the first is counted, and as many again before the
// last of them is: the counters overshoot, and anew in each minute.
func TestMinuteCountersCountLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for minutes := range 2 {
			got := play(t, rivals.MinuteCounters, 1_000_000, calls(1000), time.Duration(minutes)*time.Minute+50*time.Second)
			least, most := int64(64*(minutes+1)), int64(124*(minutes+1))
			if n := got.stats.Answered; n < least || n > most {
				t.Errorf("%d answered in %d minutes that allow 60 each; want %d to %d", n, minutes+1, least, most)
			}
		}
	})
}

func TestSDKRetriesAreTwoAndThenOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := play(t, rivals.SDKRetries, prompt/2, calls(1), time.Hour)
		if got.stats.Limited != 6 || got.lost != 1 {
			t.Errorf("%d refused, %d lost; want 3 tries, twice, and then 1 lost", got.stats.Limited, got.lost)
		}
	})
}

// They honour retry-after up to a minute, so a call that fits later is not lost.
func TestSDKRetriesHonourRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := play(t, rivals.SDKRetries, prompt, calls(2), 90*time.Second)
		if got.stats.Answered != 2 || got.stats.Limited != 1 || got.lost != 0 {
			t.Errorf("%d answered, %d refused, %d lost; want 2, 1, 0: the bucket has room again after a minute", got.stats.Answered, got.stats.Limited, got.lost)
		}
	})
}
