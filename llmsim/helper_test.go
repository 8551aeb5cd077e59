package llmsim_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/llmsim"
)

// api is one of the two APIs, as a test speaks it.
type api struct{ name, path string }

var (
	anthropic = api{"anthropic", "/v1/messages"}
	openai    = api{"openai", "/v1/chat/completions"}
	apis      = []api{anthropic, openai}
)

// ask is what a test asks.
type ask struct {
	text   string // "hello" if empty
	max    int    // 100 if 0
	stream bool
	extra  string // more JSON members, such as `"tools":[]`
}

func (a api) body(q ask) string {
	extra := ""
	if q.stream {
		extra = `,"stream":true`
	}
	if q.extra != "" {
		extra += "," + q.extra
	}
	text, _ := json.Marshal(cmp.Or(q.text, "hello"))
	return fmt.Sprintf(`{"model":"sim-1","max_tokens":%d,"messages":[{"role":"user","content":%s}]%s}`, cmp.Or(q.max, 100), text, extra)
}

func (a api) request(ctx context.Context, base, body string, fault llmsim.Fault) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+a.path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Anthropic-Version", "2023-06-01")
	if fault != llmsim.None {
		r.Header.Set(llmsim.FaultHeader, string(fault))
	}
	return r
}

// result is a response that was read to its end.
type result struct {
	*http.Response
	body []byte
	err  error // from the call or from reading the body
}

// do makes one call. The body is read as far as it comes.
func do(c *http.Client, r *http.Request) result {
	resp, err := c.Do(r)
	if err != nil {
		return result{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return result{resp, body, err}
}

// post makes one call without a socket.
func (a api) post(s *llmsim.Server, q ask) result {
	return do(s.Client(), a.request(context.Background(), "http://sim", a.body(q), llmsim.None))
}

// must fails the test unless the call was answered with the status.
func (r result) must(t *testing.T, status int) result {
	t.Helper()
	if r.err != nil {
		t.Fatalf("the call failed: %v; want status %d", r.err, status)
	}
	if r.StatusCode != status {
		t.Fatalf("status %d, body %s; want status %d", r.StatusCode, r.body, status)
	}
	return r
}

// answer is what both APIs' answers have in common.
type answer struct {
	text, stop, refusal string
	input, output       int64
}

func (a api) read(t *testing.T, body []byte) answer {
	t.Helper()
	var v struct {
		Content []struct{ Type, Text string }
		Stop    string `json:"stop_reason"`
		Choices []struct {
			Message struct{ Content, Refusal string }
			Finish  string `json:"finish_reason"`
		}
		Usage struct {
			Input      int64 `json:"input_tokens"`
			Output     int64 `json:"output_tokens"`
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
		}
	}
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("the answer is not JSON: %v: %s", err, body)
	}
	out := answer{stop: v.Stop, input: v.Usage.Input + v.Usage.Prompt, output: v.Usage.Output + v.Usage.Completion}
	for _, c := range v.Content {
		out.text += c.Text
	}
	for _, c := range v.Choices {
		out.text, out.refusal, out.stop = c.Message.Content, c.Message.Refusal, c.Finish
	}
	return out
}

// event is one server-sent event.
type event struct {
	name string
	data map[string]any // nil for [DONE]
	raw  string
}

func events(t *testing.T, body []byte) []event {
	t.Helper()
	var out []event
	var e event
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			e.name = value
		case "data":
			e.raw = value
			if err := json.Unmarshal([]byte(value), &e.data); err != nil && value != "[DONE]" {
				t.Fatalf("the event's data is not JSON: %v: %s", err, value)
			}
		case "":
			out = append(out, e)
			e = event{}
		default:
			t.Fatalf("the stream has the line %q", lines.Text())
		}
	}
	if e.raw != "" {
		t.Fatalf("the stream ends within the event %q", e.raw)
	}
	return out
}

// problem is what both APIs' errors have in common.
type problem struct {
	kind, code, message string
}

func (a api) problem(t *testing.T, body []byte) problem {
	t.Helper()
	var v struct {
		Type  string
		Error struct {
			Type, Code, Message string
			Details             struct {
				Code string `json:"error_code"`
			}
		}
	}
	if err := json.Unmarshal(body, &v); err != nil || v.Error.Type == "" {
		t.Fatalf("the error is not the provider's: %v: %s", err, body)
	}
	if a == anthropic && v.Type != "error" {
		t.Errorf("type is %q; want error", v.Type)
	}
	return problem{v.Error.Type, v.Error.Code + v.Error.Details.Code, v.Error.Message}
}

// lines are the two ways to reach a server.
var lines = map[string]func(*testing.T, *llmsim.Server) (c *http.Client, base string, end func()){
	"in process": func(t *testing.T, s *llmsim.Server) (*http.Client, string, func()) {
		return s.Client(), "http://sim", func() {}
	},
	"socket": func(t *testing.T, s *llmsim.Server) (*http.Client, string, func()) {
		ts := httptest.NewServer(s)
		t.Cleanup(ts.Close)
		return ts.Client(), ts.URL, ts.Close
	},
}
