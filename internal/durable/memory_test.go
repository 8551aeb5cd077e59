package durable_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/llm"
)

// memory is a Database in maps, so plain that one sees that it is right. Its
// transactions come one after the other. With conflicts, each is run a second
// time on what the first one did not change.
type memory struct {
	conflicts bool

	mu      sync.Mutex
	records map[pawl.ID]*durable.Record
	nodes   map[pawl.Hash]pawl.Node
	pages   map[string]durable.Page
	version int64
	ledger  []durable.LedgerPage
	inbox   []durable.Post
	events  []pawl.Event
	types   durable.Types
	seq     int64
}

func newMemory() *memory {
	return &memory{records: map[pawl.ID]*durable.Record{}, nodes: map[pawl.Hash]pawl.Node{}, pages: map[string]durable.Page{}}
}

// handle is the memory as one process has it.
type handle struct {
	*memory
	bells chan durable.Bell
	other *handle
}

// handles returns the memory as two processes have it.
func (m *memory) two() (a, b *handle) {
	a = &handle{memory: m, bells: make(chan durable.Bell, 1000)}
	b = &handle{memory: m, bells: make(chan durable.Bell, 1000), other: a}
	a.other = b
	return a, b
}

func (h *handle) Update(ctx context.Context, book bool, f func(durable.Tx) (*durable.Writes, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conflicts {
		if _, err := f(memoryTx{h.memory}); err != nil {
			return err
		}
	}
	w, err := f(memoryTx{h.memory})
	if err != nil || w == nil {
		return err
	}
	return h.apply(w)
}

func (h *handle) View(ctx context.Context, f func(durable.View) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return f(memoryTx{h.memory})
}

func (h *handle) Events(_ context.Context, after int64) ([]pawl.Event, int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := int64(len(h.events)) + 1
	if after == 0 {
		return nil, end, nil
	}
	return slices.Clone(h.events[after-1:]), end, nil
}

func (h *handle) Interest(_ context.Context, _ string, types durable.Types) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.types |= types
	return nil
}

func (h *handle) Ring(b durable.Bell) {
	select {
	case h.other.bells <- b:
	default: // a bell is a hint
	}
}

func (h *handle) Listen(ctx context.Context, heard func(durable.Bell)) error {
	for {
		select {
		case b := <-h.bells:
			heard(b)
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *handle) Close() error { return nil }

// memoryTx reads a memory that is locked.
type memoryTx struct{ *memory }

func (m memoryTx) Now() (time.Time, error)          { return time.Now().UTC().Truncate(time.Microsecond), nil }
func (m memoryTx) Interest() (durable.Types, error) { return m.types, nil }

// copyOf returns a copy of a record that shares only the bytes of its values.
func copyOf(r *durable.Record, payload, steps bool) *durable.Record {
	c := *r
	c.Attempts, c.Next, c.Data, c.Calls = slices.Clone(r.Attempts), slices.Clone(r.Next), maps.Clone(r.Data), slices.Clone(r.Calls)
	if c.Steps = nil; steps {
		c.Steps = slices.Clone(r.Steps)
	}
	if !payload {
		c.Input, c.Output, c.Data, c.Next, c.Conversation, c.Identity = nil, nil, nil, nil, pawl.Hash{}, pawl.Hash{}
	}
	return &c
}

func compareIDs(a, b pawl.ID) int { return bytes.Compare(a[:], b[:]) }

// all returns the ids of the records that are wanted, sorted.
func (m memoryTx) all(want func(*durable.Record) bool) []*durable.Record {
	var found []*durable.Record
	for _, r := range m.records {
		if want(r) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *durable.Record) int { return compareIDs(a.ID, b.ID) })
	return found
}

func copies(of []*durable.Record, payload, steps bool) []*durable.Record {
	for i, r := range of {
		of[i] = copyOf(r, payload, steps)
	}
	return of
}

func (m memoryTx) Find(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	found := m.all(func(r *durable.Record) bool { return matches(&r.TaskRow, &f, now) })
	if f.Max > 0 && len(found) > f.Max {
		found = found[:f.Max]
	}
	found = copies(found, true, f.Steps)
	if f.Bare {
		for _, r := range found {
			r.BeBare()
		}
	}
	return found, nil
}

func (m memoryTx) Pick(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	f.Steps = false
	return m.Find(f, now)
}

func matches(r *pawl.TaskRow, f *pawl.Filter, now time.Time) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Queue, r.Queue) && is(f.Operation, r.Operation) && is(f.User, r.User) && is(f.Limit, r.Limit) &&
		is(f.Fingerprint, r.Fingerprint) && is(string(f.Class), string(r.LastAttempt().Class)) &&
		(len(f.IDs) == 0 || slices.Contains(f.IDs, r.ID)) &&
		(f.Run.IsZero() || f.Run == r.Run) &&
		(len(f.States) == 0 || slices.Contains(f.States, r.State)) &&
		(f.After.IsZero() || compareIDs(f.After, r.ID) < 0) &&
		(f.EndedFor == 0 || r.State.Ended() && !r.Ended.After(now.Add(-f.EndedFor)))
}

