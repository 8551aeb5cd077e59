package limit_test

import (
	stdcmp "cmp"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl/limit"
)

func TestValidateNamesTheField(t *testing.T) {
	for _, tt := range []struct {
		c    limit.Config
		want string
	}{
		{limit.Config{Requests: -1}, "limit: Config.Requests is -1; want 0 or more, at most 1e+12"},
		{limit.Config{Tokens: math.NaN()}, "limit: Config.Tokens is NaN; want 0 or more, at most 1e+12"},
		{limit.Config{InputTokens: math.Inf(1)}, "limit: Config.InputTokens is +Inf; want 0 or more, at most 1e+12"},
		{limit.Config{OutputTokens: -2}, "limit: Config.OutputTokens is -2; want 0 or more, at most 1e+12"},
		{limit.Config{Per: -sec}, "limit: Config.Per is -1s; want 1ms or more, or 0 for a minute"},
		{limit.Config{Per: time.Nanosecond}, "limit: Config.Per is 1ns; want 1ms or more, or 0 for a minute"},
		{limit.Config{InFlight: -1}, "limit: Config.InFlight is -1; want 0 or more"},
		{limit.Config{Burst: 2 * time.Minute}, "limit: Config.Burst is 2m0s; want 0 to 1m0s, the time of Config.Per"},
		{limit.Config{Charge: "x"}, `limit: Config.Charge is "x"; want "", "max-or-chars" or "input-plus-max"`},
	} {
		if err := tt.c.Validate(); err == nil || err.Error() != tt.want {
			t.Errorf("Validate(%+v) = %v; want %s", tt.c, err, tt.want)
		}
	}
	for _, c := range []limit.Config{{}, perSecond, {Requests: 50, Per: time.Hour, Burst: time.Hour, Charge: limit.MaxOrChars}} {
		if err := c.Validate(); err != nil {
			t.Errorf("Validate(%+v) = %v; want nil", c, err)
		}
	}
}

func TestZeroConfigLimitsNothing(t *testing.T) {
	var c limit.Config
	if c.Limited() {
		t.Error("Limited = true; want false")
	}
	if b, _ := json.Marshal(c); string(b) != "{}" {
		t.Errorf("JSON = %s; want {}", b)
	}
	var s limit.State
	for range 1000 {
		admit(t, &s, t0, c, call(1e9))
	}
	if s.InFlight != 1000 {
		t.Errorf("InFlight = %d; want 1000, counted even if not limited", s.InFlight)
	}
}

func TestCapacityIsTheBurst(t *testing.T) {
	for _, tt := range []struct {
		c    limit.Config
		want []limit.Level
	}{
		{limit.Config{Requests: 60}, []limit.Level{{Name: "requests", Limit: 60, Configured: 60, Level: 10, Capacity: 10}}},
		{limit.Config{Requests: 3}, []limit.Level{{Name: "requests", Limit: 3, Configured: 3, Level: 1, Capacity: 1}}},
		{limit.Config{InputTokens: 6000, Burst: sec}, []limit.Level{{Name: "input tokens", Limit: 6000, Configured: 6000, Level: 100, Capacity: 100}}},
		{limit.Config{OutputTokens: 6000, Per: time.Hour}, []limit.Level{{Name: "output tokens", Limit: 6000, Configured: 6000, Level: 1000, Capacity: 1000}}},
		{limit.Config{Tokens: 6000, Per: time.Hour, Burst: time.Hour}, []limit.Level{{Name: "tokens", Limit: 6000, Configured: 6000, Level: 6000, Capacity: 6000}}},
		{limit.Config{InFlight: 3}, []limit.Level{}},
	} {
		var s limit.State
		for i := range tt.want {
			tt.want[i].Per = stdcmp.Or(tt.c.Per, time.Minute)
		}
		if diff := cmp.Diff(tt.want, s.Levels(t0, tt.c)); diff != "" {
			t.Errorf("Levels(%+v) (-want +got):\n%s", tt.c, diff)
		}
	}
}

