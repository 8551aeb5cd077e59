package redis

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// commit makes true what a transaction writes, in one script, or returns
// ErrConflict.
func (t *tx) commit(w *durable.Writes) error {
	wr, err := t.write(w)
	if err != nil {
		return fmt.Errorf("prepare a transaction: %w", err)
	}
	defer wr.free()
	p, err := wr.program()
	if err != nil {
		return fmt.Errorf("prepare a transaction: %w", err)
	}
	wr.memory.program, wr.payloads = p.pack, wr.fresh.memory
	answer, payloads, err := t.runWith(t.ctx, scriptCommit, p, wr)
	if err == nil {
		err = wr.finish(answer, payloads)
	}
	if err != nil {
		t.orphans = append(t.orphans, w.Add...)
		return fmt.Errorf("commit: %w", err)
	}
	if len(w.Delete) > 0 || w.Input {
		t.sweep()
	}
	return nil
}

// finish reads the answer of commit.lua.
func (w *writer) finish(answer any, payloads []any) error {
	t := w.t
	answers, err := answersOf(answer, 4)
	if err != nil {
		return err
	}
	if _, err := t.serverTime(answers, 1); err != nil {
		return err
	}
	if took, err := number(answers[0]); err != nil || took == 0 {
		if err != nil {
			return err
		}
		return w.conflict(answers[3:])
	}
	t.known.forget(w.ended...)
	for _, k := range w.known {
		t.known.set(k.id, k.row)
	}
	if len(w.w.Add) > 0 {
		t.guess.known(w.nextSeq())
	}
	if len(w.w.Pages) > 0 {
		t.book.Store(w.w.Version)
	}
	if answers, err = answersOf(answers, 5); err != nil {
		return err
	}
	return w.claimed(answers[3], answers[4], payloads)
}

// conflict says what was no longer as it was read. Where it is rows alone, these are all
// that the next try has to read again.
func (w *writer) conflict(what []any) error {
	t := w.t
	switch what[0] {
	case "rows":
		ids, err := texts(what[1])
		if err != nil {
			return err
		}
		for _, id := range idsOf(ids) {
			t.known.forget(id)
			if was := t.was[id]; was != nil && was.state != pawl.Running {
				t.crowds.met(id)
			}
		}
		t.changed = true
	case "now":
		t.clock.doubt()
	default:
		if t.guessed {
			t.guess.wrong()
		}
	}
	return fmt.Errorf("%w: %q", durable.ErrConflict, what)
}

// nextSeq returns the number after those of the tasks that were added.
func (w *writer) nextSeq() int64 {
	next := int64(0)
	for _, r := range w.w.Add {
		next = max(next, r.Seq+1)
	}
	return next
}

// program puts everything together; see commit.lua for the parts.
func (w *writer) program() (*program, error) {
	t, k := w.t, &w.t.keys
	p := &program{pack: w.memory.program[:0]}
	w.main()
	p.array(14)
	if t.assumed {
		p.text(strconv.FormatInt(micros(t.at.Add(time.Since(t.begun))), 10))
	} else {
		p.no()
	}
	p.rows(t)
	p.expectations(t.expected)
	p.heads(t)
	p.claims(k, &w.claims)
	p.twins(&w.twins)
	p.nodes(k, w.nodes)
	p.refs(w)
	p.commands(&w.do)
	p.list(&w.events)
	p.array(4)
	p.text(k.main)
	p.text(k.events)
	p.text(strconv.Itoa(eventsKept))
	p.text(strconv.FormatInt(eventsTime.Milliseconds(), 10))
	if w.events.n > 0 {
		p.key(k.main)
		p.key(k.events)
	}
	p.unrefs(w)
	if len(w.nodes) > 0 {
		p.keys = append(p.keys, t.families...)
	}
	if len(p.keys) == 0 {
		p.key(k.main)
	}
	return p, nil
}

// main is what the transaction has to do with the hash of what there is once: it
// must be as it was read, and the transaction changes it.
func (w *writer) main() {
	t, key := w.t, w.t.keys.main
	if t.hasTypes {
		t.expect(key, "interest", t.watched.types)
	}
	if t.turn != "" {
		w.set(key, "turn", nil)
	}
	if t.guessed && len(w.w.Add) > 0 {
		w.set(key, "seq", strconv.AppendInt(nil, w.nextSeq()-1, 10))
	}
	if !t.withBook {
		return
	}
	t.expect(key, "lock", t.token)
	w.set(key, "lock", nil)
	if t.hasRead {
		t.expect(key, "version", t.opened.version)
		t.expect(key, "opened", t.opened.times)
	}
	if len(w.w.Pages) > 0 {
		w.set(key, "version", strconv.AppendInt(nil, w.w.Version, 10))
	}
	if w.w.Opened {
		times, _ := strconv.ParseInt(t.opened.times, 10, 64) // "" for 0
		w.set(key, "opened", strconv.AppendInt(nil, times+1, 10))
	}
}

func (p *program) rows(t *tx) {
	type part struct{ ids, versions list }
	var parts []*part
	var of []bucket
	open := map[bucket]*part{}
	for _, w := range t.order {
		b := bucketOf(w.ID)
		o := open[b]
		if o == nil || o.ids.n >= mostArguments {
			o = &part{}
			open[b] = o
			parts, of = append(parts, o), append(of, b)
		}
		o.ids.bytes(w.ID[:])
		o.versions.bytes(versionOf(w.version))
	}
	p.array(len(parts))
	for i, o := range parts {
		p.array(3)
		p.text(p.key(t.keys.row(of[i])))
		p.list(&o.ids)
		p.list(&o.versions)
	}
}

