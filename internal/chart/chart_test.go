package chart_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/internal/chart"
)

// picture is what these tests look at.
type picture struct {
	Title string   `xml:"title"`
	Texts []string `xml:"text"`
	Paths []struct {
		D string `xml:"d,attr"`
	} `xml:"path"`
}

func draw(t *testing.T, c chart.Chart) picture {
	t.Helper()
	var b strings.Builder
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	var p picture
	if err := xml.Unmarshal([]byte(b.String()), &p); err != nil {
		t.Fatalf("%v:\n%s", err, &b)
	}
	return p
}

func has(texts []string, want string) bool {
	for _, s := range texts {
		if s == want {
			return true
		}
	}
	return false
}

func TestChart(t *testing.T) {
	p := draw(t, chart.Chart{
		Title: "Use & <limits>",
		X:     chart.Axis{Label: "minutes", Most: 30},
		Y:     chart.Axis{Label: "%", Most: 200},
		Marks: "refused",
		Series: []chart.Series{
			{Name: "Pawl", Points: []chart.Point{{X: 0, Y: 0}, {X: 30, Y: 200}, {X: 15, Y: 900}}},
			{Name: "other", Dots: true, Points: []chart.Point{{X: 15, Y: 100}}, Marks: []float64{0, 0, 30}},
		},
	})
	if p.Title != "Use & <limits>" {
		t.Errorf("title = %q; want it as given", p.Title)
	}
	for _, want := range []string{"Pawl", "other", "minutes", "%", "30", "200", "3 refused"} {
		if !has(p.Texts, want) {
			t.Errorf("the picture says %q; want %q among it", p.Texts, want)
		}
	}
	// The line goes from the corner below on the left to that above on the right,
	// and what lies beyond the axis is drawn at its edge.
	if want := "M90 398L880 78L485 78"; p.Paths[0].D != want {
		t.Errorf("line = %q; want %q", p.Paths[0].D, want)
	}
	if want := "M485 238h0"; p.Paths[1].D != want {
		t.Errorf("dot = %q; want %q", p.Paths[1].D, want)
	}
}

// Without data there are still axes, and no number that is none.
func TestEmptyChart(t *testing.T) {
	for _, c := range []chart.Chart{{}, {Series: []chart.Series{{Name: "nothing"}}}} {
		p := draw(t, c)
		if !has(p.Texts, "0") || has(p.Texts, "NaN") {
			t.Errorf("the picture says %q; want an axis from 0", p.Texts)
		}
	}
}
