package sdktest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/pawlhq/pawl/llm"
)

// server is a provider that gives one answer, and counts.
type server struct {
	*httptest.Server
	requests atomic.Int32
}

// answer is what a server says to every request; stream, if it is set, to those
// that ask for one.
type answer struct {
	status       int
	header       http.Header
	body, stream string
	cut          bool // the connection ends before the response does
}

func newServer(t *testing.T, a answer) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		request, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read the request: %v", err)
		}
		for name, values := range a.header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "application/json")
		body := a.body
		if a.stream != "" && bytes.Contains(request, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "text/event-stream")
			body = a.stream
		}
		w.WriteHeader(max(a.status, http.StatusOK))
		_, _ = io.WriteString(w, body)
		if a.cut {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// client is what an SDK is given: its connections end with the test.
func client(t *testing.T, api llm.API) *http.Client {
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	return &http.Client{Transport: &llm.Transport{API: api, Base: base}}
}

// failure is a response that the SDKs would try again by themselves, and its
// class.
type failure struct {
	name   string
	answer answer
	class  llm.Class
}

// failures are given the error body of an API.
func failures(body string) []failure {
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	return []failure{
		{"429", answer{status: 429, header: header("Retry-After", "1"), body: body}, llm.Throttled},
		{"429 to be retried", answer{status: 429, header: header("X-Should-Retry", "true"), body: body}, llm.Throttled},
		{"500", answer{status: 500, body: body}, llm.Ambiguous},
		{"503 page", answer{status: 503, body: "<html>"}, llm.Throttled},
		{"409", answer{status: 409, body: body}, llm.Transient},
		{"408", answer{status: 408, body: body}, llm.Transient},
		{"401", answer{status: 401, body: body}, llm.Blocked},
		{"400", answer{status: 400, body: body}, llm.Permanent},
	}
}
