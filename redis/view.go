package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/llm"
)

// view implements [durable.View]. Each of its reads is of one moment; two of them
// may be of different ones.
type view struct {
	*database
	ctx context.Context
	at  time.Time // the transaction's time, once it is known
}

// Now implements [durable.View].
func (v *view) Now() (time.Time, error) {
	if v.at.IsZero() {
		at, _, err := v.read(v.ctx, &commands{})
		if err != nil {
			return time.Time{}, fmt.Errorf("read the server's clock: %w", err)
		}
		v.at = at
	}
	return v.at, nil
}

// Counts implements [durable.View].
func (v *view) Counts() (map[string]map[pawl.State]int, error) {
	c := &commands{}
	c.once("HGETALL", v.keys.counts)
	_, answers, err := v.read(v.ctx, c)
	if err != nil {
		return nil, fmt.Errorf("count tasks: %w", err)
	}
	fields, err := texts(answers[0])
	if err != nil {
		return nil, fmt.Errorf("count tasks: %w", err)
	}
	counts := map[string]map[pawl.State]int{}
	for i := 0; i+1 < len(fields); i += 2 {
		state, queue, _ := strings.Cut(fields[i], ":")
		n, err := number(fields[i+1])
		if err != nil {
			return nil, fmt.Errorf("count tasks: %w", err)
		}
		if counts[queue] == nil {
			counts[queue] = map[pawl.State]int{}
		}
		counts[queue][pawl.State(state)] = int(n)
	}
	return counts, nil
}

// Ahead implements [durable.View].
func (v *view) Ahead(bins []int64, seq int64) (int, error) {
	counts := make([]*redis.IntCmd, len(bins))
	err := v.many(len(bins), func(p redis.Pipeliner, i int) {
		counts[i] = p.ZLexCount(v.ctx, v.keys.bin(bins[i]), "-", "("+firstMember(seq))
	})
	if err != nil {
		return 0, fmt.Errorf("count the tasks in front: %w", err)
	}
	ahead := 0
	for _, n := range counts {
		ahead += int(n.Val())
	}
	return ahead, nil
}

// conversationPart is how many nodes one script reads.
const conversationPart = 500

// Conversation implements [durable.View].
func (v *view) Conversation(head pawl.Hash) ([]pawl.Node, error) {
	var nodes []pawl.Node
	for hash := head; !hash.IsZero(); {
		answer, err := v.run(v.ctx, scriptConversation, v.families, hash[:], conversationPart)
		if err != nil {
			return nil, fmt.Errorf("read conversation %s: %w", head, err)
		}
		found, err := texts(answer)
		if err != nil {
			return nil, fmt.Errorf("read conversation %s: %w", head, err)
		}
		for i := 0; i+2 < len(found); i += 3 {
			n, err := readNode(found[i], found[i+1], found[i+2])
			if err != nil {
				return nil, fmt.Errorf("read conversation %s: %w", head, err)
			}
			nodes = append(nodes, n)
			hash = n.Parent
		}
		if len(found) < 3*conversationPart && !hash.IsZero() {
			return nil, fmt.Errorf("conversation %s: %w", head, pawl.ErrNotFound)
		}
	}
	for i, j := 0, len(nodes)-1; i < j; i, j = i+1, j-1 {
		nodes[i], nodes[j] = nodes[j], nodes[i]
	}
	return nodes, nil
}

func readNode(hash, links, message string) (n pawl.Node, err error) {
	r := reader{rest: links}
	copy(n.Hash[:], hash)
	copy(n.Parent[:], r.take(len(n.Parent)))
	copy(n.Content[:], r.take(len(n.Content)))
	text, err := durable.Unpack([]byte(message))
	if err == nil {
		n.Message, err = llm.ParseMessage(text)
	}
	if err == nil {
		err = r.err
	}
	if err != nil {
		return n, fmt.Errorf("node %s: %w", n.Hash, err)
	}
	return n, nil
}

// Pages implements [durable.View].
func (v *view) Pages(since int64) (durable.Pages, error) {
	o, err := v.openAt("", since)
	if err != nil {
		return durable.Pages{}, fmt.Errorf("read the book: %w", err)
	}
	return o.read, nil
}

