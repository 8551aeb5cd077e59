package pawl

import (
	"bytes"
	"encoding/json"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// paid is what an answered call did cost. It is stored with the answer, so that it is
// known what taking it again saves.
type paid struct {
	Model    string      `json:"model,omitempty"`
	Currency string      `json:"currency,omitempty"` // "" if the model has no price
	Cost     price.Money `json:"cost,omitempty"`
}

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

// of returns what a usage costs.
func (p *pricing) of(u llm.Usage) paid {
	out := paid{Model: p.model, Currency: p.currency}
	if p.rates != nil {
		out.Cost = p.rates.Cost(u)
	}
	return out
}

func (p *pricing) cacheSaved(u llm.Usage) price.Money {
	if p.rates == nil {
		return 0
	}
	return p.rates.CacheSaved(u)
}

// paidFor returns what the answer in a stored step did cost.
func paidFor(s *StepRow) paid {
	line, _, _ := bytes.Cut(s.Result, []byte("\n"))
	var head struct {
		Paid paid `json:"paid"`
	}
	_ = json.Unmarshal(line, &head) // it was read as an exchange
	return head.Paid
}

// spare counts a stored answer that was taken.
func (t *tally) spare(u llm.Usage, p paid) {
	t.saved++
	t.spared = t.spared.Add(u)
	one := Sum{1, u, p.Cost}
	for i := range t.sparedBy {
		if s := &t.sparedBy[i]; s.Model == p.Model && s.Currency == p.Currency {
			s.Sum = s.Plus(one)
			return
		}
	}
	t.sparedBy = append(t.sparedBy, Saving{Kind: EntryRetried, Sum: one, Model: p.Model, Currency: p.Currency})
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
