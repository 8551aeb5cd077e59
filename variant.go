package pawl

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/pawlhq/pawl/llm"
)

// A forked run's variant holds for the calls that are made anew: a call that the
// handler asks for as before, and whose response is stored, is answered as before.

// edit returns what the variant of the attempt's task has calls say otherwise.
// The prompt is for the first call that is made anew.
func (a *attempt) edit() (e llm.Edit, any bool, err error) {
	if a.row.Links == nil || len(a.row.Links.Variant) == 0 {
		return e, false, nil
	}
	a.mu.Lock()
	prompted := a.prompted
	a.mu.Unlock()
	for name, value := range a.row.Links.Variant {
		switch {
		case name == variantPrompt && prompted:
			continue
		case name == variantPrompt:
			err = json.Unmarshal(value, &e.Prompt)
		case name == variantSystem:
			err = json.Unmarshal(value, &e.System)
		default:
			if e.Fields == nil {
				e.Fields = map[string]json.RawMessage{}
			}
			e.Fields[name] = value
		}
		if err != nil {
			return e, false, Permanent(fmt.Errorf("%q of the variant: %w", name, err))
		}
		any = true
	}
	return e, any, nil
}

// tookPrompt notes that a call was made with the variant's prompt.
func (a *attempt) tookPrompt() {
	a.mu.Lock()
	a.prompted = true
	a.mu.Unlock()
}

// Adapt implements [llm.Adapter] for calls through [llm.Transport].
func (a *attempt) Adapt(c llm.Call) (json.RawMessage, error) {
	e, any, err := a.edit()
	if err != nil || !any || a.isStored(callKey(c)) {
		return c.Body, err
	}
	editor, ok := c.API.(llm.Editor)
	if !ok {
		return nil, Permanent(fmt.Errorf("the variant of a fork holds for calls through %s, whose requests cannot be edited", c.API.Name()))
	}
	body, err := editor.Edit(c.Body, e)
	if err != nil {
		return nil, Permanent(err)
	}
	a.tookPrompt()
	return body, nil
}

// editOption returns what of an edit is an option of Ask.
func editOption(e llm.Edit) AskOption {
	return func(r *llm.Request) {
		if e.System != nil {
			r.System = *e.System
		}
		if len(e.Fields) > 0 {
			extra := maps.Clone(r.Extra)
			if extra == nil {
				extra = map[string]json.RawMessage{}
			}
			maps.Copy(extra, e.Fields)
			r.Extra = extra
		}
	}
}

// heritage returns what of the variant holds for the tasks that come after this one.
func (r *TaskRow) heritage() Variant {
	if r.Links == nil || len(r.Links.Variant) == 0 {
		return nil
	}
	v := Variant(maps.Clone(r.Links.Variant))
	delete(v, variantPrompt)
	if len(v) == 0 {
		return nil
	}
	return v
}
