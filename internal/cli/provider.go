package cli

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llm/openai"
	"github.com/pawlhq/pawl/llmsim"
)

// The names of the providers on the command line. The simulated one has a model of the
// same name.
const (
	simulated     = "simulated"
	nameAnthropic = "anthropic"
	nameOpenAI    = "openai"
)

// provider is what the demo calls.
type provider struct {
	title string // what it is, for the screen
	note  string // what calling it means
	model llm.Model
	hint  string // what a 404 of it may mean; "" for nothing
	limit limit.Config
	costs tariff
	speed float64        // of its clock
	sim   *llmsim.Server // nil if it is a real one
	jams  bool           // the shelf fails once for some documents
	close func() error
}

// absent is the provider of a process that leaves the work to others.
var absent = &provider{title: "those of the workers", note: "start some: pawl worker, with the same --store", close: func() error { return nil }}

// backoff is that of the operations, in the provider's time.
func (p *provider) backoff() pawl.Backoff {
	return pawl.Backoff{Base: scaled(time.Second, p.speed), Max: scaled(30*time.Second, p.speed)}
}

// maxTokens is the most that one answer may have.
const maxTokens = 1024

// reals are the providers that cost money.
var reals = map[string]struct {
	api, key, url, model string
	charge               limit.Charge
}{
	nameAnthropic: {"Anthropic's API", "ANTHROPIC_API_KEY", "https://api.anthropic.com", "claude-haiku-4-5", limit.InputThenOutput},
	nameOpenAI:    {"OpenAI's API", "OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-4.1-mini", limit.MaxOrChars},
}

// providerFlags say who answers, and what the account allows.
type providerFlags struct {
	Provider string   `enum:"simulated,anthropic,openai" default:"simulated" help:"Who answers: simulated, anthropic or openai. The real ones need ANTHROPIC_API_KEY or OPENAI_API_KEY and may cost money."`
	Model    string   `help:"The real provider's model." placeholder:"NAME"`
	BaseURL  string   `name:"base-url" help:"Where the real provider, or a server that speaks its API, is." placeholder:"URL"`
	Requests *float64 `help:"The account's limit of requests a minute; 0 for none. Default: 50." placeholder:"N"`
	Tokens   *float64 `help:"The account's limit of tokens a minute; 0 for none. Default: 40000." placeholder:"N"`
	Points   int      `default:"5" help:"How many points an analysis asks for, 1 to 20."`
	Speed    *float64 `help:"How many times faster than real time the simulated provider's clock goes, 0.1 to 1000. Default: so that the work takes about half a minute, 60 at most." placeholder:"N"`
	Faults   *float64 `help:"The chance of each of the simulated provider's 8 kinds of fault at each call, 0 to 0.1: ${mishaps}. Default: 0.05." placeholder:"P"`
	Seed     uint64   `default:"9" help:"What the simulated faults are drawn from."`
	pricesFlag
}

const (
	defaultRequests = 50
	defaultTokens   = 40_000
	defaultFaults   = 0.05 // the chance of each kind of fault
)

// check returns what is wrong with the flags, and fills in the limits.
func (d *providerFlags) check() error {
	d.Requests, d.Tokens = orDefault(d.Requests, defaultRequests), orDefault(d.Tokens, defaultTokens)
	requests, tokens := *d.Requests, *d.Tokens
	switch {
	case !(requests >= 0 && requests <= 1e9) || requests > 0 && requests < 1:
		return usagef("--requests is %v; want 1 or more, or 0 for no limit", requests)
	case !(tokens >= 0 && tokens <= 1e12) || tokens > 0 && tokens < 10_000:
		return usagef("--tokens is %v; want 10000 or more, or 0 for no limit", tokens)
	case d.Points < 1 || d.Points > 20:
		return usagef("--points is %d; want 1 to 20", d.Points)
	case d.Speed != nil && !(*d.Speed >= 0.1 && *d.Speed <= 1000):
		return usagef("--speed is %v; want 0.1 to 1000", *d.Speed)
	case d.Faults != nil && !(*d.Faults >= 0 && *d.Faults <= 0.1):
		return usagef("--faults is %v; want a chance from 0 to 0.1", *d.Faults)
	case d.Provider == simulated && (d.Model != "" || d.BaseURL != ""):
		return usagef("--model and --base-url are for a real provider; add --provider anthropic or --provider openai")
	case d.Provider != simulated && (d.Speed != nil || d.Faults != nil):
		return usagef("--speed and --faults are for the simulated provider; leave out --provider")
	}
	_, err := d.prices()
	return err
}

func orDefault(flag *float64, value float64) *float64 {
	if flag == nil {
		return &value
	}
	return flag
}