func TestEstimate(t *testing.T) {
	size := limit.Size{Chars: 4001, MaxTokens: 500, Output: 200}
	for _, tt := range []struct {
		charge limit.Charge
		size   limit.Size
		want   limit.Cost
	}{
		{limit.InputThenOutput, size, limit.Cost{Input: 1001, Output: 200, Tokens: 1201}},
		{limit.InputThenOutput, limit.Size{Chars: 40, MaxTokens: 500}, limit.Cost{Input: 10, Output: limit.DefaultOutput, Tokens: 10 + limit.DefaultOutput}},
		{limit.InputThenOutput, limit.Size{Chars: 40, MaxTokens: 5, Output: 9}, limit.Cost{Input: 10, Output: 5, Tokens: 15}},
		{limit.InputThenOutput, limit.Size{Chars: 40}, limit.Cost{Input: 10, Output: limit.DefaultOutput, Tokens: 10 + limit.DefaultOutput}},
		{limit.InputPlusMax, size, limit.Cost{Input: 1001, Output: 500, Tokens: 1501}},
		{limit.InputPlusMax, limit.Size{Chars: 40, Output: 7}, limit.Cost{Input: 10, Output: 7, Tokens: 17}},
		{limit.MaxOrChars, size, limit.Cost{Input: 1001, Output: 200, Tokens: 1001}},
		{limit.MaxOrChars, limit.Size{Chars: 40, MaxTokens: 500}, limit.Cost{Input: 10, Output: limit.DefaultOutput, Tokens: 500}},
		{limit.InputThenOutput, limit.Size{Chars: -40, MaxTokens: -1, Output: -1}, limit.Cost{Output: limit.DefaultOutput, Tokens: limit.DefaultOutput}},
	} {
		tt.want.Requests, tt.want.RequestsDay, tt.want.InFlight, tt.want.TokensDay = 1, 1, 1, tt.want.Tokens
		if got := (limit.Config{Charge: tt.charge}).Estimate(tt.size, nil); got != tt.want {
			t.Errorf("Estimate(%q, %+v) = %+v; want %+v", tt.charge, tt.size, got, tt.want)
		}
	}
}

func TestActual(t *testing.T) {
	size := limit.Size{Chars: 4000, MaxTokens: 500, Output: 200}
	used := limit.Usage{Input: 100, Output: 50, CacheRead: 900, CacheWrite: 30}
	for _, tt := range []struct {
		name   string
		charge limit.Charge
		used   limit.Usage
		want   limit.Cost
	}{
		{"cache reads are free", limit.InputThenOutput, used, limit.Cost{Input: 130, Output: 50, Tokens: 180}},
		{"cache reads count", limit.InputPlusMax, used, limit.Cost{Input: 1030, Output: 50, Tokens: 1080}},
		{"never below max or chars", limit.MaxOrChars, limit.Usage{Input: 10, Output: 5}, limit.Cost{Input: 10, Output: 5, Tokens: 1000}},
		{"more than max or chars", limit.MaxOrChars, used, limit.Cost{Input: 1030, Output: 50, Tokens: 1080}},
		{"no usage told", limit.InputThenOutput, limit.Usage{}, limit.Cost{Input: 1000, Output: 200, Tokens: 1200}},
		{"negative", limit.InputThenOutput, limit.Usage{Input: -5, Output: math.MinInt64}, limit.Cost{}},
	} {
		tt.want.Requests, tt.want.RequestsDay, tt.want.InFlight, tt.want.TokensDay = 1, 1, 1, tt.want.Tokens
		if got := (limit.Config{Charge: tt.charge}).Actual(size, tt.used, nil); got != tt.want {
			t.Errorf("%s: Actual = %+v; want %+v", tt.name, got, tt.want)
		}
	}
}