func versionOf(v uint64) []byte {
	var b [versionLen]byte
	for i := range b {
		b[i] = byte(v >> (56 - 8*i))
	}
	return b[:]
}

func (p *program) expectations(all []expectation) {
	type part struct {
		key            string
		fields, values list
	}
	var parts []*part
	open := map[string]*part{}
	for _, e := range all {
		o := open[e.key]
		if o == nil || o.fields.n >= mostArguments {
			o = &part{key: e.key}
			open[e.key] = o
			parts = append(parts, o)
		}
		o.fields.text(e.field)
		if e.value == "" {
			o.values.no()
		} else {
			o.values.text(e.value)
		}
	}
	p.array(len(parts))
	for _, o := range parts {
		p.array(3)
		p.text(p.key(o.key))
		p.list(&o.fields)
		p.list(&o.values)
	}
}

func (p *program) heads(t *tx) {
	p.array(len(t.stored))
	for _, h := range t.stored {
		p.array(2)
		p.text(p.key(t.keys.nodes[h[0]%parts]))
		p.bytes(h[:])
	}
}

func (p *program) nodes(k *keys, nodes []pawl.Node) {
	p.array(len(nodes))
	for i := range nodes {
		n := &nodes[i]
		p.array(5)
		p.text(k.nodes[n.Hash[0]%parts])
		p.bytes(n.Hash[:])
		p.bytes(append(n.Parent[:len(n.Parent):len(n.Parent)], n.Content[:]...))
		p.text(k.texts[n.Content[0]%parts])
		p.bytes(durable.PackText(n.Message.JSON()))
	}
}

func (p *program) refs(w *writer) {
	p.list(&w.refs)
	if w.refs.n > 0 && len(w.nodes) == 0 {
		for _, s := range w.w.Add {
			if !s.Conversation.IsZero() {
				p.key(w.t.keys.nodes[s.Conversation[0]%parts])
			}
		}
		for i := range w.w.Steps {
			if head := w.w.Steps[i].Head; !head.IsZero() {
				p.key(w.t.keys.nodes[head[0]%parts])
			}
		}
	}
}

func (p *program) unrefs(w *writer) {
	all := list{}
	all.text(w.t.keys.trash)
	all.n += w.unrefs.n
	all.pack = append(all.pack, w.unrefs.pack...)
	p.list(&all)
	if w.unrefs.n > 0 {
		p.key(w.t.keys.trash)
	}
}

// post leaves posts in the inbox, as one letter.
func (w *writer) post() error {
	if len(w.w.Posts) == 0 {
		return nil
	}
	letter, err := json.Marshal(w.w.Posts)
	if err != nil {
		return fmt.Errorf("posts: %w", err)
	}
	w.do.to("RPUSH", w.t.keys.posts).bytes(letter)
	return nil
}

// deletedKept is for how many versions a deleted page is known to have been there:
// some minutes, where much happens. A process that has slept for longer reads the
// whole book.
const deletedKept = 10_000

// pages writes the book.
func (w *writer) pages() error {
	k := &w.t.keys
	version := strconv.FormatInt(w.w.Version, 10)
	forget := false
	for _, page := range w.w.Pages {
		if page.Value == nil {
			w.do.to("HDEL", k.pages).text(page.Key)
			w.do.to("ZREM", k.written).text(page.Key)
			add(w.do.to("ZADD", k.gone), version, []byte(page.Key))
			forget = true
			continue
		}
		w.set(k.pages, page.Key, append(versionOf(uint64(w.w.Version)), page.Value...))
		add(w.do.to("ZADD", k.written), version, []byte(page.Key))
		if page.Version == 0 {
			w.do.to("ZREM", k.gone).text(page.Key)
		}
	}
	if until := w.w.Version - deletedKept; forget && until > 0 {
		w.do.once("ZREMRANGEBYSCORE", k.gone, "-inf", strconv.FormatInt(until, 10))
		w.set(k.main, "forgotten", strconv.AppendInt(nil, until, 10))
	}
	if w.w.Opened {
		w.do.once("LTRIM", k.posts, strconv.Itoa(w.t.opened.letters), "-1")
	}
	return nil
}

// Events are kept in a stream, some of one transaction in one entry: so many
// entries, and for so long after the last one.
const (
	eventsKept    = 4096
	eventsAtOnce  = 64
	eventsTime    = 2 * durable.InterestTime
	sweepAtOnce   = 1000
	sweepPatience = 10 * time.Second
)

func (w *writer) happen() error {
	for from := 0; from < len(w.w.Events); from += eventsAtOnce {
		part := w.w.Events[from:min(from+eventsAtOnce, len(w.w.Events))]
		encoded, err := json.Marshal(part)
		if err != nil {
			return fmt.Errorf("events: %w", err)
		}
		w.events.bytes(encoded)
	}
	return nil
}

// sweep removes the messages that nothing refers to any more. If it fails, the
// next one removes them.
func (t *tx) sweep() {
	ctx, cancel := context.WithTimeout(t.ctx, sweepPatience)
	defer cancel()
	keys := append(append([]string{}, t.families...), t.keys.trash)
	for {
		answer, err := t.run(ctx, scriptSweep, keys, sweepAtOnce)
		if left, failed := number(answer); err != nil || failed != nil || left == 0 {
			return
		}
	}
}