func (m memoryTx) Groups(f pawl.Filter, now time.Time) ([]pawl.Group, error) {
	type cause struct {
		fingerprint string
		class       llm.Class
	}
	groups := map[cause]*pawl.Group{}
	for _, r := range m.all(func(r *durable.Record) bool { return matches(&r.TaskRow, &f, now) }) {
		last := r.LastAttempt()
		k := cause{r.Fingerprint, last.Class}
		g := groups[k]
		if g == nil {
			g = &pawl.Group{Fingerprint: k.fingerprint, Class: k.class, First: r.Ended}
			groups[k] = g
		}
		g.Count++
		if r.Ended.Before(g.First) {
			g.First = r.Ended
		}
		if !r.Ended.Before(g.Last) {
			g.Last, g.Sample, g.Message = r.Ended, r.ID, last.Message
		}
	}
	sorted := []pawl.Group{}
	for _, g := range groups {
		sorted = append(sorted, *g)
	}
	slices.SortFunc(sorted, func(a, b pawl.Group) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return compareIDs(a.Sample, b.Sample)
	})
	return sorted, nil
}

func (m memoryTx) Counts() (map[string]map[pawl.State]int, error) {
	counts := map[string]map[pawl.State]int{}
	for _, r := range m.records {
		if counts[r.Queue] == nil {
			counts[r.Queue] = map[pawl.State]int{}
		}
		counts[r.Queue][r.State]++
	}
	return counts, nil
}

func (m memoryTx) Pages(since int64) (durable.Pages, error) {
	read := durable.Pages{Version: m.version, Posts: slices.Clone(m.inbox)}
	for _, key := range slices.Sorted(maps.Keys(m.pages)) {
		if p := m.pages[key]; p.Version > since {
			read.Pages = append(read.Pages, p)
		}
	}
	return read, nil
}

func (m memoryTx) Ahead(bins []int64, seq int64) (int, error) {
	return len(m.all(func(r *durable.Record) bool {
		return r.State == pawl.Pending && r.Seq < seq && slices.Contains(bins, r.Bin)
	})), nil
}

func (m memoryTx) Conversation(head pawl.Hash) ([]pawl.Node, error) {
	nodes := []pawl.Node{}
	for hash := head; !hash.IsZero(); {
		n, ok := m.nodes[hash]
		if !ok {
			return nil, fmt.Errorf("conversation %s: %w", head, pawl.ErrNotFound)
		}
		nodes = append(nodes, n)
		hash = n.Parent
	}
	slices.Reverse(nodes)
	return nodes, nil
}

func (m memoryTx) Ledger(from, to ledger.Hour, kinds ...durable.LedgerKind) ([]durable.LedgerPage, ledger.Hour, error) {
	var found []durable.LedgerPage
	for _, p := range m.ledger {
		if p.Hour >= from && p.Hour <= to && slices.Contains(kinds, p.Kind) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b durable.LedgerPage) int {
		return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Number, b.Number))
	})
	for i := range found {
		if found[i].Hour != found[0].Hour { // one hour at a time
			return found[:i], found[i].Hour, nil
		}
	}
	return found, to + 1, nil
}

