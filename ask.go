package pawl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Ask continues the task's conversation: it appends the prompt as the user's
// message, has the model answer, and appends the answer. An empty prompt appends
// nothing: the model answers what [Task.Append] added.
//
// The call waits for the task's limit, and its response is stored before Ask
// returns: asked again on a retry or by another worker, Ask gives the stored
// response and sends nothing. A failure is an *llm.Error; return it, and its
// class decides what becomes of the task. A call that failed appends nothing
// and is not sent again within the attempt.
//
// Calls of one task through Ask follow each other. For calls at the same time
// use llm.Transport, or tasks of their own.
func (t *Task[In]) Ask(ctx context.Context, model llm.Model, prompt string, opts ...AskOption) (*llm.Response, error) {
	return t.attempt.ask(ctx, model, prompt, opts)
}

func (a *attempt) ask(ctx context.Context, model llm.Model, prompt string, opts []AskOption) (*llm.Response, error) {
	a.mu.Lock()
	talk, err := a.load(ctx)
	a.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	said := []llm.Message{}
	if prompt != "" {
		said = append(said, llm.Text("user", prompt))
	}
	request := llm.Request{Messages: append(slices.Clip(talk.messages), said...)}
	for _, o := range opts {
		o(&request)
	}
	for name, value := range request.Extra {
		if value == nil {
			return nil, Permanent(fmt.Errorf("ask: field %q cannot be written as JSON", name))
		}
	}
	body, err := model.Encode(request)
	if err != nil {
		return nil, Permanent(fmt.Errorf("ask: %w", err))
	}
	return a.converse(ctx, model, body, said)
}

// converse makes the call and appends what was said and the answer to the
// conversation, in the transaction that stores the response.
func (a *attempt) converse(ctx context.Context, model llm.Model, body json.RawMessage, said []llm.Message) (*llm.Response, error) {
	api := model.API()
	call := llm.Call{API: api, Name: "ask", Body: body, Size: api.Measure(body)}
	var response *llm.Response
	var head Hash
	exchange, err := a.govern(ctx, call, func(ctx context.Context) (*llm.Exchange, error) {
		r, err := model.Send(ctx, body)
		if err != nil {
			return nil, err
		}
		response = r
		return &llm.Exchange{Body: r.JSON, Usage: r.Usage, Limits: r.Limits}, nil
	}, func(s *Save) (err error) {
		s.Nodes, head, err = a.nodes(said, response)
		s.Step.Head = head
		return err
	})
	if err != nil {
		return nil, err
	}
	if response == nil { // it came from the store
		if response, err = api.Decode(exchange.Body); err != nil {
			return nil, Permanent(fmt.Errorf("stored response: %w", err))
		}
		if _, head, err = a.nodes(said, response); err != nil {
			return nil, err
		}
	}
	a.mu.Lock()
	for _, m := range append(said, response.Message) {
		a.talk.append(m)
	}
	a.talk.unsaved, a.talk.head = nil, head
	a.mu.Unlock()
	return response, nil
}

// nodes returns what the call's messages and its answer append to the
// conversation.
func (a *attempt) nodes(said []llm.Message, r *llm.Response) ([]Node, Hash, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	messages := append(append(slices.Clip(a.talk.unsaved), said...), r.Message)
	nodes, head, err := appendNodes(a.talk.head, messages)
	if err != nil {
		return nil, Hash{}, errors.Join(errors.New("the response is no message"), err)
	}
	return nodes, head, nil
}
