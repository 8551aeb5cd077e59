package pawl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/pawlhq/pawl/llm"
)

// AskOption changes one call of Ask.
type AskOption func(*llm.Request)

// System gives the call a system prompt.
func System(prompt string) AskOption {
	return func(r *llm.Request) { r.System = prompt }
}

// MaxTokens bounds what the call may generate, in place of the model's setting.
func MaxTokens(n int) AskOption {
	return func(r *llm.Request) { r.MaxTokens = n }
}

// Field sets a field of the provider's own request, such as "temperature" or
// "tools". The value is encoded as JSON; Ask reports one that cannot be.
func Field(name string, value any) AskOption {
	return func(r *llm.Request) {
		if r.Extra == nil {
			r.Extra = map[string]json.RawMessage{}
		}
		encoded, err := marshal(value)
		if err != nil {
			encoded = nil // Ask finds the empty value
		}
		r.Extra[name] = encoded
	}
}

// NoCache leaves the call out of the provider's prompt cache, as far as that is
// asked: what is written there costs more (with Anthropic a quarter), which pays
// only if another call continues the conversation within minutes.
func NoCache() AskOption {
	return func(r *llm.Request) { r.Shared, r.Thread = nil, "" }
}

// Ask continues the task's own conversation; see [Conversation.Ask].
func (t *Task[In]) Ask(ctx context.Context, model llm.Model, prompt string, opts ...AskOption) (*llm.Response, error) {
	return t.attempt.own().Ask(ctx, model, prompt, opts...)
}

// Ask appends the prompt as the user's message, has the model answer, and appends
// the answer. An empty prompt appends nothing: the model answers what Append
// added.
//
// The call waits for the task's limit, and its response is stored before Ask
// returns: asked again on a retry or by another worker, Ask gives the stored
// response and sends nothing. A failure is an *llm.Error; return it, and its
// class decides what becomes of the task. A call that failed appends nothing
// and is not sent again within the attempt.
//
// The request asks the provider to cache it, and reads what the calls before have
// cached; see [NoCache].
func (c *Conversation) Ask(ctx context.Context, model llm.Model, prompt string, opts ...AskOption) (*llm.Response, error) {
	all := choices(model)
	if len(all) > 1 {
		if q, key, err := c.answered(ctx, all, prompt, opts); err != nil {
			return nil, err
		} else if q != nil {
			return c.ask(ctx, q, key)
		}
	}
	var failed []string
	for i := range all {
		q, key, err := c.pose(ctx, &all[i], prompt, opts)
		if err != nil {
			return nil, err
		}
		q.instead = failed
		response, err := c.ask(ctx, q, key)
		if err == nil || !all[i].passesOn(ctx, err) {
			return response, err
		}
		failed = append(failed, c.attempt.nextStep(key))
	}
	panic("unreachable: the failure of the last model is passed on to none")
}

// answered returns the call, of those to models that may be asked, whose response is
// stored; nil if none is.
func (c *Conversation) answered(ctx context.Context, all []choice, prompt string, opts []AskOption) (*question, string, error) {
	for i := range all {
		q, key, err := c.pose(ctx, &all[i], prompt, opts)
		if err != nil {
			return nil, "", err
		}
		if c.attempt.isStored(key) {
			return q, key, nil
		}
	}
	return nil, "", nil
}

// pose returns a call to one of the models that may be asked, and its key: with what a
// fork has changed, if it is made anew.
func (c *Conversation) pose(ctx context.Context, to *choice, prompt string, opts []AskOption) (*question, string, error) {
	q, key, err := c.poseAs(ctx, to, prompt, opts)
	if err != nil {
		return nil, "", err
	}
	e, any, err := c.attempt.edit()
	if err != nil || !any || c.attempt.isStored(key) {
		return q, key, err
	}
	edited := prompt != "" && e.Prompt != nil
	if edited {
		prompt = *e.Prompt
	}
	q, key, err = c.poseAs(ctx, to, prompt, append(slices.Clip(opts), editOption(e)))
	if err == nil {
		q.edited = edited
	}
	return q, key, err
}

func (c *Conversation) poseAs(ctx context.Context, to *choice, prompt string, opts []AskOption) (*question, string, error) {
	q, err := c.question(ctx, prompt)
	if err == nil {
		q.view, err = c.summarized(ctx, q)
	}
	if err != nil {
		return nil, "", fmt.Errorf("ask: %w", err)
	}
	q.model, q.limit, q.nth, q.opts = to.model, to.limit, to.nth, opts
	key, err := q.key()
	if err != nil {
		return nil, "", Permanent(fmt.Errorf("ask: %w", err))
	}
	return q, key, nil
}

func (c *Conversation) ask(ctx context.Context, q *question, key string) (*llm.Response, error) {
	exchange, stored, err := c.attempt.govern(ctx, governed{
		key: key, instead: q.instead, state: q.state, name: "ask", api: q.model.API(), limit: q.limit, ready: q.ready, send: q.send, with: q.save,
	})
	if err != nil {
		return nil, err
	}
	if q.edited {
		c.attempt.tookPrompt()
	}
	if stored != nil {
		if q.response, err = q.model.API().Decode(exchange.Body); err != nil {
			return nil, Permanent(fmt.Errorf("stored response: %w", err))
		}
		q.answered = stored.Head
	}
	c.heard(q)
	return q.response, nil
}