// open returns the provider that the flags name, ready to be called for jobs.
func (d *providerFlags) open(ctx context.Context, t *terminal, jobs []*job) (*provider, error) {
	costs, err := d.prices()
	if err != nil {
		return nil, err
	}
	if d.Provider == simulated {
		return d.simulate(jobs, costs.withSimulated())
	}
	real := reals[d.Provider]
	key := t.env(real.key)
	if key == "" && d.BaseURL == "" {
		return nil, usagef("%s is not set; --provider %s needs a key (or leave the flag out: the simulated provider needs none)", real.key, d.Provider)
	}
	at, model := d.BaseURL, d.Model
	if at == "" {
		at = real.url
	}
	if model == "" {
		model = real.model
	}
	if err := probe(ctx, at); err != nil {
		return nil, err
	}
	p := &provider{
		title: fmt.Sprintf("%s at %s, model %s", real.api, at, model),
		note:  costNote(at),
		limit: limit.Config{Requests: *d.Requests, Tokens: *d.Tokens, Charge: real.charge},
		costs: costs,
		speed: 1,
		close: func() error { return nil },
	}
	if d.Provider == nameOpenAI {
		if !strings.HasSuffix(strings.TrimRight(at, "/"), "/v1") {
			p.hint = `does the base URL want "/v1" at its end?`
		}
		p.model = openai.New(openai.Config{APIKey: key, Model: model, BaseURL: d.BaseURL, MaxTokens: maxTokens})
	} else {
		p.model = anthropic.New(anthropic.Config{APIKey: key, Model: model, BaseURL: d.BaseURL, MaxTokens: maxTokens})
	}
	return p, nil
}

// who returns the flags that name the provider, for another command; "" for none.
func (d *providerFlags) who() (flags string) {
	for _, f := range [][2]string{{"--provider", strings.TrimPrefix(d.Provider, simulated)}, {"--model", d.Model}, {"--base-url", d.BaseURL}} {
		if f[1] != "" {
			flags += " " + f[0] + " " + shellWord(f[1])
		}
	}
	return flags
}

// costNote says what calls to a URL mean.
func costNote(at string) string {
	u, err := url.Parse(at)
	if err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()) {
		return "calls go to a server on this machine"
	}
	return "calls are real and may cost money"
}

// probeTime is how long a provider has to take a connection.
const probeTime = 10 * time.Second

// probe asks whether there is anybody at a URL. Any answer will do.
func probe(ctx context.Context, at string) error {
	u, err := url.Parse(at)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return usagef("--base-url is %q; want a URL such as https://host/path", at)
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, at, nil)
	if err != nil {
		return usagef("--base-url is %q: %w", at, err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the provider at %s cannot be reached: %w", at, err)
	}
	return resp.Body.Close()
}

// mishaps are the faults of the demo's provider that --faults gives a chance.
var mishaps = []llmsim.Fault{
	llmsim.RateLimited, llmsim.RateLimitedBlind, llmsim.Overloaded, llmsim.ServerError,
	llmsim.ResetBefore, llmsim.ResetAfter, llmsim.Slow, llmsim.CutStream,
}

// simulate starts the simulated provider on a free port of this machine.
func (d *providerFlags) simulate(jobs []*job, costs tariff) (*provider, error) {
	speed := d.speed(jobs)
	chance := defaultFaults
	if d.Faults != nil {
		chance = *d.Faults
	}
	config := llmsim.Config{
		Limits:  llmsim.Limits{Requests: int64(*d.Requests), Tokens: int64(*d.Tokens)},
		Latency: llmsim.Latency{FirstToken: 600 * time.Millisecond, TokensPerSecond: 80, Spread: 0.3, Slow: 8 * time.Second},
		Faults:  llmsim.Faults{},
		Decide:  refuse(jobs),
		Scale:   speed,
		Seed:    d.Seed,
	}
	for _, f := range mishaps {
		config.Faults[f] = chance
	}
	if someTooLong(jobs) {
		config.Context = shortContext
	}
	sim := llmsim.New(config)
	at, stop, err := serve(sim)
	if err != nil {
		return nil, err
	}
	note := "no key, no cost, no faults"
	if chance > 0 {
		note = fmt.Sprintf("no key, no cost; %d kinds of fault, each with a chance of %s %% a call", len(mishaps), decimal(100*chance))
	}
	return &provider{
		title: "simulated, as Anthropic's API at " + at,
		note:  note,
		// Streams, so that they can be cut.
		model: anthropic.New(anthropic.Config{Model: simulated, BaseURL: at, MaxTokens: maxTokens, StreamOver: 1}),
		limit: limit.Config{Requests: math.Trunc(*d.Requests), Tokens: math.Trunc(*d.Tokens), Per: scaled(time.Minute, speed)},
		costs: costs,
		speed: speed,
		sim:   sim,
		jams:  chance > 0,
		close: stop,
	}, nil
}

// serve runs a simulated provider on a free port until stop is called.
func serve(sim *llmsim.Server) (at string, stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("open a port for the simulated provider: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(ctx, l) }()
	return "http://" + l.Addr().String(), func() error {
		cancel()
		return <-ended
	}, nil
}

// pace is how long the work should take, were the simulated provider's limits
// all that it waits for; mostFast is how fast its clock goes for that at most.
const (
	pace     = 25 * time.Second
	mostFast = 60
)

// speed is how fast the simulated provider's clock goes: as --speed says, else
// fast enough for the work to be done in about half a minute.
func (d *providerFlags) speed(jobs []*job) float64 {
	if d.Speed != nil {
		return *d.Speed
	}
	calls, tokens := 0, 0
	seen := map[string]bool{}
	for _, j := range jobs {
		if seen[j.text] {
			continue
		}
		seen[j.text] = true
		parts := (len(j.text) + partSize - 1) / partSize
		calls += parts + 1
		tokens += len(j.text)/4 + 500*parts + 500
	}
	minutes := 0.0
	if *d.Requests > 0 {
		minutes = float64(calls) / *d.Requests
	}
	if *d.Tokens > 0 {
		minutes = max(minutes, float64(tokens)/(*d.Tokens))
	}
	return min(max(math.Round(10*minutes*60/pace.Seconds())/10, 1), mostFast)
}
