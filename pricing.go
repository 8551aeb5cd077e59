package pawl

import (
	"bytes"
	"encoding/json"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// pricing is what a model's calls cost.
type pricing struct {
	model    string
	rates    *price.Rates // nil if the model has no price
	currency string
}

func (c *Client) pricing(model string) pricing {
	p := pricing{model: model}
	if rates, ok := c.config.Prices.Find(model); ok {
		p.rates, p.currency = &rates, c.config.Prices.Currency
	}
	return p
}

func (p *pricing) cost(u llm.Usage) price.Money {
	if p.rates == nil {
		return 0
	}
	return p.rates.Cost(u)
}

func (p *pricing) cacheSaved(u llm.Usage) price.Money {
	if p.rates == nil {
		return 0
	}
	return p.rates.CacheSaved(u)
}

// saving returns what is saved by taking a stored answer. One without a model may be of a
// version that stored what it did cost in the head of its result.
func (s *StepRow) saving() Saving {
	model, cost, currency := s.Model, s.Cost, s.Currency
	if line, _, _ := bytes.Cut(s.Result, []byte("\n")); model == "" {
		var head exchangeHead
		_ = json.Unmarshal(line, &head) // it was read as an exchange
		model, cost, currency = head.Paid.Model, head.Paid.Cost, head.Paid.Currency
	}
	return Saving{Kind: EntryRetried, Sum: Sum{1, s.Usage, cost}, Model: model, Currency: currency}
}

// spare counts a stored answer that was taken.
func (t *tally) spare(of Saving) {
	t.saved++
	t.spared = t.spared.Add(of.Usage)
	for i := range t.sparedBy {
		if s := &t.sparedBy[i]; s.Model == of.Model && s.Currency == of.Currency {
			s.Sum = s.Plus(of.Sum)
			return
		}
	}
	t.sparedBy = append(t.sparedBy, of)
}

// savings returns what the attempt did not pay because others had. One that goes on
// after a wait takes up its own answers: that saves nothing.
func (a *attempt) savings() []Saving {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Saving
	if n := len(a.row.Attempts); n > 0 && a.row.Attempts[n-1].Class != Parked {
		for _, s := range a.sum.sparedBy {
			s.Of = a.row.ID
			all = append(all, s)
		}
	}
	if a.matched != nil {
		all = append(all, a.matched.savingOf(EntrySimilar))
	}
	if a.shadow != nil {
		all = append(all, a.shadow.savingOf(EntryShadow))
	}
	return all
}
