package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/price"
)

const (
	fewAccounts = 10  // of a budget that are listed
	defaultWarn = 0.8 // the share of a cap at which workers warn
)

// budgetTable lists budgets, each with its caps, and below it how much of these its
// accounts have used.
func budgetTable(views []budgetView, most int, now time.Time) *table {
	tab := &table{columns: []column{
		{title: "BUDGET", least: 33, clip: clipBudget}, {title: "CAP"}, {title: "SPENT", right: true}, {title: "RESERVED", right: true, spare: true}, {title: "OF", right: true}, {title: "USED", right: true},
	}}
	for i := range views {
		v := &views[i]
		if v.isOne() {
			a := &pawl.Account{}
			if len(v.Accounts) > 0 {
				a = &v.Accounts[0].Account
			}
			v.account(tab, v.Title, a)
			tab.tell(v.stopped(a))
		} else {
			v.caps(tab)
		}
		tab.note(v.rules(now))
		if v.Blocked > 0 {
			tab.note(plural(v.Blocked, "task") + " blocked by it")
		}
		if v.isOne() {
			continue
		}
		shown := v.telling()
		shown = shown[:min(len(shown), most)]
		for i := range shown {
			a := &shown[i].Account
			v.account(tab, "  "+a.Name, a)
			if text := v.stopped(a); text != "" {
				tab.tell("  " + text)
			}
		}
		if more := v.Of - len(shown); more > 0 && len(v.capsOf(&pawl.Account{})) > 0 {
			tab.note(fmt.Sprintf("… %s more, of which less is used%s", thousands(more), map[bool]string{true: " (--all)"}[len(v.Accounts) > most]))
		}
	}
	return tab
}

// clipBudget cuts the name of a budget or of an account in its middle, and never the
// period: one of a day and one of a month are not to look alike.
func clipBudget(title string, width int) string {
	for _, per := range []pawl.Period{pawl.PerDay, pawl.PerMonth} {
		if name, ok := strings.CutSuffix(title, " per "+string(per)); ok {
			return clipMiddle(name, width-columns(title)+columns(name)) + " per " + string(per)
		}
	}
	return clipMiddle(title, width)
}

// telling returns the accounts of which there is something to say: where only repeats are
// counted, those that are stopped.
func (v *budgetView) telling() []accountView {
	if len(v.capsOf(&pawl.Account{})) > 0 {
		return v.Accounts
	}
	var stopped []accountView
	for _, a := range v.Accounts {
		if a.Stopped != "" {
			stopped = append(stopped, a)
		}
	}
	return stopped
}

// isOne reports whether the budget is one for all that it is for.
func (v *budgetView) isOne() bool { return v.Scope == pawl.OfAll || v.Budget.Name != "" }

// rules says of a budget what is the same for all its accounts.
func (v *budgetView) rules(now time.Time) string {
	var parts []string
	if v.Per != pawl.ForGood {
		end := v.Per.End(now)
		if len(v.Accounts) > 0 {
			end = v.Accounts[0].Until
		}
		parts = append(parts, fmt.Sprintf("the next %s begins at %s", v.Per, starting(end, now)))
	}
	if len(v.capsOf(&pawl.Account{})) > 0 {
		warn := v.Warn
		if warn == 0 {
			warn = defaultWarn
		}
		parts = append(parts, "warns at "+percent(warn))
	}
	return strings.Join(parts, "; ")
}

// starting says when a budget's period begins.
func starting(at, now time.Time) string {
	return fmt.Sprintf("%s, in %s", at.UTC().Format(utcHour), age(at.Sub(now)))
}

// stopped says why a run is stopped whose caps are not used up; "" if it is not.
func (v *budgetView) stopped(a *pawl.Account) string {
	if a.Stopped == "" {
		return ""
	}
	_, why, _ := strings.Cut(strings.TrimPrefix(a.Stopped, "budget "+v.Title), ": ")
	return "stopped: " + why
}

// capRow is one thing that a budget caps, and how much of it is used.
type capRow struct {
	name                  string
	spent, reserved, most int64
	show, cap             func(int64) string
}

// share is how much of it is used and reserved, 1 for all.
func (r capRow) share() float64 { return float64(r.spent+r.reserved) / float64(r.most) }

// flag is what raises it.
func (r capRow) flag() string {
	if r.name == "money" {
		return "--money X"
	}
	return "--" + r.name + " N"
}

func (v *budgetView) capsOf(a *pawl.Account) (rows []capRow) {
	count := func(n int64) string { return compact(float64(n)) }
	for _, r := range []capRow{
		{"tokens", a.Spent.Tokens, a.Reserved.Tokens, v.Tokens, count, count},
		{"money", int64(a.Spent.Money), int64(a.Reserved.Money), int64(v.Money), showMoney, func(n int64) string { return price.Money(n).String() }},
		{"calls", a.Spent.Calls, a.Reserved.Calls, v.Calls, count, count},
	} {
		if r.most > 0 {
			rows = append(rows, r)
		}
	}
	return rows
}

// floorShare is a share in whole thousandths that were reached.
func floorShare(share float64) float64 { return math.Floor(1000*share) / 1000 }

func showMoney(n int64) string { return money(price.Money(n)) }

// account adds rows for what an account has used, one for each cap.
func (v *budgetView) account(tab *table, name string, a *pawl.Account) {
	for _, r := range v.capsOf(a) {
		reserved := ""
		if r.reserved != 0 {
			reserved = r.show(r.reserved)
		}
		tab.add("", name, r.name, r.show(r.spent), reserved, r.cap(r.most), percent(floorShare(r.share())))
		name = ""
	}
	switch {
	case v.isOne() && v.Repeats > 0:
		tab.add("", name, "repeats", "", "", thousands(v.Repeats), "")
	case a.Stopped != "" && len(v.capsOf(a)) == 0:
		tab.add("", name, "", "", "", "", "")
	}
}

// caps adds rows for what each account may use.
func (v *budgetView) caps(tab *table) {
	name := v.Title
	for _, r := range v.capsOf(&pawl.Account{}) {
		tab.add("", name, r.name, "", "", r.cap(r.most), "")
		name = ""
	}
	if v.Repeats > 0 {
		tab.add("", name, "repeats", "", "", thousands(v.Repeats), "")
	}
}
