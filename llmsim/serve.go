package llmsim

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// maxBody is the largest request body that is read.
const maxBody = 32 << 20

// exchange is one call on its way through the server.
type exchange struct {
	s       *Server
	d       dialect
	w       http.ResponseWriter
	ctx     context.Context // ends when the client is gone
	account *account
	rec     *Record
	closed  bool // whether rec is in the ledger
}

// answer serves one call of d.
//
// A call goes through these steps, and what it costs depends on where it ends:
//
//  1. Its key and its request are checked. A problem costs nothing.
//  2. The limits let it in and charge it, or refuse it. Only what they let in
//     has a fate: a refused call uses up no fault.
//  3. It is turned away at the door, if that is its fate.
//  4. The answer is made, and billed: whatever happens now, it is paid for.
//  5. The answer is delivered, unless the connection is reset or the client
//     leaves. Output is charged as it is produced.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, d dialect) {
	x := &exchange{s: s, d: d, w: w, ctx: r.Context(), account: s.accounts[d.name()], rec: s.ledger.open(d.name())}
	defer x.close()
	c, p := x.read(r)
	if p != nil {
		x.fail(p)
		return
	}
	fate, refusal := x.admit(c, Fault(r.Header.Get(FaultHeader)))
	if refusal != nil {
		x.rec.Limited = true
		x.fail(x.refused(c, refusal))
		return
	}
	x.rec.Fault = fate.fault
	switch f := fate.fault; {
	case f == ResetBefore:
		x.reset()
	case f.atDoor(), f == ServerError, f == StreamError && !c.Stream:
		x.fail(x.faulty(c, f))
	default:
		x.deliver(x.make(c, fate), fate)
	}
}

// read checks the request and reads it.
func (x *exchange) read(r *http.Request) (*Call, *problem) {
	body, p := x.s.receive(r, x.d)
	if p != nil {
		return nil, p
	}
	if f := Fault(r.Header.Get(FaultHeader)); f != spared && f != None && !f.known() {
		return nil, x.d.invalid("%s: %q is no kind of fault; want one of %v", FaultHeader, f, kinds)
	}
	c, p := x.d.parse(body)
	if p != nil {
		return nil, p
	}
	x.rec.Model, x.rec.Hash, x.rec.Stream = c.Model, c.Hash, c.Stream
	if c.Embeds {
		x.rec.Texts = len(c.Messages)
	}
	c.cached = x.s.cache.look(time.Now(), c.prefixes)
	return c, nil
}

// receive checks all of the request but what its body says.
func (s *Server) receive(r *http.Request, d dialect) ([]byte, *problem) {
	if r.Method != http.MethodPost {
		return nil, d.notAllowed(r)
	}
	if s.cfg.APIKey != "" && d.key(r.Header) != s.cfg.APIKey {
		return nil, d.badKey()
	}
	if _, ok := d.(anthropic); ok && r.Header.Get("Anthropic-Version") == "" {
		return nil, d.invalid("anthropic-version: header is required")
	}
	if r.ContentLength > maxBody {
		return nil, d.tooLarge()
	}
	body, err := readBody(r)
	switch {
	case err != nil:
		return nil, d.invalid("The request body could not be read: %v", err)
	case len(body) > maxBody:
		return nil, d.tooLarge()
	}
	return body, nil
}