func (m memoryTx) Adding(a durable.Adding) (durable.Added, error) {
	known := durable.Added{Runs: map[pawl.ID]pawl.ID{}, Twins: map[pawl.Hash][]*durable.Twin{}, Heads: map[pawl.Hash]bool{}, Seq: m.seq + 1}
	m.seq += int64(len(a.IDs))
	for _, id := range a.IDs {
		if r := m.records[id]; r != nil {
			known.Runs[id] = r.Run
		}
	}
	for _, identity := range a.Identities {
		var result *durable.Twin
		for _, r := range m.all(func(r *durable.Record) bool { return r.Identity == identity }) {
			t := &durable.Twin{ID: r.ID, Run: r.Run, Seq: r.Seq, State: r.State, Cancelling: r.Cancelling, Ended: r.Ended}
			switch {
			case !r.State.Ended():
				known.Twins[identity] = append(known.Twins[identity], t)
			case r.State == pawl.Succeeded && (result == nil || t.Ended.After(result.Ended) || t.Ended.Equal(result.Ended) && t.Seq > result.Seq):
				result = t
			}
		}
		if result != nil {
			known.Twins[identity] = append(known.Twins[identity], result)
		}
	}
	for _, head := range a.Heads {
		_, known.Heads[head] = m.nodes[head]
	}
	return known, nil
}

func (m memoryTx) Held(ids []pawl.ID, steps []durable.StepKey) ([]*durable.Record, []bool, error) {
	records, stored := make([]*durable.Record, len(ids)), make([]bool, len(steps))
	seen := map[pawl.ID]*durable.Record{}
	for i, id := range ids {
		if r := m.records[id]; r != nil && seen[id] == nil {
			seen[id] = copyOf(r, false, false)
		}
		records[i] = seen[id]
	}
	for i, k := range steps {
		if r := m.records[k.Task]; r != nil {
			stored[i] = slices.ContainsFunc(r.Steps, func(s pawl.StepRow) bool { return s.Key == k.Key })
		}
	}
	return records, stored, nil
}

func (m memoryTx) Run(runs []pawl.ID) ([]*durable.Record, error) {
	found := m.all(func(r *durable.Record) bool { return slices.Contains(runs, r.Run) })
	slices.SortFunc(found, func(a, b *durable.Record) int { return int(a.Seq - b.Seq) })
	return copies(found, false, false), nil
}

