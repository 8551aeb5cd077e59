package cli

import (
	"encoding/csv"
	"fmt"

	"github.com/pawlhq/pawl/price"
)

// listPrices prints the prices in force, which workers have too unless they are given
// others.
func (c *usageCommand) listPrices(t *terminal) error {
	p, err := pricesFlag{t.env(pricesVariable)}.prices()
	if err != nil {
		return err
	}
	switch c.Output {
	case "json":
		return printJSON(t.out, p.Table)
	case "csv":
		w := csv.NewWriter(t.out)
		w.UseCRLF = true
		rows := [][]string{{"model", "input", "output", "cache_read", "cache_write", "currency", "date"}}
		for _, name := range sortedKeys(p.Models) {
			rows = append(rows, append(append([]string{name}, ratesOf(p.Models[name])...), p.Currency, p.Date))
		}
		return w.WriteAll(rows)
	}
	fmt.Fprintf(t.out, "%s, for a million tokens\n\n", p.words())
	tab := &table{columns: []column{
		{title: "MODEL", least: 12}, {title: "INPUT", right: true}, {title: "OUTPUT", right: true}, {title: "CACHE READ", right: true}, {title: "CACHE WRITE", right: true},
	}}
	for _, name := range sortedKeys(p.Models) {
		tab.add("", append([]string{name}, ratesOf(p.Models[name])...)...)
	}
	tab.print(t.out, t.width(), t.palette)
	return nil
}

func ratesOf(r price.Rates) []string {
	return []string{r.Input.String(), r.Output.String(), r.CacheRead.String(), r.CacheWrite.String()}
}
