package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// manual is some 2,000 tokens: more than a prompt cache's least.
var manual = strings.Repeat("The wheel turns one way only. ", 300)

// A conversation of several calls, over two tasks and a retry, reads from the
// provider's cache what the calls before have written there, all of it but what is
// new.
func TestAConversationReadsTheCache(t *testing.T) {
	for name, system := range map[string]string{"in the prompt": "", "in the system prompt": manual} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{})
				m := simModel(sim, 100)
				var used []llm.Usage // of each call that was sent
				seen := map[string]bool{}
				ask := func(ctx context.Context, task *pawl.Task[string], prompt string) error {
					reply, err := task.Ask(ctx, m, prompt, pawl.System(system))
					if err == nil && !seen[reply.ID] {
						seen[reply.ID] = true
						used = append(used, reply.Usage)
					}
					return err
				}
				c := newClient(newStore(t), pawl.Config{})
				drafts.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
					first := "Read this:\n" + manual
					if system != "" {
						first = "Read it."
					}
					if err := ask(ctx, task, first); err != nil {
						return "", err
					}
					if err := failing(task, 1); err != nil {
						return "", err
					}
					for i := range 30 { // more blocks than the provider looks back
						if err := task.Append(ctx, llm.Text("assistant", "and"), llm.Text("user", fmt.Sprint("more ", i))); err != nil {
							return "", err
						}
					}
					return "", ask(ctx, task, "What does it say?")
				})
				polish.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
					return "", errors.Join(ask(ctx, task, "Shorter."), ask(ctx, task, "Shorter still."))
				})
				start(t, c)
				run, err := twoStep.Add(t.Context(), c, "")
				must(t, err)
				result(t, run)
				if len(used) != 4 || used[0].CacheWrite < 1500 {
					t.Fatalf("usage = %+v; want four calls, the first of which writes the manual", used)
				}
				for i, u := range used[1:] {
					before := used[i].CacheRead + used[i].CacheWrite
					if u.CacheRead < before || u.Input > 20 {
						t.Errorf("call %d used %+v; want the %d tokens of the call before read from the cache", i+2, u, before)
					}
				}
			})
		})
	}
}

func TestNoCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{})
		m := simModel(sim, 100)
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for range 2 {
				reply, err := task.Ask(ctx, m, task.Input, pawl.System(manual), pawl.NoCache())
				if err != nil {
					return "", err
				}
				if u := reply.Usage; u.CacheRead+u.CacheWrite > 0 {
					return "", pawl.Permanent(fmt.Errorf("usage is %+v; want nothing of the cache", u))
				}
			}
			return "", nil
		})
		start(t, c)
		result(t, add(t, c, asks, "again"))
	})
}
