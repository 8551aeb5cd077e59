package llmsim_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/pawlhq/pawl/llmsim"
)

func Example() {
	sim := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 50}})
	client := sim.Client()
	ask := func() *http.Response {
		resp, err := client.Post("http://sim/v1/chat/completions", "application/json", strings.NewReader(`{
			"model": "sim-1",
			"messages": [{"role": "user", "content": "Who made the queue?\n\nIt rains today. The queue was made by Ada."}]
		}`))
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp
	}

	_ = sim.Inject(llmsim.Overloaded)
	fmt.Println(ask().StatusCode)
	resp := ask()
	fmt.Println(resp.StatusCode, resp.Header.Get("x-ratelimit-remaining-requests"), "requests left")
	stats := sim.Stats()
	fmt.Println(stats.Requests, "asked,", stats.Answered, "answered,", stats.Billed.Output, "tokens of output")
	// Output:
	// 503
	// 200 48 requests left
	// 2 asked, 1 answered, 7 tokens of output
}
