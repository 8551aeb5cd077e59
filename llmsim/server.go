package llmsim

import (
	"maps"
	"net/http"
	"runtime"
	"sync"
	"time"
)

// Server is a simulated provider: an [http.Handler] that speaks Anthropic's
// Messages API, OpenAI's Chat Completions API and its API of embeddings. It is safe for concurrent
// use and starts no goroutines of its own.
type Server struct {
	cfg      Config
	ledger   *ledger
	accounts map[string]*account // by API
	cache    *promptCache
	work     chan struct{} // held while an answer is written: bounds memory and processors

	mu       sync.Mutex
	faults   Faults
	injected []Fault
}

// New returns a provider. It panics with [Config.Validate]'s error if cfg
// cannot be used.
func New(cfg Config) *Server {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	cfg = cfg.withDefaults()
	s := &Server{
		cfg:      cfg,
		ledger:   newLedger(cfg.Log),
		accounts: map[string]*account{},
		work:     make(chan struct{}, runtime.GOMAXPROCS(0)),
		faults:   maps.Clone(cfg.Faults),
	}
	s.cache = &promptCache{life: s.scaled(cacheLife), ends: map[prefixKey]time.Time{}}
	for _, d := range dialects {
		s.accounts[d.name()] = newAccount(d.own(cfg.Limits), cfg.Acceleration, cfg.Scale)
	}
	return s
}

// SetFaults changes how often what goes wrong, from the next call on. Nil ends
// all faults. It returns an error, and changes nothing, if f is not valid.
func (s *Server) SetFaults(f Faults) error {
	if err := (Config{Faults: f}).Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = maps.Clone(f)
	return nil
}

// SetLimits changes the account's limits at once. What was used stays used: a
// limit that is raised does not fill up, one that was unlimited starts full.
// It returns an error, and changes nothing, if l is not valid.
func (s *Server) SetLimits(l Limits) error {
	if err := (Config{Limits: l}).Validate(); err != nil {
		return err
	}
	for _, d := range dialects {
		s.accounts[d.name()].set(d.own(l))
	}
	return nil
}

// Inject queues faults: each of the next calls that the limits let pass takes
// one, whatever it says. None lets a call go well. It returns an error, and
// queues nothing, if one is no kind of fault.
func (s *Server) Inject(faults ...Fault) error {
	if err := checkFaults(faults); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.injected = append(s.injected, faults...)
	return nil
}

// fate decides what happens to a call that the limits let pass. A fault that
// its header asks for comes first, then the queue of Inject, then what its
// text decides, then chance.
func (s *Server) fate(c *Call, asked, decided Fault) fate {
	nth := s.ledger.admit(c.Hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := draw(s.cfg.Seed, c.Hash, nth, s.faults, s.cfg.Latency.Spread)
	switch {
	case asked == spared:
		f.fault = None
	case asked != None:
		f.fault = asked
	case len(s.injected) > 0:
		f.fault = s.injected[0]
		s.injected = s.injected[1:]
	case decided != None:
		f.fault = decided
	}
	return f
}

// scaled is d of the account's time in real time.
func (s *Server) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.cfg.Scale)
}

// second is how long a second of the account lasts. Headers that count in whole
// seconds count in these.
func (s *Server) second() time.Duration { return max(s.scaled(time.Second), 1) }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v1/messages":
		s.answer(w, r, anthropic{})
	case "/v1/messages/count_tokens":
		s.count(w, r)
	case "/v1/chat/completions":
		s.answer(w, r, openai{})
	case "/v1/embeddings":
		s.answer(w, r, embeddings{})
	default:
		d := dialectOf(r)
		writeProblem(w, d, d.notFound(r), "")
	}
}
