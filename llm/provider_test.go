package llm_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llm/openai"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A provider is one of the clients, with an answer of its API.
type provider struct {
	name   string
	api    llm.API
	model  func(url string, client *http.Client, timeout time.Duration, header http.Header) llm.Model
	answer string
	stream string
}

var providers = []provider{
	{
		name: "anthropic",
		api:  anthropic.API{},
		model: func(url string, client *http.Client, timeout time.Duration, header http.Header) llm.Model {
			return anthropic.New(anthropic.Config{APIKey: "key", Model: "m", BaseURL: url, HTTPClient: client, Timeout: timeout, Header: header})
		},
		answer: `{"id":"a1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}`,
		stream: `data: {"type":"message_start","message":{"id":"a1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":3,"output_tokens":1}}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}

data: {"type":"message_stop"}

`,
	},
	{
		name: "openai",
		api:  openai.API{},
		model: func(url string, client *http.Client, timeout time.Duration, header http.Header) llm.Model {
			return openai.New(openai.Config{APIKey: "key", Model: "m", BaseURL: url, HTTPClient: client, Timeout: timeout, Header: header})
		},
		answer: `{"id":"a1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`,
		stream: `data: {"id":"a1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}

data: {"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}

data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}

data: [DONE]

`,
	},
}

// each runs a test with every provider.
func each(t *testing.T, test func(t *testing.T, p provider)) {
	for _, p := range providers {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

// newClient returns a client whose connections end with the test.
func newClient(t *testing.T) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// listen serves raw connections, each by a goroutine that has ended when the
// test has.
func listen(t *testing.T, serve func(net.Conn)) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

// reset closes a connection as a crashed machine would.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// swallow reads one request whole.
func swallow(conn net.Conn) error {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err
}

func encode(t *testing.T, m llm.Model, maxTokens int) []byte {
	t.Helper()
	body, err := m.Encode(llm.Request{Messages: []llm.Message{llm.Text("user", "hi")}, MaxTokens: maxTokens})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// sendFails makes a call that must fail with an *llm.Error.
func sendFails(t *testing.T, ctx context.Context, m llm.Model) *llm.Error {
	t.Helper()
	r, err := m.Send(ctx, encode(t, m, 10))
	failed, ok := errors.AsType[*llm.Error](err)
	if !ok {
		t.Fatalf("Send = %v, %v; want an *llm.Error", r, err)
	}
	return failed
}
