package llmsim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

// refusals are the faults that show themselves as an error response.
var refusals = []struct {
	api    api
	fault  llmsim.Fault
	status int
	kind   string
	code   string
	words  string
	wait   string // retry-after
}{
	{anthropic, llmsim.RateLimited, 429, "rate_limit_error", "", "rate limit", "2"},
	{anthropic, llmsim.RateLimitedBlind, 429, "rate_limit_error", "", "acceleration", ""},
	{anthropic, llmsim.Overloaded, 529, "overloaded_error", "", "Overloaded", ""},
	{anthropic, llmsim.CreditExhausted, 400, "invalid_request_error", "", "Your credit balance is too low", ""},
	{anthropic, llmsim.SpendLimit, 429, "rate_limit_error", "enforced_spend_limit_reached", "", ""},
	{anthropic, llmsim.KeyRefused, 401, "authentication_error", "", "", ""},
	{anthropic, llmsim.TooLong, 400, "invalid_request_error", "", "prompt is too long", ""},
	{anthropic, llmsim.ServerError, 500, "api_error", "", "", ""},
	{anthropic, llmsim.StreamError, 500, "api_error", "", "", ""},
	{openai, llmsim.RateLimited, 429, "tokens", "rate_limit_exceeded", "", "2"},
	{openai, llmsim.RateLimitedBlind, 429, "rate_limit_error", "slow_down", "", ""},
	{openai, llmsim.Overloaded, 503, "server_error", "server_is_overloaded", "", ""},
	{openai, llmsim.CreditExhausted, 429, "insufficient_quota", "insufficient_quota", "", ""},
	{openai, llmsim.SpendLimit, 429, "insufficient_quota", "organization_spend_limit_exceeded", "", ""},
	{openai, llmsim.KeyRefused, 401, "invalid_request_error", "invalid_api_key", "", ""},
	{openai, llmsim.TooLong, 400, "invalid_request_error", "context_length_exceeded", "maximum context length", ""},
	{openai, llmsim.ServerError, 500, "server_error", "", "", ""},
	{openai, llmsim.StreamError, 500, "server_error", "", "", ""},
}

func TestFaultsThatAreErrors(t *testing.T) {
	for line, open := range lines {
		for _, c := range refusals {
			s := llmsim.New(llmsim.Config{})
			client, base, end := open(t, s)
			r := do(client, c.api.request(context.Background(), base, c.api.body(ask{}), c.fault)).must(t, c.status)
			end()
			got := c.api.problem(t, r.body)
			if got.kind != c.kind || got.code != c.code || !strings.Contains(got.message, c.words) {
				t.Errorf("%s, %s, %s: %+v; want %s %s %q", line, c.api.name, c.fault, got, c.kind, c.code, c.words)
			}
			if wait := r.Header.Get("Retry-After"); wait != c.wait {
				t.Errorf("%s, %s, %s: retry-after is %q; want %q", line, c.api.name, c.fault, wait, c.wait)
			}
			st := s.Stats()
			if st.Faults[c.fault] != 1 || st.Billed.Total() != 0 || st.Answered != 0 || st.Limited != 0 || st.Invalid != 0 {
				t.Errorf("%s, %s, %s: Stats = %+v; want the one fault, free", line, c.api.name, c.fault, st)
			}
		}
	}
}

func TestFaultsThatBreakTheLine(t *testing.T) {
	for line, open := range lines {
		for _, a := range apis {
			for _, stream := range []bool{false, true} {
				for _, f := range []llmsim.Fault{llmsim.ResetBefore, llmsim.ResetAfter, llmsim.CutStream} {
					s := llmsim.New(llmsim.Config{})
					client, base, end := open(t, s)
					q := ask{text: prose, max: 500, stream: stream}
					r := do(client, a.request(context.Background(), base, a.body(q), f))
					end()
					if !errors.Is(r.err, syscall.ECONNRESET) {
						t.Errorf("%s, %s, %s, stream %v: error is %v; want a reset", line, a.name, f, stream, r.err)
					}
					if cut := f == llmsim.CutStream; cut != (len(r.body) > 0) {
						t.Errorf("%s, %s, %s, stream %v: %d bytes came", line, a.name, f, stream, len(r.body))
					}
					checkBroken(t, s.Stats(), f)
				}
			}
		}
	}
}

