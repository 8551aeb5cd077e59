package llmsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// dialect is one provider's API: how it is asked, charged and answered. It
// only turns one thing into another; it has no state and no clock.
type dialect interface {
	name() string
	key(h http.Header) string
	parse(body []byte) (*Call, *problem)
	own(l Limits) Limits // the limits that this provider has
	terms(c *Call) terms
	afterFault(c *Call, f Fault) cost // what a call that is let in takes, given its fate
	produced(tokens int64) cost       // what output takes as it comes

	limits(h http.Header, l levels, now time.Time, second time.Duration)
	problem(p *problem, requestID string) []byte
	wait(h http.Header, d, second time.Duration)
	requestID(h http.Header, id string)

	notFound(r *http.Request) *problem
	notAllowed(r *http.Request) *problem
	badKey() *problem
	tooLarge() *problem
	invalid(format string, args ...any) *problem
	limited(c *Call, r *refusal) *problem
	faulty(c *Call, f Fault, context int) *problem

	whole(a *answer) []byte
	opening(a *answer) []byte
	delta(a *answer, text string) []byte
	closing(a *answer) []byte
	failing(a *answer) []byte
}

// dialects are all of them.
var dialects = []dialect{anthropic{}, openai{}}

// problem is an answer that is an error.
type problem struct {
	status  int
	typ     string
	code    string // OpenAI's code, or Anthropic's details.error_code; "" for none
	param   string // OpenAI's param; "" for none
	message string
	wait    time.Duration // what retry-after says; 0 to leave it out
	second  time.Duration // how long the account's second lasts, which retry-after counts in; set with wait
	bare    bool          // without rate limit headers
}

// dialectOf guesses which API's words a request for nothing of ours expects.
func dialectOf(r *http.Request) dialect {
	if r.Header.Get("Anthropic-Version") != "" || strings.HasPrefix(r.URL.Path, "/v1/messages") {
		return anthropic{}
	}
	return openai{}
}

// answer is what the model made of a call. It holds nothing of the request,
// which may be large.
type answer struct {
	id        string
	model     string
	text      string
	vectors   [][]float32 // in place of a text, of a call that asks for them
	packed    bool        // whether they are asked for in base64
	refused   bool        // the text is not there, or is the refusal
	truncated bool        // max_tokens ended it
	input     int64       // with what is cached
	output    int64       // with the reasoning
	reasoning int64
	cached    cached
	stream    bool
	usage     bool // whether a stream ends with its usage
	created   time.Time
}

// content is a message's text in both APIs: a string, or an array of blocks.
type content struct {
	text   string
	tokens int // what is not text, in tokens
}

// imageTokens is what one image costs, whatever its size.
const imageTokens = 1500

// errContent is a content that is neither of the two.
var errContent = errors.New(`content should be a string, or an array of objects with a "type"`)

func (c *content) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if json.Unmarshal(b, &c.text) == nil {
		return nil
	}
	var blocks []json.RawMessage
	if err := json.Unmarshal(b, &blocks); err != nil {
		return errContent
	}
	var texts []string
	for _, raw := range blocks {
		text, tokens, err := readBlock(raw)
		if err != nil {
			return err
		}
		if text != "" {
			texts = append(texts, text)
		}
		c.tokens += tokens
	}
	c.text = strings.Join(texts, "\n\n")
	return nil
}

func readBlock(raw json.RawMessage) (text string, tokens int, err error) {
	var block struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &block) != nil || block.Type == "" {
		return "", 0, errContent
	}
	switch block.Type {
	case "text", "input_text", "output_text":
		return block.Text, 0, nil
	case "image", "image_url", "input_image":
		return "", imageTokens, nil
	}
	return "", CountTokens(string(raw)), nil
}

// encode is JSON without HTML's escapes, as the providers send it.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // only plain values come here
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// object is a JSON object in the making.
type object = map[string]any

// thousands writes 30000 as 30,000.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// seconds writes d rounded up to whole seconds of the account, as retry-after is
// written: at a scale, real ones and a fraction.
func seconds(d, second time.Duration) string {
	d = (d + second - 1) / second * second
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}
