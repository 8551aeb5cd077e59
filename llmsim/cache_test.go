package llmsim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// block is a block of text of a request, marked for the cache or not.
func block(text string, marked bool) string {
	quoted, _ := json.Marshal(text)
	if marked {
		return fmt.Sprintf(`{"type":"text","text":%s,"cache_control":{"type":"ephemeral"}}`, quoted)
	}
	return fmt.Sprintf(`{"type":"text","text":%s}`, quoted)
}

// talk is a request to Anthropic's API with a system prompt and one message of
// the user, both in JSON.
func talk(system, content string) string {
	return fmt.Sprintf(`{"model":"sim-1","max_tokens":50,"system":%s,"messages":[{"role":"user","content":%s}]}`, system, content)
}

// send makes one call of Anthropic's API and returns its usage.
func send(t *testing.T, s *llmsim.Server, body string) llm.Usage {
	t.Helper()
	r := do(s.Client(), anthropic.request(t.Context(), "http://sim", body, llmsim.None)).must(t, 200)
	data := r.body
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
		data, _ = json.Marshal(events(t, r.body)[0].data["message"])
	}
	var v struct {
		Usage struct {
			Input  int64 `json:"input_tokens"`
			Output int64 `json:"output_tokens"`
			Read   int64 `json:"cache_read_input_tokens"`
			Write  int64 `json:"cache_creation_input_tokens"`
		}
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("the answer is not JSON: %v: %s", err, data)
	}
	return llm.Usage{Input: v.Usage.Input, Output: v.Usage.Output, CacheRead: v.Usage.Read, CacheWrite: v.Usage.Write}
}

// manual is a system prompt of 2,000 tokens.
var manual = strings.Repeat("word ", 2000)

func TestPromptCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{InputTokens: 2500}})
		body := talk("["+block(manual, true)+"]", `"hello"`)
		first := send(t, s, body)
		if first.CacheWrite != 2000 || first.CacheRead != 0 || first.Input != 4 {
			t.Errorf("Usage = %+v of the first call; want 2,000 tokens written", first)
		}
		if left := s.Levels("anthropic").InputTokens.Left; left != 2500-2004 {
			t.Errorf("%v input tokens are left; want 496: what is written is charged", left)
		}
		second := send(t, s, strings.Replace(body, "hello", "hello again", 1))
		if second.CacheRead != 2000 || second.CacheWrite != 0 || second.Input != 5 {
			t.Errorf("Usage = %+v of the second call; want 2,000 tokens read", second)
		}
		if left := s.Levels("anthropic").InputTokens.Left; left != 2500-2009 {
			t.Errorf("%v input tokens are left; want 491: what is read is free of the limit", left)
		}
		streamed := send(t, s, strings.Replace(body, `"max_tokens"`, `"stream":true,"max_tokens"`, 1))
		if streamed.CacheRead != 2000 || streamed.Input != 4 {
			t.Errorf("Usage = %+v of a stream; want 2,000 tokens read", streamed)
		}
		if b := s.Stats().Billed; b.Input != 13 || b.CacheRead != 4000 || b.CacheWrite != 2000 || b.Output == 0 {
			t.Errorf("Billed = %+v; want each kind", b)
		}
	})
}

// The 5 minutes are the account's, and begin again with each use.
func TestPromptCacheForgets(t *testing.T) {
	for _, scale := range []float64{1, 60} {
		synctest.Test(t, func(t *testing.T) {
			s := llmsim.New(llmsim.Config{Scale: scale})
			body := talk("["+block(manual, true)+"]", `"hello"`)
			for i, wait := range []time.Duration{0, 4 * time.Minute, 4 * time.Minute, 5 * time.Minute, time.Hour} {
				time.Sleep(time.Duration(float64(wait) / scale))
				if read := send(t, s, body).CacheRead > 0; read != (wait == 4*time.Minute) {
					t.Errorf("scale %v, call %d after %v: read from the cache: %v", scale, i, wait, read)
				}
			}
		})
	}
}

