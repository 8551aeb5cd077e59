package price_test

import (
	"fmt"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

func Example() {
	table, err := price.Parse([]byte(`{
		"date": "2026-01-15",
		"currency": "EUR",
		"models": {
			"writer": {"input": 3, "output": 15, "cache_read": 0.30, "cache_write": 3.75}
		}
	}`))
	if err != nil {
		panic(err)
	}
	rates, ok := table.Find("writer-2026-01-01")
	if !ok {
		panic("no price for this model")
	}
	used := llm.Usage{Input: 200, Output: 450, CacheRead: 12_000}
	fmt.Println(rates.Cost(used), table.Currency)
	fmt.Println(rates.CacheSaved(used), "saved by the cache")
	// Output:
	// 0.01095 EUR
	// 0.0324 saved by the cache
}

func ExampleParseMoney() {
	limit, err := price.ParseMoney("25.00")
	fmt.Println(limit, err)
	_, err = price.ParseMoney("25 USD")
	fmt.Println(err)
	// Output:
	// 25.00 <nil>
	// price: "25 USD" is no amount of money; want digits such as 5 or 12.50, with a minus if it is negative and up to 9 decimals
}