func checkBroken(t *testing.T, st llmsim.Stats, f llmsim.Fault) {
	t.Helper()
	billed := int64(1)
	if f == llmsim.ResetBefore {
		billed = 0
	}
	if st.Faults[f] != 1 || st.Answered != 0 || st.Undelivered != billed || st.UndeliveredTokens != st.Billed.Total() || (st.Billed.Output > 0) != (billed > 0) {
		t.Errorf("%s: Stats = %+v; want it billed %d times and never delivered", f, st, billed)
	}
}

func TestStreamError(t *testing.T) {
	for _, a := range apis {
		s := llmsim.New(llmsim.Config{})
		q := ask{text: "List the key points.\n\n" + prose, max: 500, stream: true}
		whole := a.read(t, a.post(s, ask{text: q.text, max: 500}).must(t, 200).body).output
		if err := s.Inject(llmsim.StreamError); err != nil {
			t.Fatal(err)
		}
		before := s.Stats().Billed.Output
		all := events(t, a.post(s, q).must(t, 200).body)
		if last := all[len(all)-1]; last.data["error"] == nil {
			t.Errorf("%s: the stream ends with %s; want an error", a.name, last.raw)
		}
		st := s.Stats()
		if made := st.Billed.Output - before; made < whole/2 || made >= whole || st.Undelivered != 1 {
			t.Errorf("%s: %d of %d tokens billed, %d undelivered; want about half of them, and 1", a.name, made, whole, st.Undelivered)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, a := range apis {
		s := llmsim.New(llmsim.Config{Decide: func(c *llmsim.Call) llmsim.Fault {
			if strings.Contains(c.Document(), "secret recipe") {
				return llmsim.Refused
			}
			return llmsim.None
		}})
		got := a.read(t, a.post(s, ask{text: "Tell me the secret recipe."}).must(t, 200).body)
		if a == anthropic && got.stop != "refusal" || a == openai && (got.stop != "content_filter" || got.refusal == "") {
			t.Errorf("%s: answer = %+v; want a refusal", a.name, got)
		}
		events(t, a.post(s, ask{text: "Tell me the secret recipe.", stream: true}).must(t, 200).body)
		if got := a.read(t, a.post(s, ask{text: "Tell me the time."}).must(t, 200).body); got.text == "" {
			t.Errorf("%s: answer = %+v; want no refusal", a.name, got)
		}
		if st := s.Stats(); st.Faults[llmsim.Refused] != 2 || st.Answered != 3 {
			t.Errorf("%s: Stats = %+v; want 2 refusals of 3 answers", a.name, st)
		}
	}
}

func TestContextIsTooLong(t *testing.T) {
	for _, a := range apis {
		s := llmsim.New(llmsim.Config{Context: 50})
		a.post(s, ask{text: prose}).must(t, 400)
		a.post(s, ask{}).must(t, 200)
		if st := s.Stats(); st.Faults[llmsim.TooLong] != 1 || st.Answered != 1 {
			t.Errorf("%s: Stats = %+v; want one too long", a.name, st)
		}
	}
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, scale := range []float64{1, 60} {
			s := llmsim.New(llmsim.Config{Scale: scale, Latency: llmsim.Latency{Slow: time.Minute}})
			_ = s.Inject(llmsim.Slow)
			start := time.Now()
			anthropic.post(s, ask{}).must(t, 200)
			if took := time.Since(start); took != time.Duration(60/scale)*time.Second {
				t.Errorf("scale %v: took %v; want a minute of the account's", scale, took)
			}
		}
	})
}