// What is said after the marked block costs in full, what is too short is not
// kept, and what differs is not read.
func TestPromptCacheKeepsWhatIsMarked(t *testing.T) {
	long, short := "["+block(manual, true)+"]", "["+block(strings.Repeat("word ", 1023), true)+"]"
	for _, test := range []struct {
		name, first, second string
		write, read         int64
	}{
		{"nothing is marked", talk("["+block(manual, false)+"]", `"a"`), talk("["+block(manual, false)+"]", `"a"`), 0, 0},
		{"a marker that is null", talk(strings.Replace(long, `{"type":"ephemeral"}`, "null", 1), `"a"`), talk(long, `"a"`), 0, 0},
		{"too short", talk(short, `"a"`), talk(short, `"a"`), 0, 0},
		{"just long enough", talk("["+block(strings.Repeat("word ", 1024), true)+"]", `"a"`), talk("["+block(strings.Repeat("word ", 1024), true)+"]", `"a"`), 1024, 1024},
		{"another text", talk(long, `"a"`), talk("["+block("other "+manual, true)+"]", `"a"`), 2000, 0},
		{"another model", talk(long, `"a"`), strings.Replace(talk(long, `"a"`), "sim-1", "sim-2", 1), 2000, 0},
		{"in a message", talk(`"be kind"`, "["+block(manual, true)+"]"), talk(`"be kind"`, "["+block(manual, true)+","+block("and", false)+"]"), 2005, 2005},
		{"the same text in the other place", talk(`"x"`, long), talk(long, `"x"`), 2004, 0},
		{"a string is a block", talk(long, `"`+manual+`"`), talk("["+block(manual, false)+"]", "["+block(manual, true)+"]"), 2000, 2000},
		{"each marker counts", talk(long, "["+block("a b c", true)+"]"), talk(long, "["+block("d", true)+"]"), 2006, 2000},
		{"tools", strings.Replace(talk(`""`, `"a"`), `"system"`, `"tools":[{"name":"f","description":"`+manual+`","cache_control":{"type":"ephemeral"}}],"system"`, 1),
			strings.Replace(talk(`""`, `"b"`), `"system"`, `"tools":[{"name":"f","description":"`+manual+`","cache_control":{"type":"ephemeral"}}],"system"`, 1), 2033, 2033},
	} {
		s := llmsim.New(llmsim.Config{})
		if got := send(t, s, test.first).CacheWrite; got != test.write {
			t.Errorf("%s: %d tokens are written; want %d", test.name, got, test.write)
		}
		if got := send(t, s, test.second).CacheRead; got != test.read {
			t.Errorf("%s: %d tokens are read; want %d", test.name, got, test.read)
		}
	}
}

// A conversation that moves its marker on reads what it wrote before, as long
// as that ended no more than 20 blocks ago.
func TestPromptCacheOfAConversation(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	conversation := func(blocks int) string {
		texts := []string{block(manual, blocks == 0)}
		for i := range blocks {
			texts = append(texts, block(fmt.Sprint("more ", i), i == blocks-1))
		}
		return talk(`"be kind"`, "["+strings.Join(texts, ",")+"]")
	}
	for _, test := range []struct {
		blocks      int
		read, write int64
	}{{0, 0, 2005}, {1, 2005, 2}, {1, 2007, 0}, {3, 2007, 4}, {23, 2011, 40}, {44, 0, 2093}} {
		got := send(t, s, conversation(test.blocks))
		if got.CacheRead != test.read || got.CacheWrite != test.write {
			t.Errorf("with %d blocks more: Usage = %+v; want %d read and %d written", test.blocks, got, test.read, test.write)
		}
	}
}

// What is read is renewed, though another block is marked now.
func TestPromptCacheRenewsWhatIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{})
		for _, content := range []string{
			block(manual, true),
			block(manual, false) + "," + block("one", true),
			block(manual, false) + "," + block("two", true),
		} {
			u := send(t, s, talk(`"be kind"`, "["+content+"]"))
			if want := int64(2005); content != block(manual, true) && u.CacheRead != want {
				t.Errorf("Usage = %+v; want %d tokens read", u, want)
			}
			time.Sleep(4 * time.Minute)
		}
	})
}

// Blocks that are counted one by one may come to more than all of them together.
func TestPromptCacheIsNoMoreThanTheInput(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	u := send(t, s, talk(`""`, "["+block(manual+"\n", false)+","+block("\nx", true)+"]"))
	if want := int64(3 + 2000 + 1 + 1); u.Input != 0 || u.CacheWrite != want {
		t.Errorf("Usage = %+v; want %d tokens written and no more", u, want)
	}
}

// A prefix is there when the answer that wrote it has begun, and not if there was none.
func TestPromptCacheIsThereWithTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: time.Second}})
		body := talk("["+block(manual, true)+"]", `"hello"`)
		_ = s.Inject(llmsim.Overloaded)
		do(s.Client(), anthropic.request(t.Context(), "http://sim", body, llmsim.None)).must(t, 529)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if u := send(t, s, body); u.CacheWrite != 2000 {
					t.Errorf("Usage = %+v of one of three calls at once; want each to write", u)
				}
			})
		}
		wg.Wait()
		if u := send(t, s, body); u.CacheRead != 2000 {
			t.Errorf("Usage = %+v; want 2,000 tokens read", u)
		}
	})
}
