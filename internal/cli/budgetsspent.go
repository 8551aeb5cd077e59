package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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

// usedUp returns the accounts of which some cap is spent.
func (v *budgetView) usedUp() (all []*pawl.Account) {
	for i := range v.Accounts {
		a := &v.Accounts[i].Account
		if slices.ContainsFunc(v.capsOf(a), func(r capRow) bool { return r.spent >= r.most }) {
			all = append(all, a)
		}
	}
	return all
}

// exhausted says that a budget lets no call go, until when, and what changes that; "" if it
// lets some.
func (v *budgetView) exhausted(now time.Time) (text, remedy string) {
	var names, flags []string
	for _, a := range v.usedUp() {
		names = append(names, printable(a.Name))
		for _, r := range v.capsOf(a) {
			if flag := r.flag(); r.spent >= r.most && !among(flag, flags) {
				flags = append(flags, flag)
			}
		}
	}
	if len(names) == 0 {
		return "", ""
	}
	whose, until := "", "until it is raised"
	if !v.isOne() {
		whose = " of " + series(names)
	}
	if v.Per != pawl.ForGood {
		until = "until the next " + string(v.Per) + " begins at " + starting(v.Accounts[0].Until, now) + ", or it is raised"
	}
	return "used up: no call" + whose + " goes " + until, "→ pawl budgets raise " + shellWord(v.Title) + " " + strings.Join(flags, " ")
}

// series lists names, of many the first ones.
func series(names []string) string {
	if more := len(names) - fewSpent; more > 0 {
		return strings.Join(names[:fewSpent], ", ") + " and " + thousands(more) + " more"
	}
	return strings.Join(names, ", ")
}

// unpricedUnder returns the models without a price that have answered calls in the present
// period of what a budget in money is for; nil for a budget that is not in money.
func unpricedUnder(ctx context.Context, client *pawl.Client, b *pawl.Budget, now time.Time) ([]string, error) {
	if b.Money == 0 {
		return nil, nil
	}
	f := pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryAnswered}, Since: b.Per.Start(now)}
	by := []pawl.Dimension{pawl.ByModel}
	switch b.Scope {
	case pawl.OfQueue:
		f.Queue = b.Name
	case pawl.OfOperation:
		f.Operation = b.Name
	case pawl.OfUser:
		f.User, by = b.Name, append(by, pawl.ByUser)
	case pawl.OfRun:
		f.Run, _ = pawl.ParseID(b.Name) // zero for each run
	}
	models := map[string]bool{}
	for row, err := range client.Usage(ctx, f, by...) {
		if err != nil {
			return nil, err
		}
		if row.Unpriced.Calls > 0 && (b.Scope != pawl.OfUser || row.User != "") {
			models[printable(row.Model)] = true
		}
	}
	return sortedKeys(models), nil
}

// expectRun returns what is wrong with a budget of a run of which there is no task.
func expectRun(ctx context.Context, client *pawl.Client, b *pawl.Budget) error {
	if b.Scope != pawl.OfRun || b.Name == "" {
		return nil
	}
	run, err := pawl.ParseID(b.Name)
	if err != nil {
		return err
	}
	rows, err := client.List(ctx, pawl.Filter{Run: run, Max: 1})
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("budget %s: no task of that run is there: it never began in this store, or it was deleted, or the id is that of a task within another run; pawl runs lists the runs", b)
	}
	return err
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
