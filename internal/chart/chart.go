// Package chart draws lines over time as SVG. The pictures have no background of
// their own, and colours that can be read on white and on black.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Chart is one picture.
type Chart struct {
	Title  string
	X, Y   Axis
	Series []Series
	Marks  string // what the series' marks are; "" if none has any
}

// Axis is one axis. It begins at 0.
type Axis struct {
	Label string  // with the unit
	Most  float64 // where it ends; what lies beyond is drawn at the edge. 0 or less: where the data end
}

// Series is one line, or dots, with a name in the legend and, below the picture, a row of
// marks.
type Series struct {
	Name   string
	Points []Point
	Dots   bool      // dots in place of a line
	Marks  []float64 // where on the x axis
}

// Point is a point of a line.
type Point struct{ X, Y float64 }

// The sizes, in pixels.
const (
	markWidth                  = 1.5
	width, plotHeight          = 900, 320
	left, right, top           = 90, 20, 78
	rowHeight, fontSize, ticks = 18, 13, 6
	plotWidth                  = width - left - right
	fewDots                    = 100 // so many are drawn larger
	gray                       = "#808080"
)

var colours = []string{"#2f81d6", "#d9732b", "#2c9a4b", "#9a63d6", "#d1446b", "#8a8a00"}

// Write writes the picture.
func (c Chart) Write(w io.Writer) error {
	d := drawing{Chart: c}
	d.X.Most, d.Y.Most = c.extent()
	height := top + plotHeight + 56
	if c.Marks != "" {
		height += len(c.Series) * rowHeight
	}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" font-family="system-ui, sans-serif" font-size="%d" fill="%s">`+"\n",
		width, height, width, height, fontSize, gray)
	d.printf("<title>%s</title>\n", html.EscapeString(c.Title))
	d.text(left, 20, "start", `font-size="16" font-weight="600"`, c.Title)
	d.legend()
	d.axes()
	for i, s := range c.Series {
		d.line(s, colours[i%len(colours)])
	}
	if c.Marks != "" {
		d.marks()
	}
	d.printf("</svg>\n")
	_, err := w.Write(d.Bytes())
	return err
}

// extent returns where the axes end.
func (c Chart) extent() (x, y float64) {
	for _, s := range c.Series {
		for _, p := range s.Points {
			x, y = max(x, p.X), max(y, p.Y*1.05)
		}
	}
	if c.X.Most > 0 {
		x = c.X.Most
	}
	if c.Y.Most > 0 {
		y = c.Y.Most
	}
	return max(x, 1e-9), max(y, 1e-9)
}

// drawing is a picture in the making.
type drawing struct {
	Chart
	bytes.Buffer
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(&d.Buffer, format, args...) }

func (d *drawing) text(x, y float64, anchor, attributes, text string) {
	d.printf(`<text x="%s" y="%s" text-anchor="%s" %s>%s</text>`+"\n", number(x), number(y), anchor, attributes, html.EscapeString(text))
}

func (d *drawing) stroke(x1, y1, x2, y2 float64, attributes string) {
	d.printf(`<line x1="%s" y1="%s" x2="%s" y2="%s" %s/>`+"\n", number(x1), number(y1), number(x2), number(y2), attributes)
}

// x and y are where a value is drawn.
func (d *drawing) x(v float64) float64 { return left + plotWidth*min(max(v/d.X.Most, 0), 1) }
func (d *drawing) y(v float64) float64 { return top + plotHeight*(1-min(max(v/d.Y.Most, 0), 1)) }

func (d *drawing) legend() {
	x, y := float64(left), 40.0
	for i, s := range d.Series {
		wide := 44 + 6.8*float64(len([]rune(s.Name)))
		if x+wide > width {
			x, y = left, y+18
		}
		end := x + 22
		if s.Dots {
			end = x
		}
		d.stroke(x, y, end, y, s.style(colours[i%len(colours)]))
		d.text(x+28, y+4.5, "start", "", s.Name)
		x += wide
	}
}

// style draws a path through a series' points: with dots, each of them is a line
// of no length with a round end.
func (s Series) style(colour string) string {
	if s.Dots {
		size := 4
		if len(s.Points) <= fewDots {
			size = 8
		}
		return fmt.Sprintf(`fill="none" stroke="%s" stroke-width="%d" stroke-linecap="round" stroke-opacity="0.7"`, colour, size)
	}
	return fmt.Sprintf(`fill="none" stroke="%s" stroke-width="1.8" stroke-linejoin="round"`, colour)
}

func (d *drawing) axes() {
	const bottom = top + plotHeight
	for _, v := range steps(d.Y.Most) {
		d.stroke(left, d.y(v), width-right, d.y(v), `stroke="`+gray+`" stroke-opacity="0.3"`)
		d.text(left-8, d.y(v)+4.5, "end", "", number(v))
	}
	for _, v := range steps(d.X.Most) {
		d.stroke(d.x(v), bottom, d.x(v), bottom+5, `stroke="`+gray+`"`)
		d.text(d.x(v), bottom+20, "middle", "", number(v))
	}
	d.text(left+plotWidth/2, bottom+40, "middle", "", d.X.Label)
	d.text(16, top+plotHeight/2, "middle", fmt.Sprintf(`transform="rotate(-90 16 %d)"`, top+plotHeight/2), d.Y.Label)
}

// steps returns the round values from 0 to most at which an axis is labelled.
func steps(most float64) (values []float64) {
	step := math.Pow(10, math.Floor(math.Log10(most/ticks)))
	at := slices.IndexFunc([]float64{1, 2, 5, 10}, func(f float64) bool { return f*step*ticks >= most*0.999 })
	step *= []float64{1, 2, 5, 10}[max(at, 0)]
	for i := 0; float64(i)*step <= most*1.0001; i++ {
		values = append(values, float64(i)*step)
	}
	return values
}

func (d *drawing) line(s Series, colour string) {
	var path strings.Builder
	next, end := "L", ""
	if s.Dots {
		next, end = "M", "h0"
	}
	for i, p := range s.Points {
		command := next
		if i == 0 {
			command = "M"
		}
		path.WriteString(command + number(d.x(p.X)) + " " + number(d.y(p.Y)) + end)
	}
	d.printf(`<path d="%s" %s/>`+"\n", path.String(), s.style(colour))
}

// marks draws a row of marks for each series, and how many there are. Marks closer
// than the width of one are one.
func (d *drawing) marks() {
	for i, s := range d.Series {
		y := float64(top + plotHeight + 56 + i*rowHeight)
		d.text(left-8, y+10, "end", `font-size="11"`, fmt.Sprintf("%d %s", len(s.Marks), d.Marks))
		var path strings.Builder
		last := -markWidth
		for _, m := range s.Marks {
			if x := d.x(m); x >= last+markWidth {
				path.WriteString("M" + number(x) + " " + number(y) + "v" + strconv.Itoa(rowHeight-6))
				last = x
			}
		}
		d.printf(`<path d="%s" stroke="%s" stroke-width="%g"/>`+"\n", path.String(), colours[i%len(colours)], markWidth)
	}
}

// number writes a number in few digits.
func number(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }
