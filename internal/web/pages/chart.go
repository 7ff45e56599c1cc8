package pages

import (
	"fmt"
	"math"
	"strings"
)

// chartWidth and chartHeight are the plot's size in its own units, which the page
// stretches to the space that there is.
const chartWidth, chartHeight = 600, 100

// chart is searches and writes a second over the last two minutes, as lines.
type chart struct {
	Searches, Writes series

	Top, Middle amount // of the vertical axis, which begins at 0
	Span        lasting
}

// series is one of the chart's lines.
type series struct {
	Path string // SVG; "" where nothing is known

	Known     bool
	Now, Most rate // the last that is known, and the highest
}

func newChart(a activity) chart {
	searches, writes := make([]*float64, len(a.Seconds)), make([]*float64, len(a.Seconds))
	for i, second := range a.Seconds {
		searches[i], writes[i] = second.Searches, second.Writes
	}
	c := chart{Searches: newSeries(searches), Writes: newSeries(writes)}
	top := axisTop(max(float64(c.Searches.Most), float64(c.Writes.Most)))
	c.Top, c.Middle = amount(top), amount(top/2)
	c.Searches.Path, c.Writes.Path = linePath(searches, top), linePath(writes, top)
	if n := len(a.Seconds); n > 1 {
		c.Span = ago(a.Seconds[n-1].At, a.Seconds[0].At) + 1 // the first one's own
	}
	return c
}

func newSeries(values []*float64) series {
	var s series
	for _, v := range values {
		if v != nil {
			s.Known, s.Now, s.Most = true, rate(*v), max(s.Most, rate(*v))
		}
	}
	return s
}

// axisTop is a round number that no value is above, at least 10, and whose half is whole:
// 10, 20, 50, 100 and so on. An axis that follows each value would make the lines jump.
func axisTop(most float64) float64 {
	if math.IsInf(most, 1) {
		return math.MaxInt32
	}
	for unit := 10.0; ; unit *= 10 {
		for _, step := range []float64{1, 2, 5} {
			if top := step * unit; most <= top {
				return top
			}
		}
	}
}

// linePath draws values from left to right. What is not known is a gap, and a value
// between two gaps a dot.
func linePath(values []*float64, top float64) string {
	var b strings.Builder
	pen := "M"
	for i, v := range values {
		if v == nil {
			pen = "M"
			continue
		}
		x := float64(i) * chartWidth / float64(max(1, len(values)-1))
		y := chartHeight * (1 - min(1, max(0, *v/top)))
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, x, y)
		if pen == "M" {
			b.WriteString("h0") // else a point alone would not be drawn
		}
		pen = "L"
	}
	return b.String()
}
