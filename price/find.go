package price

import (
	"regexp"
	"strings"
	"time"
)

// Find returns the rates of the model that a call names, and whether the table has
// them. The table's names are taken as they stand. The call's is looked up as it
// stands, and then without what does not change the model:
//
//   - a provider before it: "anthropic/NAME", "openai/NAME", "bedrock/NAME",
//     "vertex_ai/NAME", and Bedrock's own "anthropic.NAME-v1:0" or "us.anthropic.NAME-v1:0"
//   - its version after it: "NAME-20250929", "NAME-2025-08-07", "NAME@20250929",
//     "NAME-latest", "NAME@latest", "NAME@default"
//
// It never takes one model for another, whatever their names have in common:
// "gpt-5" does not price "gpt-5-mini", nor what was made of it by fine-tuning.
func (t *Table) Find(model string) (Rates, bool) {
	if t == nil || model == "" {
		return Rates{}, false
	}
	if r, ok := t.Models[model]; ok {
		return r, true
	}
	plain := withoutProvider(model)
	for _, name := range []string{plain, withoutVersion(model), withoutVersion(plain)} {
		if r, ok := t.Models[name]; ok && name != "" {
			return r, true
		}
	}
	return Rates{}, false
}

// bedrock is a name of Amazon Bedrock: a region or a group of them, the provider,
// the name and a version of Bedrock's own.
var bedrock = regexp.MustCompile(`^(?:[a-z]+(?:-[a-z]+)?\.)?anthropic\.(.+?)(?:-v[0-9]+(?::[0-9]+)?)?$`)

func withoutProvider(name string) string {
	for _, provider := range []string{"anthropic/", "openai/", "bedrock/", "vertex_ai/"} {
		if rest, ok := strings.CutPrefix(name, provider); ok {
			name = rest
			break
		}
	}
	if m := bedrock.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return name
}

func withoutVersion(name string) string {
	for _, version := range []string{"-latest", "@latest", "@default"} {
		if rest, ok := strings.CutSuffix(name, version); ok {
			return rest
		}
	}
	for _, layout := range []string{"-20060102", "@20060102", "-2006-01-02"} {
		at := len(name) - len(layout)
		if at <= 0 {
			continue
		}
		if day, err := time.Parse(layout, name[at:]); err == nil && day.Year() >= firstYear {
			return name[:at]
		}
	}
	return name
}

// firstYear is a year in which there was no model yet: numbers before it are no dates.
const firstYear = 2018
