package saturation

import (
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl/internal/chart"
	"github.com/pawlhq/pawl/llmsim"
)

// pictureStep is the time that each point of a picture sums up.
const pictureStep = 30 * time.Second

// usePicture shows what contests used of the allowed rate, and what was refused.
func usePicture(title string, all []contest) *chart.Chart {
	p := &chart.Chart{
		Title: title,
		X:     chart.Axis{Label: "minutes of the account's time", Most: all[0].st.length.Minutes()},
		Y:     chart.Axis{Label: fmt.Sprintf("tokens used, %% of what the limits allow in %v", pictureStep), Most: 200},
		Marks: "refused",
	}
	for i := range all {
		c := &all[i]
		s := chart.Series{Name: c.name}
		for n, v := range shares(c.events, c.st.limits, c.st.length, pictureStep) {
			s.Points = append(s.Points, chart.Point{X: (time.Duration(n)*pictureStep + pictureStep/2).Minutes(), Y: 100 * v})
		}
		for _, at := range refused(c.events, span{0, c.st.length}) {
			s.Marks = append(s.Marks, at.Minutes())
		}
		p.Series = append(p.Series, s)
	}
	return p
}

// describe lists an account's limits.
func describe(l llmsim.Limits) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		what string
	}{{l.Requests, "requests"}, {l.Tokens, "tokens"}, {l.InputTokens, "input tokens"}, {l.OutputTokens, "output tokens"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}
