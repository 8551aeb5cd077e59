package pawl

import (
	"cmp"
	"slices"

	"github.com/pawlhq/pawl/llm"
)

// ModelSum is what answered calls of one model amount to.
type ModelSum struct {
	Model string `json:"model,omitempty"` // as the requests named it; "" if that is not known
	Sum
	Currency string `json:"currency,omitempty"` // of Cost; "" if that is 0
}

// ModelSums is answered calls by their models, each with one currency.
type ModelSums []ModelSum

// add adds calls. What costs nothing has no currency.
func (m *ModelSums) add(of ModelSum) {
	if of.Cost == 0 {
		of.Currency = ""
	}
	for i := range *m {
		if s := &(*m)[i]; s.Model == of.Model && s.Currency == of.Currency {
			s.Sum = s.Plus(of.Sum)
			return
		}
	}
	*m = append(*m, of)
}

// Total returns what all amount to, and the currency of the cost, "" if that is 0.
func (m ModelSums) Total() (sum Sum, currency string) {
	for i := range m {
		sum, currency = sum.Plus(m[i].Sum), cmp.Or(m[i].Currency, currency)
	}
	return sum, currency
}

// setAnswered sets what the attempt has of answered calls, of which it has no other yet.
func (a *Attempt) setAnswered(m ModelSums) {
	sum, currency := m.Total()
	a.Calls, a.Usage, a.Cost, a.Currency = a.Calls+int(sum.Calls), sum.Usage, sum.Cost, currency
	switch len(m) {
	case 0:
	case 1:
		a.Model = m[0].Model
	default:
		a.Models = m
	}
}

// Answered returns what the attempt's calls amount to that were answered.
func (a *Attempt) Answered() ModelSums {
	if len(a.Models) > 0 {
		return a.Models
	}
	calls := a.Calls - a.Failed - a.Unknown
	if calls <= 0 && a.Usage != (llm.Usage{}) {
		calls = a.Calls // an earlier version lost it, for which the unknown were not of them
	}
	one := ModelSum{Model: a.Model, Sum: Sum{int64(max(0, calls)), a.Usage, a.Cost}, Currency: a.Currency}
	if one.Sum == (Sum{}) {
		return nil
	}
	return ModelSums{one}
}

// Answered returns what some tasks' calls amount to that were answered, sorted by models.
func Answered(rows ...*TaskRow) ModelSums {
	var all ModelSums
	for _, r := range rows {
		for i := range r.Attempts {
			for _, of := range r.Attempts[i].Answered() {
				all.add(of)
			}
		}
	}
	slices.SortFunc(all, func(a, b ModelSum) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Currency, b.Currency))
	})
	return all
}
