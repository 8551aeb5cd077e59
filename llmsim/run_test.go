package llmsim_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

func TestRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := llmsim.New(llmsim.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	base := "http://" + l.Addr().String()
	do(http.DefaultClient, anthropic.request(ctx, base, anthropic.body(ask{}), llmsim.None)).must(t, 200)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v; want nil once its context has ended", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Run = %v; want the listener closed", err)
	}
}

func TestRunBreaksOffOpenCalls(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	composed := make(chan struct{})
	s := llmsim.New(llmsim.Config{
		Latency: llmsim.Latency{FirstToken: time.Hour},
		Reply:   func(*llmsim.Call) string { close(composed); return "late" },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	call := make(chan error, 1)
	go func() {
		r := anthropic.request(context.Background(), "http://"+l.Addr().String(), anthropic.body(ask{}), llmsim.None)
		call <- do(http.DefaultClient, r).err
	}()
	<-composed
	cancel()
	if err := <-call; !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("the open call failed with %v; want the connection broken", err)
	}
	if err := <-done; err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
	if st := s.Stats(); st.Open != 0 || st.Undelivered != 1 {
		t.Errorf("Stats = %+v; want nothing open and one answer lost", st)
	}
}

// A sender that is killed while it sends a call leaves a part of it. Nobody knows what
// that asks, and nothing is billed.
func TestACallThatIsCutOff(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := llmsim.New(llmsim.Config{Log: 1})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, "POST /v1/messages HTTP/1.1\r\nHost: sim\r\nAnthropic-Version: 2023-06-01\r\nContent-Length: 10000\r\n\r\n{\"model\"")
	if err != nil {
		t.Fatal(err)
	}
	for s.Stats().Open == 0 {
		runtime.Gosched()
	}
	conn.Close()
	for s.Stats().Open > 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
	calls := slices.Collect(s.Calls())
	if len(calls) != 1 || calls[0].Hash != 0 || calls[0].Billed || calls[0].Delivered {
		t.Errorf("calls %+v; want one without a hash, that is not billed", calls)
	}
}

func TestRunReportsTheListenersError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := llmsim.New(llmsim.Config{}).Run(context.Background(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run = %v; want the listener's error", err)
	}
}

// Ten thousand calls are open at once, each for a minute.
func TestTenThousandOpenCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: time.Minute}})
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() { openai.post(s, ask{stream: true}) })
		}
		synctest.Wait()
		if open := s.Stats().Open; open != 10_000 {
			t.Errorf("Open = %d; want 10,000", open)
		}
		wg.Wait()
		if st := s.Stats(); st.Answered != 10_000 || st.Open != 0 {
			t.Errorf("Stats = %+v; want 10,000 answered", st)
		}
	})
}

// The transport must pass on what the client's own context says.
func TestTransportHonoursContexts(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	r := do(s.Client(), anthropic.request(ctx, "http://sim", anthropic.body(ask{}), llmsim.None))
	if !errors.Is(r.err, cause) {
		t.Errorf("error is %v; want the context's cause", r.err)
	}
	if st := s.Stats(); st.Requests != 0 {
		t.Errorf("Requests = %d; want 0: the context had ended before", st.Requests)
	}
}

func TestTransportEndsAStreamWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Latency: llmsim.Latency{TokensPerSecond: 10}})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		q := ask{text: "List the key points.\n\n" + prose, max: 500, stream: true}
		r := do(s.Client(), anthropic.request(ctx, "http://sim", anthropic.body(q), llmsim.None))
		if !errors.Is(r.err, context.DeadlineExceeded) || len(r.body) == 0 {
			t.Errorf("read %d bytes, then %v; want some, then the deadline", len(r.body), r.err)
		}
		if st := s.Stats(); st.Undelivered != 1 || st.Open != 0 {
			t.Errorf("Stats = %+v; want the answer billed, not delivered", st)
		}
	})
}

func TestTransportSendsBodiesOfUnknownLength(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	r := openai.request(context.Background(), "http://sim", "", llmsim.None)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(openai.body(ask{}))), 0
	do(s.Client(), r).must(t, 200)
}
