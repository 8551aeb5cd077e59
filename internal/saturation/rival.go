package saturation

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl/internal/rivals"
	"github.com/pawlhq/pawl/llm"
)

// contest lets a rival play on a stage. It returns how many calls it lost.
func (st *stage) contest(ctx context.Context, r rivals.Rival) (lost int64, err error) {
	model := st.model()
	ctx, stop := st.begin(ctx)
	defer stop()
	calls := make(chan rivals.Call)
	hand := func(numbers []int) error {
		for _, n := range numbers {
			select {
			case calls <- rivals.Call{Number: n, Input: st.requests[n].Input, Priority: st.requests[n].Priority}:
			case <-ctx.Done():
			}
		}
		return nil
	}
	var gone atomic.Int64
	var arrivals sync.WaitGroup
	arrivals.Go(func() { err = errors.Join(hand(st.waiting()), st.arrive(ctx, hand)) })
	r.Run(ctx, rivals.Work{
		Calls:  calls,
		Limits: rivals.Limits{Requests: float64(st.limits.Requests), Tokens: float64(st.limits.InputTokens)},
		Scale:  st.scale,
		Send:   func(ctx context.Context, c rivals.Call) (rivals.Answer, error) { return st.send(ctx, model, c) },
		Lost:   func(rivals.Call) { gone.Add(1) },
	})
	arrivals.Wait()
	return gone.Load(), err
}

// send makes one call for a rival.
func (st *stage) send(ctx context.Context, model llm.Model, c rivals.Call) (rivals.Answer, error) {
	prompt := st.text.prompt(c.Number, st.requests[c.Number])
	body, err := model.Encode(llm.Request{Messages: []llm.Message{llm.Text("user", prompt)}})
	if err != nil {
		return rivals.Answer{}, err
	}
	reply, err := model.Send(ctx, body)
	var failed *llm.Error
	if errors.As(err, &failed) && failed.Status == http.StatusTooManyRequests {
		return rivals.Answer{Refused: true, RetryAfter: time.Duration(float64(failed.RetryAfter) * st.scale)}, nil
	}
	if err != nil {
		return rivals.Answer{}, err
	}
	return rivals.Answer{Tokens: int(reply.Usage.Input)}, nil
}
