package cli

import (
	"cmp"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl/limit"
)

// settingFlags are the parts of a limit's configuration; nil is not given.
type settingFlags struct {
	Requests     *float64       `help:"Calls in each time of --per; 0 for no cap." placeholder:"N"`
	Tokens       *float64       `help:"Input and output tokens together; 0 for no cap." placeholder:"N"`
	InputTokens  *float64       `help:"Input tokens; 0 for no cap." placeholder:"N"`
	OutputTokens *float64       `help:"Output tokens; 0 for no cap." placeholder:"N"`
	Per          *time.Duration `help:"The time that these are for, such as 1m or 1h; 0 for a minute." placeholder:"D"`

	RequestsPerDay *float64 `help:"Calls in 24 hours; 0 for no cap." placeholder:"N"`
	TokensPerDay   *float64 `help:"Input and output tokens together in 24 hours; 0 for no cap." placeholder:"N"`
	CostPerDay     *float64 `help:"Money in 24 hours, in the currency of the prices; 0 for no cap." placeholder:"X"`

	InFlight *int           `help:"Most calls in flight; 0 for no cap." placeholder:"N"`
	Burst    *time.Duration `help:"How much a bucket holds, as that much of its refill; 0 for a sixth of --per." placeholder:"D"`
	Charge   *string        `enum:"input-then-output,max-or-chars,input-plus-max" help:"How the provider charges: input-then-output as Anthropic, max-or-chars as OpenAI, input-plus-max as Azure, Groq, Cerebras and Bedrock." placeholder:"WAY"`
	Within   *string        `help:"Another limit that this one is a part of: each call is charged there too. none for none." placeholder:"NAME"`

	UserTokens       *float64 `help:"What each user may use: tokens in each time of --per; 0 for no ceiling." placeholder:"N"`
	UserTokensPerDay *float64 `help:"Tokens in 24 hours; 0 for no ceiling." placeholder:"N"`
	UserCostPerDay   *float64 `help:"Money in 24 hours; 0 for no ceiling." placeholder:"X"`

	PriceInput      *float64 `help:"What a million tokens of input cost." placeholder:"X"`
	PriceOutput     *float64 `help:"And of output." placeholder:"X"`
	PriceCacheRead  *float64 `help:"And of input read from the provider's cache." placeholder:"X"`
	PriceCacheWrite *float64 `help:"And of input written to it." placeholder:"X"`
}

// The words for settings that are "".
const (
	noneName    = "none"
	usualCharge = "input-then-output"
)

// apply changes the parts that are given.
func (f settingFlags) apply(c *limit.Config) {
	give(&c.Requests, f.Requests)
	give(&c.Tokens, f.Tokens)
	give(&c.InputTokens, f.InputTokens)
	give(&c.OutputTokens, f.OutputTokens)
	give(&c.Per, f.Per)
	give(&c.RequestsPerDay, f.RequestsPerDay)
	give(&c.TokensPerDay, f.TokensPerDay)
	give(&c.CostPerDay, f.CostPerDay)
	give(&c.InFlight, f.InFlight)
	give(&c.Burst, f.Burst)
	if f.Charge != nil {
		c.Charge = limit.Charge(unless(*f.Charge, usualCharge))
	}
	if f.Within != nil {
		c.Within = unless(*f.Within, noneName)
	}
	give(&c.User.Tokens, f.UserTokens)
	give(&c.User.TokensPerDay, f.UserTokensPerDay)
	give(&c.User.CostPerDay, f.UserCostPerDay)
	give(&c.Price.Input, f.PriceInput)
	give(&c.Price.Output, f.PriceOutput)
	give(&c.Price.CacheRead, f.PriceCacheRead)
	give(&c.Price.CacheWrite, f.PriceCacheWrite)
}

func give[T any](part *T, flag *T) {
	if flag != nil {
		*part = *flag
	}
}

// unless returns s, or "" if it is the word for that.
func unless(s, word string) string {
	if s == word {
		return ""
	}
	return s
}

// setting is a part of a limit's configuration, under the name of its flag.
type setting struct {
	flag  string
	value any // float64, time.Duration, int or string
}

func settingsOf(c limit.Config) []setting {
	return []setting{
		{"requests", c.Requests}, {"tokens", c.Tokens}, {"input-tokens", c.InputTokens}, {"output-tokens", c.OutputTokens},
		{"per", c.Per},
		{"requests-per-day", c.RequestsPerDay}, {"tokens-per-day", c.TokensPerDay}, {"cost-per-day", c.CostPerDay},
		{"in-flight", c.InFlight}, {"burst", c.Burst},
		{"charge", cmp.Or(string(c.Charge), usualCharge)}, {"within", c.Within},
		{"user-tokens", c.User.Tokens}, {"user-tokens-per-day", c.User.TokensPerDay}, {"user-cost-per-day", c.User.CostPerDay},
		{"price-input", c.Price.Input}, {"price-output", c.Price.Output},
		{"price-cache-read", c.Price.CacheRead}, {"price-cache-write", c.Price.CacheWrite},
	}
}

// configView is a limit's configuration as JSON: all of its settings by their
// flags, with _ for -. Times are in nanoseconds.
type configView map[string]any

func viewConfig(c limit.Config) configView {
	v := configView{}
	for _, s := range settingsOf(c) {
		v[strings.ReplaceAll(s.flag, "-", "_")] = s.value
	}
	return v
}

// text is a setting for people; rates are for a time.
func (s setting) text(rate time.Duration) string {
	switch v := s.value.(type) {
	case float64:
		switch {
		case v == 0:
			return noneName
		case strings.HasPrefix(s.flag, "price-"):
			return exact(v)
		case strings.HasSuffix(s.flag, "-per-day"):
			return exact(v) + "/day"
		}
		return exact(v) + "/" + per(rate)
	case time.Duration:
		if v == 0 {
			return "default"
		}
		return v.String()
	case int:
		if v == 0 {
			return noneName
		}
		return thousands(v)
	}
	return cmp.Or(s.value.(string), noneName)
}

// perOf is the time of a limit's rates.
func perOf(c limit.Config) time.Duration { return cmp.Or(c.Per, time.Minute) }

// exact writes a number with all its decimals.
func exact(x float64) string {
	if x == math.Trunc(x) {
		return thousands(int64(x))
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

var (
	configField = regexp.MustCompile(`Config\.([A-Za-z.]+)`)
	humps       = regexp.MustCompile(`([a-z])\.?([A-Z])`)
)

// flagged says of flags what an error says of the fields of a configuration.
func flagged(err error) string {
	text := strings.TrimPrefix(err.Error(), "limit: ")
	return configField.ReplaceAllStringFunc(text, func(field string) string {
		name := strings.TrimPrefix(field, "Config.")
		if name == "Price" {
			name = "PriceInput"
		}
		return "--" + strings.ToLower(humps.ReplaceAllString(name, "$1-$2"))
	})
}