// opened is what the script open.lua tells.
type opened struct {
	now      time.Time
	interest watched
	version  string // of the book, as it is stored
	times    string // how often posts were entered
	since    int64
	read     durable.Pages
	letters  int
	wake     time.Time // the first of all; zero for none
	lease    time.Time
	heads    map[int64]heads
	busy     time.Duration // for how long at most another transaction has the book; else all of the above
}

// postsAtOnce is how many letters are read by one script.
const postsAtOnce = 2000

// openAt reads the book, and opens it for a transaction if there is a token.
func (v *view) openAt(token string, since int64) (o opened, err error) {
	k := &v.keys
	keys := []string{k.main, k.pages, k.written, k.gone, k.posts, k.wakes, k.leases}
	args := []any{token, bookMost.Milliseconds(), since, postsAtOnce}
	var asks []durable.HeadAsk
	if token != "" {
		asks = v.hints.get()
	}
	for _, ask := range asks {
		keys, args = append(keys, k.bin(ask.Bin)), append(args, ask.Most-1)
	}
	answer, err := v.run(v.ctx, scriptOpen, keys, args...)
	if err != nil {
		return o, err
	}
	answers, err := answersOf(answer, 2)
	if err != nil {
		return o, err
	}
	if open, err := number(answers[0]); err != nil || open == 0 {
		left, failed := number(answers[1])
		o.busy = max(time.Duration(left)*time.Millisecond, time.Millisecond)
		return o, errors.Join(err, failed)
	}
	if answers, err = answersOf(answers, 12+len(asks)); err != nil {
		return o, err
	}
	if o.now, err = v.serverTime(answers, 1); err != nil {
		return o, err
	}
	if o.heads, err = headsOf(asks, answers[12:]); err != nil {
		return o, err
	}
	return o, o.fill(v, answers[3:], since)
}

func (o *opened) fill(v *view, answers []any, since int64) error {
	var err error
	if o.interest, err = watchedOf(answers[0], answers[1]); err != nil {
		return err
	}
	o.since = since
	o.version, _ = answers[2].(string)
	o.times, _ = answers[3].(string)
	if o.read.Version, err = number(answers[2]); err != nil {
		return err
	}
	whole, err := number(answers[4])
	if err != nil {
		return err
	}
	o.read.Whole = whole != 0
	if o.read.Pages, err = readPages(answers[5]); err != nil {
		return err
	}
	letters, err := texts(answers[6])
	if err != nil {
		return err
	}
	if err := o.letter(letters); err != nil {
		return err
	}
	for len(letters) == postsAtOnce { // the rest; only who has the book open takes any away
		letters, err = v.client.LRange(v.ctx, v.keys.posts, int64(o.letters), int64(o.letters)+postsAtOnce-1).Result()
		if err == nil {
			err = o.letter(letters)
		}
		if err != nil {
			return err
		}
	}
	for i, t := range []*time.Time{&o.wake, &o.lease} {
		s, ok, err := score(answers[7+i])
		if err != nil {
			return err
		}
		if ok {
			*t = at(s)
		}
	}
	return nil
}

// readPages returns pages, of which the value begins with the version.
func readPages(answer any) ([]durable.Page, error) {
	answers, err := answersOf(answer, 0)
	if err != nil {
		return nil, err
	}
	pages := make([]durable.Page, 0, len(answers)/2)
	for i := 0; i+1 < len(answers); i += 2 {
		key, _ := answers[i].(string)
		p := durable.Page{Key: key}
		if value, ok := answers[i+1].(string); ok {
			r := reader{rest: value}
			p.Version = int64(r.fixed64())
			if p.Value = []byte(r.rest); r.err != nil {
				return nil, fmt.Errorf("page %s: %w", key, r.err)
			}
		}
		pages = append(pages, p)
	}
	return pages, nil
}

// many reads several keys in one round trip, each at a moment of its own.
func (v *view) many(n int, ask func(redis.Pipeliner, int)) error {
	if n == 0 {
		return nil
	}
	err := v.retry(v.ctx, func() error {
		pipe := v.client.Pipeline()
		for i := range n {
			ask(pipe, i)
		}
		_, err := pipe.Exec(v.ctx)
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	if v.ctx.Err() != nil {
		return v.ctx.Err()
	}
	return err
}
