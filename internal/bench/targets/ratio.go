package targets

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Ratio is a figure that has a target.
type Ratio struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Target float64 `json:"target"`
	// AtMost: the target is not to be exceeded; else it is to be reached.
	AtMost bool `json:"at_most"`
	Met    bool `json:"met"`
}

// AtMost is a figure that is not to exceed its target.
func AtMost(name string, value, target float64) Ratio {
	return Ratio{Name: name, Value: value, Target: target, AtMost: true, Met: value <= target}
}

// AtLeast is a figure that is to reach its target.
func AtLeast(name string, value, target float64) Ratio {
	return Ratio{Name: name, Value: value, Target: target, Met: value >= target}
}

// Print writes a line for each ratio, with whether its target is met.
func Print(to io.Writer, ratios []Ratio) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, q := range ratios {
		relation, verdict := "at least", "met"
		if q.AtMost {
			relation = "at most"
		}
		if !q.Met {
			verdict = "MISSED"
		}
		fmt.Fprintf(table, "%s\t%.2f\t%s %g\t%s\n", q.Name, q.Value, relation, q.Target, verdict)
	}
	return table.Flush()
}