func (m memoryTx) Woken(now time.Time, most int) ([]*durable.Record, time.Time, error) {
	woken := m.all(func(r *durable.Record) bool { return !r.Wake().IsZero() && !r.Wake().After(now) })
	slices.SortStableFunc(woken, func(a, b *durable.Record) int { return a.Wake().Compare(b.Wake()) })
	var next time.Time
	for _, r := range m.records {
		if at := r.Wake(); at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return copies(woken[:min(most, len(woken))], false, true), next, nil
}

func (m memoryTx) Heads(asks []durable.HeadAsk) ([][]durable.Candidate, error) {
	heads := make([][]durable.Candidate, len(asks))
	for i, ask := range asks {
		found := m.all(func(r *durable.Record) bool {
			return r.State == pawl.Pending && r.Bin == ask.Bin && r.Seq >= ask.From
		})
		slices.SortFunc(found, func(a, b *durable.Record) int { return int(a.Seq - b.Seq) })
		for _, r := range found[:min(ask.Most, len(found))] {
			heads[i] = append(heads[i], durable.Candidate{ID: r.ID, Run: r.Run, Seq: r.Seq, Attempt: r.Attempt, Size: r.Size})
		}
	}
	return heads, nil
}

func (m memoryTx) Running(worker string) ([]*durable.Record, error) {
	return copies(m.all(func(r *durable.Record) bool { return r.State == pawl.Running && r.Worker == worker }), true, true), nil
}

// apply makes true what a transaction has decided.
func (m *memory) apply(w *durable.Writes) error {
	for _, r := range w.Add {
		if m.records[r.ID] != nil {
			return fmt.Errorf("%s is added twice", r.ID)
		}
		m.records[r.ID] = copyOf(r, true, false)
	}
	for _, c := range w.Claim {
		r := m.records[c.ID]
		if r.State != pawl.Pending {
			return fmt.Errorf("%s is claimed and %s", r.ID, r.State)
		}
		r.BeClaimed(w.Now, c.Worker, c.Lease.Sub(w.Now))
		r.Calls, r.Cost, r.Share = c.Calls, c.Cost, c.Share
		c.Row = &copyOf(r, true, true).TaskRow
	}
	for _, r := range slices.Concat(w.Change, w.End, w.Revive) {
		m.change(r, w)
	}
	for _, r := range w.Beats {
		m.records[r.ID].LeaseUntil = r.LeaseUntil
	}
	for _, r := range w.Calls {
		old := m.records[r.ID]
		old.Calls, old.Size, old.Head = slices.Clone(r.Calls), r.Size, r.Head
	}
	for _, n := range w.Nodes {
		m.nodes[n.Hash] = n
	}
	for _, s := range w.Steps {
		r := m.records[s.Task]
		r.Steps = append(r.Steps[:len(r.Steps):len(r.Steps)], s.StepRow)
	}
	for _, r := range w.Delete {
		delete(m.records, r.ID)
	}
	if len(w.Delete) > 0 {
		m.sweep()
	}
	if w.Opened {
		m.inbox = nil
	}
	m.inbox = append(m.inbox, w.Posts...)
	m.ledger = slices.DeleteFunc(m.ledger, func(p durable.LedgerPage) bool {
		return slices.ContainsFunc(w.Drops, func(r durable.LedgerRange) bool { return r.Kind == p.Kind && r.From <= p.Hour && p.Hour <= r.To })
	})
	for _, p := range w.Ledger { // the last word on a page counts
		m.ledger = slices.DeleteFunc(m.ledger, func(o durable.LedgerPage) bool { return o.Kind == p.Kind && o.Hour == p.Hour && o.Number == p.Number })
		if p.Value != nil {
			m.ledger = append(m.ledger, p)
		}
	}
	m.turn(w)
	m.events = append(m.events, w.Events...)
	return nil
}

// change replaces what of a record may change.
func (m *memory) change(r *durable.Record, w *durable.Writes) {
	old := m.records[r.ID]
	now := copyOf(r, true, false)
	now.Input, now.Data, now.Next, now.Conversation, now.Identity, now.Steps = old.Input, old.Data, old.Next, old.Conversation, old.Identity, old.Steps
	if !slices.Contains(w.End, r) {
		now.Output = old.Output
	}
	if w.Input && slices.Contains(w.Revive, r) {
		now.Input, now.Identity, now.Steps = r.Input, r.Identity, nil
	}
	m.records[r.ID] = now
}

func (m *memory) turn(w *durable.Writes) {
	for _, p := range w.Pages {
		stored := int64(0)
		if old := m.pages[p.Key]; old.Value != nil {
			stored = old.Version
		}
		if stored != p.Version {
			panic(fmt.Sprintf("page %s is stored under %d, not %d", p.Key, stored, p.Version))
		}
		p.Version, m.version = w.Version, w.Version
		m.pages[p.Key] = p // a deleted one too, so that others learn of it
	}
}

// sweep removes the nodes that nothing refers to any more.
func (m *memory) sweep() {
	kept := map[pawl.Hash]pawl.Node{}
	keep := func(head pawl.Hash) {
		for n, ok := m.nodes[head]; ok && kept[n.Hash].Hash.IsZero(); n, ok = m.nodes[n.Parent] {
			kept[n.Hash] = n
		}
	}
	for _, r := range m.records {
		keep(r.Conversation)
		keep(r.Head)
		for _, s := range r.Steps {
			keep(s.Head)
		}
	}
	m.nodes = kept
}
