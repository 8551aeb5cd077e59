package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Table is the prices of models on one day. A Table that is not changed any more
// is safe for concurrent use. The nil Table prices nothing.
type Table struct {
	Date     string           `json:"date"`     // the day that the prices were looked up on, such as "2026-01-15"
	Currency string           `json:"currency"` // of all its Money, by ISO 4217: "USD"
	Models   map[string]Rates `json:"models"`   // by the names that calls give their models
}

// currency is how ISO 4217 names currencies.
var currency = regexp.MustCompile(`^[A-Z]{3}$`)

// Validate returns an error that names the first place that makes no sense: a
// date that is none, a currency that is not three capital letters, no models, a model without a name or with
// white space around it, a negative price.
func (t *Table) Validate() error {
	if _, err := time.Parse(time.DateOnly, t.Date); err != nil {
		return fmt.Errorf(`price: date is %s; want a day such as "2026-01-15"`, quote(t.Date))
	}
	if !currency.MatchString(t.Currency) {
		return fmt.Errorf(`price: currency is %s; want three capital letters such as "USD"`, quote(t.Currency))
	}
	if len(t.Models) == 0 {
		return errors.New("price: models has none; want at least one, by its name")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Models)) {
		if name == "" || name != strings.TrimSpace(name) {
			return fmt.Errorf("price: models has one named %s; want a name, without white space around it", quote(name))
		}
		rates := t.Models[name]
		for _, field := range rates.fields() {
			if *field.rate < 0 {
				return fmt.Errorf("price: models[%s].%s is %v; want 0 or more", quote(name), field.name, *field.rate)
			}
		}
	}
	return nil
}

type rateField struct {
	name string
	rate *Money
}

func (r *Rates) fields() []rateField {
	return []rateField{{"input", &r.Input}, {"output", &r.Output}, {"cache_read", &r.CacheRead}, {"cache_write", &r.CacheWrite}}
}

// Parse reads a table from JSON, as the package comment shows it. It is strict: an
// error names the place of what is missing, unknown, there twice or of no sense,
// as Validate has it. Of a model cache_read and cache_write may be left out, and
// are then what input is. Output must be there, also where it is 0.
func Parse(b []byte) (*Table, error) {
	t := &Table{}
	if err := json.Unmarshal(b, t); err != nil {
		return nil, inJSON(err, b)
	}
	return t, nil
}

// inJSON says where in b an error is that encoding/json found.
func inJSON(err error, b []byte) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	line := 1 + strings.Count(string(b[:min(int(syntax.Offset), len(b))]), "\n")
	return fmt.Errorf("price: line %d is not JSON: %w", line, err)
}

// UnmarshalJSON reads a table as [Parse] does.
func (t *Table) UnmarshalJSON(b []byte) error {
	read := Table{}
	err := object(b, "table", func(name string, value json.RawMessage) error {
		switch name {
		case "date":
			return text(value, name, &read.Date)
		case "currency":
			return text(value, name, &read.Currency)
		case "models":
			return read.models(value)
		}
		return fmt.Errorf("price: %s is unknown; want date, currency and models", quote(name))
	})
	if err == nil {
		err = read.Validate()
	}
	if err == nil {
		*t = read
	}
	return err
}

func (t *Table) models(b []byte) error {
	t.Models = map[string]Rates{}
	return object(b, "models", func(name string, value json.RawMessage) error {
		var r Rates
		err := r.read(value, fmt.Sprintf("models[%s]", quote(name)))
		t.Models[name] = r
		return err
	})
}

// UnmarshalJSON reads the rates of one model, as [Parse] does.
func (r *Rates) UnmarshalJSON(b []byte) error {
	var read Rates
	if err := read.read(b, "rates"); err != nil {
		return err
	}
	*r = read
	return nil
}

// read reads the rates that stand at a place.
func (r *Rates) read(b []byte, place string) error {
	given := map[string]bool{}
	err := object(b, place, func(name string, value json.RawMessage) error {
		for _, field := range r.fields() {
			if field.name == name {
				given[name] = true
				return rate(value, place+"."+name, field.rate)
			}
		}
		return fmt.Errorf("price: %s.%s is unknown; want input, output, cache_read and cache_write", place, name)
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"input", "output"} {
		if !given[name] {
			return fmt.Errorf("price: %s.%s is missing; want the price of a million tokens, 0 if there is none", place, name)
		}
	}
	if !given["cache_read"] {
		r.CacheRead = r.Input
	}
	if !given["cache_write"] {
		r.CacheWrite = r.Input
	}
	return nil
}

func rate(b []byte, place string, into *Money) error {
	m, err := parseMoney(string(b))
	if err != nil {
		return fmt.Errorf("price: %s: %w", place, err)
	}
	if m < 0 {
		return fmt.Errorf("price: %s is %v; want 0 or more", place, m)
	}
	*into = m
	return nil
}

func text(b []byte, place string, into *string) error {
	if len(b) == 0 || b[0] != '"' {
		return fmt.Errorf("price: %s is %s; want text", place, quote(string(b)))
	}
	return json.Unmarshal(b, into)
}
