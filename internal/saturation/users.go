package saturation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl/internal/chart"
)

// The users of playUsers: one has a hundred times the tasks of the other.
const (
	fewTasks   = 500
	manyTasks  = 100 * fewTasks
	usersCalls = 500 // a minute
	usersPlay  = 5 * time.Minute
)

// playUsers plays two users on one account, whose tasks all wait at the start.
func playUsers(ctx context.Context, c Config) (*Result, error) {
	heavy, light := c.sizes(manyTasks, smaller), c.sizes(fewTasks, smaller)
	for i := range heavy {
		heavy[i].User = "heavy"
	}
	for i := range light {
		light[i].User = "light"
	}
	st := c.stage(slices.Concat(heavy, light), allowing(usersCalls, heavy), usersPlay)
	all, err := contests(ctx, []contender{c.pawl("Pawl", st, (*stage).known)})
	if err != nil {
		return nil, err
	}
	tokens, until := st.byUser()
	part := tokens["light"] / (tokens["light"] + tokens["heavy"])
	r := &Result{About: fmt.Sprintf("%d tasks of one user and %d of another; whose tokens are counted while both have some", manyTasks, fewTasks)}
	r.Rows = []Row{{Name: "Pawl", Note: refusals(&all[0]), Figures: []Figure{
		percent("user with few", part).atLeast(48).atMost(52),
		percent("user with many", 1-part),
		seconds("few are done after", until),
	}}}
	r.Picture, r.Warning = st.usersPicture(), all[0].warning()
	return r, nil
}

// byUser returns the tokens of each user's calls until the light one has none left
// to start, and when that was.
func (st *stage) byUser() (tokens map[string]float64, until time.Duration) {
	sent := st.sent()
	for i, r := range st.requests {
		if r.User != "light" {
			continue
		}
		if sent[i] == 0 {
			until = st.length
		}
		until = max(until, sent[i])
	}
	tokens = map[string]float64{}
	for i, r := range st.requests {
		if sent[i] > 0 && sent[i] <= until {
			tokens[r.User] += float64(r.Input + r.Output)
		}
	}
	return tokens, until
}

// usersPicture shows what each user has got so far.
func (st *stage) usersPicture() *chart.Chart {
	p := &chart.Chart{
		Title: "Two users, one with a hundred times the tasks",
		X:     chart.Axis{Label: "minutes of the account's time", Most: st.length.Minutes()},
		Y:     chart.Axis{Label: "tokens of the calls so far, thousands"},
	}
	sent, step := st.sent(), st.length.Minutes()/200
	for _, user := range []string{"light", "heavy"} {
		var order []int
		for i, r := range st.requests {
			if r.User == user && sent[i] > 0 {
				order = append(order, i)
			}
		}
		slices.SortFunc(order, func(a, b int) int { return int(sent[a] - sent[b]) })
		s, sum := chart.Series{Name: "the " + user + " one", Points: []chart.Point{{}}}, 0
		for _, i := range order {
			sum += st.requests[i].Input + st.requests[i].Output
			if last := s.Points[len(s.Points)-1]; sent[i].Minutes() >= last.X+step {
				s.Points = append(s.Points, chart.Point{X: sent[i].Minutes(), Y: float64(sum) / 1000})
			}
		}
		s.Points = append(s.Points, chart.Point{X: st.length.Minutes(), Y: float64(sum) / 1000})
		p.Series = append(p.Series, s)
	}
	return p
}
