package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/pawlhq/pawl"
)

// fewSpent is how many accounts are named that have spent something of a budget that is set.
const fewSpent = 3

// readSpent returns how a budget stands that was set; with no accounts if it was removed
// since.
func readSpent(ctx context.Context, client *pawl.Client, name string) (budgetView, error) {
	status, err := client.Status(ctx)
	if err != nil {
		return budgetView{}, err
	}
	for i := range status.Budgets {
		if b := &status.Budgets[i]; b.String() == name {
			return viewBudget(b, nil), nil
		}
	}
	return budgetView{Accounts: []accountView{}}, nil
}

// already says what is spent of a budget's caps, by those accounts that have used most; ""
// if nothing is.
func (v *budgetView) already(currency string) string {
	var by []string
	left := v.Of
	for i := range v.Accounts {
		a := &v.Accounts[i].Account
		if parts := v.spentOf(a, currency); len(parts) > 0 && len(by) < fewSpent {
			left--
			if text := strings.Join(parts, ", "); v.isOne() {
				by = append(by, text)
			} else {
				by = append(by, printable(a.Name)+" "+text)
			}
		}
	}
	if len(by) > 0 && left > 0 {
		by = append(by, "and "+thousands(left)+" more, of which less is used")
	}
	return strings.Join(by, "; ")
}

// spentOf says how much of each cap an account has spent, of those of which it has some.
func (v *budgetView) spentOf(a *pawl.Account, currency string) (parts []string) {
	for _, r := range v.capsOf(a) {
		switch {
		case r.spent == 0:
		case r.name == "money" && currency != "":
			parts = append(parts, fmt.Sprintf("%s %s of %s %s", r.show(r.spent), currency, r.cap(r.most), currency))
		default:
			parts = append(parts, fmt.Sprintf("%s of %s %s", r.show(r.spent), r.cap(r.most), r.name))
		}
	}
	return parts
}

// currencyOf returns in what was paid for what a budget counts; "" if nothing was, or in
// several currencies.
func currencyOf(ctx context.Context, client *pawl.Client, v *budgetView) (string, error) {
	if v.Money == 0 || len(v.Accounts) == 0 {
		return "", nil
	}
	paid := amounts{}
	for row, err := range client.Usage(ctx, pawl.LedgerFilter{Since: v.Accounts[0].Since}) {
		if err != nil {
			return "", err
		}
		for kind, s := range row.Sums {
			if !kind.IsSaving() {
				paid.add(s.Cost, row.Currency)
			}
		}
	}
	if len(paid) != 1 {
		return "", nil
	}
	return sortedKeys(paid)[0], nil
}
