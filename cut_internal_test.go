package pawl

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What is taken out of a response is put back as it was, whatever the response and
// the message are.
func FuzzCut(f *testing.F) {
	long := strings.Repeat("long enough to be worth it ", 4)
	f.Add([]byte(`{"content":[{"type":"text","text":"`+long+`"}]}`), []byte(`{"content":[{"text":"`+long+`","type":"text"}],"role":"assistant"}`))
	f.Add([]byte(`{"a":"`+long+`","b":"`+long+`"}`), []byte(`["`+long+`","`+long+`"]`))
	f.Add([]byte(`{"a":"`+long+`\u2013`+long+`"}`), []byte(`["`+long+`–`+long+`"]`))
	f.Add([]byte(long+long+long), []byte(`"`+long+`" "`+long[1:]+`" "`+long+long))
	f.Fuzz(func(t *testing.T, body, message []byte) {
		rest, cuts := cutOut(body, message)
		back, err := putBack(rest, cuts, message)
		if err != nil || !bytes.Equal(back, body) {
			t.Fatalf("putBack = %q, %v; want %q; cuts %v of %q", back, err, body, cuts, rest)
		}
		if len(cuts) > cutMost || len(rest)+cutLeast*len(cuts) > len(body) {
			t.Errorf("%d cuts leave %d of %d bytes; want each to take out %d", len(cuts), len(rest), len(body), cutLeast)
		}
	})
}

// A stored exchange that was damaged is an error, never a panic or more bytes than
// there are.
func FuzzStoredExchange(f *testing.F) {
	f.Add([]byte(`{"cut":[[1,2,3]]}`+"\n{}"), []byte(`{"role":"user","content":"abc"}`))
	f.Add([]byte(`{"status":200,"header":{"A":["b"]},"usage":{"input":1}}`+"\n{}"), []byte(`{"role":"user"}`))
	f.Add([]byte(`{"cut":[[9223372036854775807,-1,9223372036854775807]]}`+"\n"), []byte(`{}`))
	f.Fuzz(func(t *testing.T, result, message []byte) {
		s := &shelf{read: true, nodes: map[Hash]Node{}}
		step := &StepRow{Result: result, Call: true, Head: Hash{1}}
		n := Node{}
		if json.Unmarshal(message, &n.Message) == nil {
			s.nodes[step.Head] = n
		}
		e, err := decodeExchange(t.Context(), step, s)
		if err == nil && len(e.Body) > len(result)*(len(message)+1) {
			t.Errorf("%d bytes of body from %d of %d", len(e.Body), len(result), len(message))
		}
		if !step.isCut() && bytes.ContainsRune(result, '\n') && err == nil && !bytes.HasSuffix(result, e.Body) {
			t.Errorf("body = %q; want what %q ends with", e.Body, result)
		}
	})
}
