package price_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/price"
)

func TestMoneyIsPrintedAndRead(t *testing.T) {
	for want, m := range map[string]price.Money{
		"0.00": 0, "12.50": 12_500_000_000, "5.00": 5_000_000_000, "0.25": 250_000_000, "0.0001234": 123_400, "0.000000001": 1,
		"-0.01": -10_000_000, "-0.000000001": -1, "-12.505": -12_505_000_000, "1000000.00": 1_000_000_000_000_000,
		"9223372036.854775807": math.MaxInt64, "-9223372036.854775808": math.MinInt64,
	} {
		if got := m.String(); got != want {
			t.Errorf("String of %d billionths = %s; want %s", int64(m), got, want)
		}
		if got, err := price.ParseMoney(want); got != m || err != nil {
			t.Errorf("ParseMoney(%s) = %d, %v; want %d", want, int64(got), err, int64(m))
		}
	}
	for s, want := range map[string]price.Money{"5": 5e9, "5.0": 5e9, "007.5": 7.5e9, "0.100000000": 1e8, "-0": 0, "-0.00": 0} {
		if got, err := price.ParseMoney(s); got != want || err != nil {
			t.Errorf("ParseMoney(%s) = %d, %v; want %d", s, int64(got), err, int64(want))
		}
	}
}

func TestMoneyRefuses(t *testing.T) {
	const form, range_ = "want digits such as 5 or 12.50", "want -9223372036.854775808 to 9223372036.854775807"
	for s, want := range map[string]string{
		"": form, "-": form, ".": form, ".5": form, "5.": form, "-.5": form, "+5": form, "--5": form, "5-": form, "- 5": form, " 5": form, "5 ": form,
		"1e3": form, "1_000": form, "1,000": form, "1,50": form, "0x10": form, "1.2.3": form, "$5": form, "٣": form, "NaN": form, "Inf": form,
		"0.0000000001": "up to 9 decimals", "0.0000000000": "up to 9 decimals",
		"9223372036.854775808": range_, "-9223372036.854775809": range_, "10000000000": range_, strings.Repeat("9", 500): range_,
	} {
		got, err := price.ParseMoney(s)
		if err == nil || got != 0 || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `price: "`) || len(err.Error()) > 250 {
			t.Errorf("ParseMoney(%q) = %v, %v; want an error with %q", s, got, err, want)
		}
	}
}

func TestMoneyInJSON(t *testing.T) {
	type bill struct {
		Sum  price.Money
		Left *price.Money           `json:",omitempty"`
		By   map[price.Money]string `json:",omitempty"`
	}
	want := bill{Sum: math.MaxInt64, By: map[price.Money]string{-10_000_000: "refund"}} // more digits than a float64 has
	b, err := json.Marshal(want)
	if err != nil || string(b) != `{"Sum":9223372036.854775807,"By":{"-0.01":"refund"}}` {
		t.Fatalf("Marshal = %s, %v", b, err)
	}
	var got bill
	if err := json.Unmarshal(b, &got); err != nil || got.Sum != want.Sum || got.By[-10_000_000] != "refund" {
		t.Errorf("Unmarshal of %s = %+v, %v; want %+v", b, got, err, want)
	}
	if err := json.Unmarshal([]byte(`{"Sum":"-12.5"}`), &got); err != nil || got.Sum != -12_500_000_000 {
		t.Errorf("Unmarshal of a number in quotes = %+v, %v; want -12.50", got, err)
	}
	got = bill{Sum: 7}
	if err := json.Unmarshal([]byte(`{"Sum":null,"Left":null}`), &got); err != nil || got.Sum != 7 || got.Left != nil {
		t.Errorf("Unmarshal of nulls = %+v, %v; want nothing changed", got, err)
	}
	for _, s := range []string{`"5e0"`, `""`, `"\u0035"`, `5e0`, `1E-7`, `true`, `{}`, `0.1234567891`} {
		got := bill{Sum: 7}
		if err := json.Unmarshal([]byte(`{"Sum":`+s+`}`), &got); err == nil || got.Sum != 7 || !strings.Contains(err.Error(), "want digits") {
			t.Errorf("Unmarshal of %s = %+v, %v; want an error and nothing changed", s, got, err)
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, s := range []string{"0", "12.50", "-0.01", "9223372036.854775807", "-9223372036.854775808", "+1", "1e3", "00.000000001", ".5"} {
		f.Add(s, int64(len(s)))
	}
	f.Fuzz(func(t *testing.T, s string, n int64) {
		m := price.Money(n)
		if got, err := price.ParseMoney(m.String()); got != m || err != nil {
			t.Errorf("ParseMoney(%s) = %v, %v; want %d billionths", m, got, err, n)
		}
		b, err := json.Marshal(m)
		var back price.Money
		if err != nil || json.Unmarshal(b, &back) != nil || back != m {
			t.Errorf("%d billionths are %s, %v in JSON, which is %v", n, b, err, back)
		}
		parsed, err := price.ParseMoney(s)
		if err != nil {
			return
		}
		if again, err := price.ParseMoney(parsed.String()); again != parsed || err != nil {
			t.Errorf("ParseMoney(%q) = %v, which is read as %v, %v", s, parsed, again, err)
		}
		if strings.Trim(s, "-.0123456789") != "" {
			t.Errorf("ParseMoney(%q) = %v; want an error", s, parsed)
		}
	})
}
