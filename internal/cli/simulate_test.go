package cli_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
)

// Each flag of the limits reaches the provider, and the screen.
func TestSimulateLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags, shown string
		allowed      int  // calls before the first that is refused
		headers      bool // whether answers tell of limits
		message      string
		fast         bool
	}{
		{"--requests 0 --tokens 0 --requests-per-day 2", "2 requests a day", 2, true, "requests per day (RPD): Limit 2", false},
		{"--requests 0 --tokens 0 --tokens-per-day 1000", "1,000 tokens a day", 3, false, "tokens per day (TPD): Limit 1000", false},
		{"--requests 3 --speed 0.1 --burst 20s", "3 requests a minute, 40,000 tokens a minute", 1, true, "requests per min (RPM): Limit 3", false},
		{"--requests 3 --speed 0.1 --headers none", "3 requests a minute, 40,000 tokens a minute", 3, false, "requests per min (RPM): Limit 3", false},
		{"--requests 0 --tokens 0 --acceleration 2", "none", 10, false, "grew too fast", true},
	} {
		url, shown, stop := simulate(t, strings.Fields(c.flags)...)
		if !strings.Contains(shown, "limits:              "+c.shown+";") {
			t.Errorf("%s: stdout %q; want the limits", c.flags, shown)
		}
		model := openai.New(openai.Config{Model: "simulated", BaseURL: url + "/v1", MaxTokens: 300})
		body, err := model.Encode(llm.Request{Messages: []llm.Message{llm.Text("user", "hello")}})
		if err != nil {
			t.Fatal(err)
		}
		for n := range c.allowed {
			r, err := model.Send(t.Context(), body)
			if err != nil {
				t.Fatalf("%s: call %d: %v", c.flags, n, err)
			}
			if told := r.Limits != (llm.Limits{}); told != c.headers {
				t.Errorf("%s: the headers tell %+v; want them to tell something: %v", c.flags, r.Limits, c.headers)
			}
		}
		_, err = model.Send(t.Context(), body)
		var refused *llm.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, c.message) || refused.TooFast != c.fast {
			t.Errorf("%s: Send = %v; want %q", c.flags, err, c.message)
		}
		stop()
	}
}

// simulate runs the simulated provider as a process until stop.
func simulate(t *testing.T, flags ...string) (url, shown string, stop func()) {
	t.Helper()
	cmd := command(t, nil, append([]string{"simulate", "--first-token", "0s", "--tokens-per-second", "0"}, flags...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for b := make([]byte, 1); !strings.Contains(text.String(), "ends it.\n"); {
		if _, err := io.ReadFull(out, b); err != nil {
			t.Fatalf("%v: stdout %q: %v", flags, text.String(), err)
		}
		text.Write(b)
	}
	return regexp.MustCompile(`http://\S+`).FindString(text.String()), text.String(), func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(io.Discard, out) // until it has ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: it ended with %v; want 0", flags, err)
		}
	}
}