// readBody reads the body into one piece, of the right size if it is known.
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 {
		return io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

// admit asks the limits and decides the call's fate, as one step.
func (x *exchange) admit(c *Call, asked Fault) (fate, *refusal) {
	decided := None
	if x.s.cfg.Decide != nil {
		decided = x.s.cfg.Decide(c)
	}
	if c.atOnce() > x.s.cfg.Context {
		decided = TooLong
	}
	var f fate
	t := x.d.terms(c)
	t.charge = func() cost {
		f = x.s.fate(c, asked, decided)
		return x.d.afterFault(c, f.fault)
	}
	refusal := x.account.admit(t)
	return f, refusal
}

// refused is the problem that a refusal by the limits shows itself as.
func (x *exchange) refused(c *Call, r *refusal) *problem {
	if r.fast {
		return x.d.faulty(c, RateLimitedBlind, x.s.cfg.Context)
	}
	return x.d.limited(c, r)
}

// faulty is the problem that a fault shows itself as.
func (x *exchange) faulty(c *Call, f Fault) *problem {
	p := x.d.faulty(c, f, x.s.cfg.Context)
	if f == RateLimited {
		p.wait = x.s.scaled(x.s.cfg.RetryAfter)
	}
	return p
}

// fail sends a problem.
func (x *exchange) fail(p *problem) {
	if !p.bare {
		x.limits()
	}
	x.rec.Status = p.status
	received(x.w)
	x.close()
	if x.s.cfg.Headers == NoHeaders {
		p.wait = 0
	}
	p.second = x.s.second()
	writeProblem(x.w, x.d, p, fmt.Sprintf("req_%016x", x.rec.Seq))
}

// close enters the record, once. Unless it must yet be seen whether an answer
// arrives, that is before the client can see anything.
func (x *exchange) close() {
	if !x.closed {
		x.closed = true
		x.s.ledger.close(x.rec)
	}
}

// reset ends the call by a reset.
func (x *exchange) reset() {
	x.close()
	reset(x.w)
}

// limits writes the headers of the limits, in the configured style.
func (x *exchange) limits() {
	now := time.Now()
	l, h := x.account.levels(now), x.w.Header()
	switch x.s.cfg.Headers {
	case NoHeaders:
		return
	case CoarseHeaders:
		l = l.coarse()
	}
	x.d.limits(h, l, now, x.s.second())
	if x.s.cfg.Headers == NoResets {
		maps.DeleteFunc(h, func(name string, _ []string) bool {
			return strings.Contains(name, "Ratelimit") && strings.Contains(name, "-Reset")
		})
	}
}

func writeProblem(w http.ResponseWriter, d dialect, p *problem, requestID string) {
	if requestID != "" {
		d.requestID(w.Header(), requestID)
	}
	if p.wait > 0 {
		d.wait(w.Header(), p.wait, p.second)
	}
	write(w, p.status, "application/json", d.problem(p, requestID))
}

// write sends a whole response. It returns an error if the client is known
// not to have it.
func write(w http.ResponseWriter, status int, contentType string, body []byte) error {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	return send(w, body)
}

func send(w http.ResponseWriter, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// make makes the answer, and bills it.
func (x *exchange) make(c *Call, f fate) *answer {
	a := &answer{
		id: fmt.Sprintf("%016x%04x", c.Hash, f.nth), model: strings.Clone(c.Model),
		input: int64(c.InputTokens), cached: c.cached, stream: c.Stream, usage: c.usage, created: time.Now(),
	}
	if f.fault == Refused && !c.Embeds {
		a.refuse(c.API)
	} else {
		x.s.work <- struct{}{}
		x.s.write(c, a)
		<-x.s.work
	}
	x.rec.Billed = true
	x.rec.Usage = llm.Usage{
		Input: a.input - int64(a.cached.read+a.cached.write), Output: a.output,
		CacheRead: int64(a.cached.read), CacheWrite: int64(a.cached.write), Reasoning: a.reasoning,
	}
	received(x.w)
	return a
}

// refuse makes it an answer that the model declines to give.
func (a *answer) refuse(api string) {
	a.refused, a.output = true, 1
	if api == "openai" {
		a.text = "I'm sorry, but I can't help with that."
		a.output = int64(CountTokens(a.text))
	}
}

// write fills in what the model says, or the vectors.
func (s *Server) write(c *Call, a *answer) {
	if !c.Embeds {
		s.compose(c, a)
		return
	}
	a.packed = c.vectors.packed
	for _, m := range c.Messages {
		a.vectors = append(a.vectors, vectorOf(m.Text, c.vectors.dimensions))
	}
}

// compose thinks, writes the answer's text and counts both.
func (s *Server) compose(c *Call, a *answer) {
	write := Reply
	if s.cfg.Reply != nil {
		write = s.cfg.Reply
	}
	text := write(c)
	thoughts, most := 0, c.MaxTokens
	if c.API == "openai" {
		thoughts = s.cfg.Reasoning
	}
	if most == 0 {
		most = thoughts + len(text) + 1
	}
	thoughts = min(thoughts, most)
	cut, n := cutTokens(text, most-thoughts)
	a.text, a.truncated = strings.Clone(cut), len(cut) < len(text)
	a.reasoning, a.output = int64(thoughts), int64(thoughts+n)
}

// count serves Anthropic's counting of tokens, which is free of limits.
func (s *Server) count(w http.ResponseWriter, r *http.Request) {
	s.ledger.counted()
	d := anthropic{}
	body, p := s.receive(r, d)
	if p == nil {
		var c *Call
		if c, _, p = d.read(body); p == nil {
			write(w, http.StatusOK, "application/json", encode(object{"input_tokens": c.InputTokens}))
			return
		}
	}
	writeProblem(w, d, p, "")
}

// line is what the in-process transport's writer can do beyond a socket's.
type line interface {
	received() // the request was read
	reset()    // the connection breaks here
}

// received tells the line that the request was read.
func received(w http.ResponseWriter) {
	if l, ok := w.(line); ok {
		l.received()
	}
}

// reset breaks the connection: the client sees a TCP reset, not an end.
func reset(w http.ResponseWriter) {
	if l, ok := w.(line); ok {
		l.reset()
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: the server resets the stream
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // else it is closed in good order, which is the best there is
	}
	_ = conn.Close()
}
