package llm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pawlhq/pawl/llm"
)

// A Sender's calls are the governor's to answer, if there is one.
func TestSenderCall(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		var sent atomic.Int32
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			sent.Add(1)
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, p.answer)
		})
		s := llm.Sender{API: p.api, URL: server.URL, Client: newClient(t)}
		g := &memory{}
		for i, ctx := range []context.Context{t.Context(), llm.WithGovernor(t.Context(), g), llm.WithGovernor(t.Context(), g)} {
			r, err := s.Call(ctx, "name", []byte(request))
			if err != nil || r.Text() != "Hello" || r.Usage != (llm.Usage{Input: 3, Output: 2}) {
				t.Errorf("Call %d = %+v, %v; want Hello", i+1, r, err)
			}
		}
		if sent.Load() != 2 || len(g.calls) != 2 || g.calls[0].Name != "name" || g.calls[0].Size.Chars != 2 {
			t.Errorf("%d requests, governed: %+v; want one without a governor, and one for two calls with it", sent.Load(), g.calls)
		}
	})
}

func TestSenderCallsGovernorsOwnWord(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		lost := errors.New("lease lost")
		for name, test := range map[string]struct {
			exchange *llm.Exchange
			err      error
			want     func(error) bool
		}{
			"its error": {nil, lost, func(err error) bool { return err == lost }},
			"nothing":   {nil, nil, func(err error) bool { return err != nil && strings.Contains(err.Error(), "neither") }},
			"no answer": {&llm.Exchange{Body: []byte("{}")}, nil, func(err error) bool {
				failed, ok := errors.AsType[*llm.Error](err)
				return ok && failed.Class == llm.Permanent && strings.Contains(err.Error(), "stored")
			}},
		} {
			g := governorFunc(func(context.Context, llm.Call, func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
				return test.exchange, test.err
			})
			s := llm.Sender{API: p.api, URL: "http://nowhere.invalid"}
			if r, err := s.Call(llm.WithGovernor(t.Context(), g), "name", []byte(request)); !test.want(err) || r != nil {
				t.Errorf("%s: Call = %+v, %v", name, r, err)
			}
		}
	})
}
