package browser

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/chromedp"
)

// axeCore is axe-core 4.14.1 of the npm registry (MPL-2.0, see axe/LICENSE).
//
//go:embed axe/axe.min.js
var axeCore string

// axeTags are the rules that are checked: WCAG 2.0 to 2.2, A and AA, and what axe-core
// holds for good practice.
var axeTags = []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"}

// Impact is how badly a [Violation] hinders people.
type Impact string

// The impacts that axe-core knows, the worst last.
const (
	Minor    Impact = "minor"
	Moderate Impact = "moderate"
	Serious  Impact = "serious"
	Critical Impact = "critical"
)

// Violation is a rule of accessibility that the page breaks.
type Violation struct {
	ID     string `json:"id"` // of the rule, such as "color-contrast"
	Impact Impact `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML   string          `json:"html"`
		Target json.RawMessage `json:"target"` // selectors; nested where there are shadow trees
		Why    string          `json:"failureSummary"`
	} `json:"nodes"`
}

func (v Violation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s: %s", v.Impact, v.ID, v.Help)
	for _, node := range v.Nodes {
		fmt.Fprintf(&text, "\n  %s %s\n    %s", node.Target, node.HTML, strings.ReplaceAll(node.Why, "\n", "\n    "))
	}

	return text.String()
}

// Axe checks the page as it is now with axe-core.
func (p *Page) Axe() []Violation {
	p.t.Helper()
	if p.scriptless { // axe-core needs timers; the page's own scripts were left out when it loaded
		p.disableScripts(false)
		defer p.disableScripts(true)
	}
	options, err := json.Marshal(map[string]any{
		"runOnly":     map[string]any{"type": "tag", "values": axeTags},
		"resultTypes": []string{"violations"},
	})
	if err != nil {
		p.fail("check accessibility: %v", err)
	}
	// Evaluated, not put into the page: no policy of the page must allow it.
	var loaded bool
	if p.Eval(`typeof window.axe?.run === "function"`, &loaded); !loaded {
		p.do("load axe-core", chromedp.Evaluate[chromedp.Void](axeCore+";0")) // what it comes to is of no use
	}
	var violations []Violation
	p.Eval(fmt.Sprintf("axe.run(document, %s).then((result) => result.violations)", options), &violations)

	return violations
}

// RequireAccessible fails the test if the page as it is now has a serious or critical
// fault of accessibility. Lesser ones are logged.
func (p *Page) RequireAccessible() *Page {
	p.t.Helper()
	var bad []string
	for _, violation := range p.Axe() {
		if slices.Contains([]Impact{Serious, Critical}, violation.Impact) {
			bad = append(bad, violation.String())
		} else {
			p.t.Logf("%s: %s", p.URL(), violation)
		}
	}
	if len(bad) > 0 {
		p.fail("not accessible:\n%s", strings.Join(bad, "\n"))
	}

	return p
}
