package llmsim

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// pieces is how many parts an answer is produced in, at most, and minPiece how
// many tokens a part has, at least: enough to look like a stream, few enough
// for ten thousand of them at once.
const (
	pieces   = 16
	minPiece = 4
)

// deliver produces the answer piece by piece and sends it, as far as its fate
// lets it.
func (x *exchange) deliver(a *answer, f fate) {
	x.d.requestID(x.w.Header(), fmt.Sprintf("req_%016x", x.rec.Seq))
	if !x.begin(a, f) {
		x.gone(a.output)
		return
	}
	if !wait(x.ctx, x.pace(int(a.reasoning), f)) {
		x.gone(a.output)
		return
	}
	x.account.produced(x.d.produced(a.reasoning))
	half := (a.output + 1) / 2
	made := a.reasoning
	for rest := a.text; rest != ""; {
		piece, n := cutTokens(rest, max(minPiece, int(a.output)/pieces))
		if piece == "" { // one run of more tokens than that
			size, tokens := run(rest)
			piece, n = rest[:size], tokens
		}
		rest = rest[len(piece):]
		if !wait(x.ctx, x.pace(n, f)) {
			x.gone(a.output - made)
			return
		}
		x.account.produced(x.d.produced(int64(n)))
		made += int64(n)
		if a.stream && !x.put(x.d.delta(a, piece), f) {
			x.gone(a.output - made)
			return
		}
		if a.stream && made >= half && x.broken(a, f, made) {
			return
		}
	}
	x.finish(a, f, made)
}

// begin waits for the first token, and opens the stream.
func (x *exchange) begin(a *answer, f fate) bool {
	first := time.Duration(float64(x.s.cfg.Latency.FirstToken) * f.pace)
	if f.fault == Slow {
		first += x.s.cfg.Latency.Slow
	}
	if !wait(x.ctx, x.s.scaled(first)) {
		return false
	}
	x.s.cache.keep(time.Now(), a.cached.keys)
	if !a.stream || f.fault == ResetAfter {
		return true
	}
	x.limits()
	x.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	x.w.Header().Set("Cache-Control", "no-cache")
	x.rec.Status = http.StatusOK
	x.w.WriteHeader(http.StatusOK)
	return x.put(x.d.opening(a), f)
}

// put sends a part of the stream, unless the answer never leaves.
func (x *exchange) put(b []byte, f fate) bool {
	return f.fault == ResetAfter || send(x.w, b) == nil
}

// broken ends a stream half-way, if that is its fate. What the provider failed
// to produce is not billed; what it produced for a line that broke is.
func (x *exchange) broken(a *answer, f fate, made int64) bool {
	switch f.fault {
	case CutStream:
		x.gone(a.output - made)
		return true
	case StreamError:
		x.rec.Usage.Output = made
		x.close()
		_ = send(x.w, x.d.failing(a)) // the record says undelivered either way
		return true
	}
	return false
}

// finish ends the answer: made of its tokens were produced piece by piece.
func (x *exchange) finish(a *answer, f fate, made int64) {
	x.account.produced(x.d.produced(a.output - made))
	switch {
	case f.fault == ResetAfter:
		x.reset()
	case a.stream && x.broken(a, f, a.output): // it had no pieces
	case a.stream:
		x.rec.Delivered = send(x.w, x.d.closing(a)) == nil
	default:
		x.sendWhole(a, f)
	}
}

func (x *exchange) sendWhole(a *answer, f fate) {
	x.limits()
	x.rec.Status = http.StatusOK
	body := x.d.whole(a)
	if f.fault != CutStream {
		x.rec.Delivered = write(x.w, http.StatusOK, "application/json", body) == nil
		return
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	x.w.WriteHeader(http.StatusOK)
	_ = send(x.w, body[:len(body)/2]) // the record says undelivered either way
	x.reset()
}

// gone gives up on a client that left, or that is made to believe so. The
// provider goes on without it: what was not produced yet is charged now.
func (x *exchange) gone(rest int64) {
	x.account.produced(x.d.produced(rest))
	x.reset()
}

// pace is how long it takes to produce n tokens.
func (x *exchange) pace(n int, f fate) time.Duration {
	speed := x.s.cfg.Latency.TokensPerSecond
	if speed == 0 {
		return 0
	}
	return x.s.scaled(time.Duration(float64(n) / speed * f.pace * float64(time.Second)))
}

// wait waits for d, and reports whether ctx is still alive.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
