package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

// model answers at once, with text of a fixed length in a response such as the
// provider's.
type model struct {
	*anthropic.Model
	bytes int
	said  atomic.Int64
	calls atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
}

// seeds are those of the models of this process: no two say the same.
var seeds atomic.Uint64

func newModel(bytes int) *model {
	seed := uint64(time.Now().UnixNano()) + seeds.Add(1)
	return &model{Model: anthropic.New(anthropic.Config{Model: "claude-sonnet-4-5-20250929"}), bytes: bytes, random: rand.New(rand.NewPCG(seed, 1))}
}

// prompt returns the text of a message of the user of so many bytes of JSON.
func (m *model) prompt() string { return m.text(m.bytes - len(llm.Text("user", "").JSON())) }

func (m *model) Send(context.Context, json.RawMessage) (*llm.Response, error) {
	m.calls.Add(1)
	text := m.text(m.bytes - len(`{"role":"assistant","content":[{"type":"text","text":""}]}`))
	quoted, err := json.Marshal(text)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	id := fmt.Sprintf("%016x%08x", m.random.Uint64(), m.random.Uint32())
	tokens := m.random.IntN(30_000)
	m.mu.Unlock()
	return m.API().Decode(fmt.Appendf(nil, `{"model":"claude-sonnet-4-5-20250929","id":"msg_%s","type":"message","role":"assistant","content":[{"type":"text","text":%s}],`+
		`"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,`+
		`"cache_creation":{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":0},"output_tokens":%d,"service_tier":"standard"}}`,
		id, quoted, 12, tokens%500, tokens, tokens%500, tokens%300))
}

// text returns prose of n bytes: sentences of words that follow each other in
// some real text, no two of which are alike.
func (m *model) text(n int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	word := ""
	for b.Len() < n {
		next := follows()[word]
		if len(next) == 0 || m.random.IntN(8) == 0 {
			next = words()
		}
		word = next[m.random.IntN(len(next))]
		b.WriteString(word)
		b.WriteByte(' ')
	}
	return b.String()[:n]
}

// words are all words of the real text.
var words = sync.OnceValue(func() []string {
	return strings.FieldsFunc(source, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
})

// follows holds the words that come after each one.
var follows = sync.OnceValue(func() map[string][]string {
	all := map[string][]string{}
	before := ""
	for _, w := range words() {
		all[before] = append(all[before], w)
		before = w
	}
	return all
})

var talks = pawl.Operation[int, int]{Name: "talk", Limit: pawl.NoLimit, Timeout: time.Hour, Duplicates: pawl.Keep,
	Backoff: pawl.Backoff{Base: time.Millisecond, Max: time.Millisecond}}

// work handles n tasks.
func work(ctx context.Context, store pawl.Store, n int, handle func(context.Context, *pawl.Task[int]) error) error {
	c := pawl.New(store, pawl.Config{Workers: 16})
	talks.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) { return 0, handle(ctx, t) })
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	runs, err := talks.AddMany(ctx, c, make([]int, n))
	for _, run := range runs {
		if _, failed := run.Wait(ctx); failed != nil && err == nil {
			err = failed
		}
	}
	cancel()
	if failed := <-ended; err == nil {
		err = failed
	}
	return err
}