// question is one call of Ask.
type question struct {
	of       *Conversation
	model    llm.Model
	limit    string   // that it goes through; "" for the task's
	nth      int      // how many models were asked before, of those that the call may go to
	instead  []string // the steps of the calls to those
	edited   bool     // a fork has changed the prompt
	opts     []AskOption
	messages []llm.Message // before the prompt: a replay does not copy them
	said     []Node        // those that are not stored
	head     Hash          // after them
	asked    int           // how many messages the last request ended with
	first    Hash          // names the conversation by its first message
	fresh    []Node        // of said, the prompt, if there is one
	window   Window
	view     view // what of the messages is sent

	state    uint64          // of the conversation with what is asked, whatever branch it is; see [Budget.Repeats]
	body     json.RawMessage // once it is ready to be sent
	response *llm.Response   // once it is there
	answered Hash            // the conversation after the response
}

// question returns the call that continues the conversation.
func (c *Conversation) question(ctx context.Context, prompt string) (*question, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	q := &question{of: c, window: c.window, view: c.view, messages: slices.Clip(c.messages), said: slices.Clip(c.unsaved), head: c.head, asked: c.asked, first: c.first}
	if prompt != "" {
		n, err := NewNode(c.head, llm.Text("user", prompt))
		if err != nil {
			return nil, Permanent(err)
		}
		q.fresh, q.head = []Node{n}, n.Hash
		q.said = append(q.said, n)
		if q.first.IsZero() {
			q.first = n.Hash
		}
	}
	q.view = q.view.advance(c.window.chars, q.messages)
	for _, n := range q.fresh {
		q.view = q.view.with(c.window.chars, n.Message)
	}
	return q, nil
}

// all returns all messages, the prompt included.
func (q *question) all() []llm.Message {
	messages := q.messages
	for _, n := range q.fresh {
		messages = append(messages, n.Message)
	}
	return messages
}

// request returns the request that asks these messages, of which others share the
// beginnings.
func (q *question) request(messages []llm.Message, shared []int, thread string) (llm.Request, error) {
	r := llm.Request{Messages: messages, Shared: shared, Thread: thread}
	for _, o := range q.opts {
		o(&r)
	}
	for name, value := range r.Extra {
		if value == nil {
			return r, fmt.Errorf("field %q cannot be written as JSON", name)
		}
	}
	return r, nil
}

// key identifies the call within its task: by the conversation that it continues,
// which a hash names, and by the request of its last message alone, which holds
// the model and all settings. So a replay of many calls reads and writes each
// message once.
func (q *question) key() (string, error) {
	last := q.messages[max(len(q.messages)-1, 0):]
	for _, n := range q.fresh {
		last = []llm.Message{n.Message}
	}
	r, err := q.request(last, nil, "")
	if err != nil {
		return "", err
	}
	body, err := q.model.Encode(r)
	if err != nil {
		return "", err
	}
	state := fnv.New64a()
	state.Write(q.head[:])
	state.Write(body)
	q.state = state.Sum64()
	sum := sha256.New()
	sum.Write(q.head[:])
	fmt.Fprintf(sum, "%q %s\n%s", q.of.path, q.view.identity(), body)
	if q.nth > 0 {
		fmt.Fprintf(sum, "\n%d", q.nth) // another account may know a model by the same name
	}
	return keyOf("ask", sum.Sum(nil)), nil
}

// ready encodes the request whole.
func (q *question) ready() (llm.Call, error) {
	messages, extra := q.view.sent(q.all())
	shared := []int{len(messages)} // the next call continues here
	if asked := q.asked - q.view.start + extra; asked > extra {
		shared = append(shared, asked) // and this one continues there, however much was said since
	}
	r, err := q.request(messages, shared, hex.EncodeToString(q.first[:16]))
	if err != nil {
		return llm.Call{}, err
	}
	if q.body, err = q.model.Encode(r); err != nil {
		return llm.Call{}, err
	}
	api := q.model.API()
	return llm.Call{API: api, Name: "ask", Body: q.body, Size: api.Measure(q.body)}, nil
}

func (q *question) send(ctx context.Context) (*llm.Exchange, error) {
	r, err := q.model.Send(ctx, q.body)
	if err != nil {
		return nil, err
	}
	q.response = r
	return &llm.Exchange{Body: r.JSON, Usage: r.Usage, Limits: r.Limits}, nil
}

// save adds what was said and the answer to the write that stores the response,
// which is stored without what the answer's message has.
func (q *question) save(s *Save, e *llm.Exchange) error {
	n, err := NewNode(q.head, q.response.Message)
	if err != nil {
		return errors.Join(errors.New("the response is no message"), err)
	}
	canonical, err := canonicalJSON(n.Message.JSON())
	if err != nil {
		return err
	}
	q.answered = n.Hash
	s.Nodes, s.Step.Head = append(slices.Clip(q.said), n), n.Hash
	s.Step.Result = encodeExchange(e, canonical)
	return nil
}

// heard appends what was said and answered, which is stored.
func (c *Conversation) heard(q *question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := Node{Message: q.response.Message}
	c.add(append(q.fresh, answer), q.answered)
	c.unsaved, c.view = nil, q.view
	c.asked = len(c.messages) - 1
}