// A reset before the request was read must be told from one after: the hooks
// say which, as net/http's do.
func TestTraceTellsWhatWasWritten(t *testing.T) {
	for fault, want := range map[llmsim.Fault]string{
		llmsim.None:        "GetConn GotConn WroteHeaders WroteRequest:false GotFirstResponseByte",
		llmsim.ResetBefore: "GetConn GotConn WroteRequest:true",
		llmsim.ResetAfter:  "GetConn GotConn WroteHeaders WroteRequest:false",
		llmsim.Overloaded:  "GetConn GotConn WroteHeaders WroteRequest:false GotFirstResponseByte",
	} {
		for range 20 { // the hooks must not depend on who is faster
			s := llmsim.New(llmsim.Config{})
			if got := trace(s, fault); got != want {
				t.Fatalf("%q: hooks are %s; want %s", fault, got, want)
			}
		}
	}
}

func trace(s *llmsim.Server, fault llmsim.Fault) string {
	var got []string
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GetConn:      func(string) { got = append(got, "GetConn") },
		GotConn:      func(httptrace.GotConnInfo) { got = append(got, "GotConn") },
		WroteHeaders: func() { got = append(got, "WroteHeaders") },
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			got = append(got, map[bool]string{true: "WroteRequest:true", false: "WroteRequest:false"}[i.Err != nil])
		},
		GotFirstResponseByte: func() { got = append(got, "GotFirstResponseByte") },
	})
	do(s.Client(), anthropic.request(ctx, "http://sim", anthropic.body(ask{}), fault))
	return strings.Join(got, " ")
}

func TestClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: time.Minute}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := do(s.Client(), anthropic.request(ctx, "http://sim", anthropic.body(ask{}), llmsim.None))
		if !errors.Is(r.err, context.DeadlineExceeded) {
			t.Errorf("error is %v; want the deadline's", r.err)
		}
		if st := s.Stats(); st.Undelivered != 1 || st.Billed.Total() == 0 || st.Open != 0 {
			t.Errorf("Stats = %+v; want the answer billed, not delivered", st)
		}
	})
}

func TestClientGoneFromSocket(t *testing.T) {
	s := llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: time.Hour}})
	client, base, end := lines["socket"](t, s)
	ctx, cancel := context.WithCancel(context.Background())
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { cancel() }})
	do(client, anthropic.request(ctx, base, anthropic.body(ask{}), llmsim.None))
	end() // waits for the handler, if there was time for one
	if st := s.Stats(); st.Open != 0 || st.Answered != 0 {
		t.Errorf("Stats = %+v; want nothing open and nothing answered", st)
	}
}

func TestClosedBodyIsNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Latency: llmsim.Latency{TokensPerSecond: 10}})
		q := ask{text: "List the key points.\n\n" + prose, max: 500, stream: true}
		resp, err := s.Client().Do(anthropic.request(t.Context(), "http://sim", anthropic.body(q), llmsim.None))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if st := s.Stats(); st.Undelivered != 1 || st.Open != 0 {
			t.Errorf("Stats = %+v; want the answer billed, not delivered", st)
		}
	})
}

func TestFaultHeader(t *testing.T) {
	s := llmsim.New(llmsim.Config{Faults: llmsim.Faults{llmsim.Overloaded: 1}})
	status := func(f llmsim.Fault) int {
		return do(s.Client(), anthropic.request(t.Context(), "http://sim", anthropic.body(ask{}), f)).StatusCode
	}
	for f, want := range map[llmsim.Fault]int{"none": 200, "typo": 400, llmsim.ServerError: 500, llmsim.None: 529} {
		if got := status(f); got != want {
			t.Errorf("header %q: status %d; want %d", f, got, want)
		}
	}
}

func TestSetFaultsAndInject(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	if err := s.SetFaults(llmsim.Faults{llmsim.CreditExhausted: 1}); err != nil {
		t.Fatal(err)
	}
	anthropic.post(s, ask{}).must(t, 400)
	_ = s.Inject(llmsim.Overloaded, llmsim.None)
	anthropic.post(s, ask{}).must(t, 529)
	anthropic.post(s, ask{}).must(t, 200)
	anthropic.post(s, ask{}).must(t, 400)
	if err := s.SetFaults(nil); err != nil {
		t.Fatal(err)
	}
	anthropic.post(s, ask{}).must(t, http.StatusOK)
	if err := s.SetFaults(llmsim.Faults{llmsim.Slow: 2}); err == nil {
		t.Error("SetFaults took a probability of 2")
	}
}
