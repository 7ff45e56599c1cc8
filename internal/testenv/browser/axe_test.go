package browser

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInaccessiblePagesAreFound(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{
		"/form":  form,
		"/bad":   `<form><input name="q"><button></button></form>`,
		"/faint": `<p class="faint">Hardly to be seen</p><link rel="stylesheet" href="/a.css">`,
		"/a.css": `.faint { color: #bbb }`,
		"/lax":   `<h4>Two levels too deep</h4>`,
	})
	page := New(t, base)
	rules := func(path string) map[string]Impact {
		found := make(map[string]Impact)
		for _, violation := range page.Open(path).Axe() {
			found[violation.ID] = violation.Impact
		}

		return found
	}
	require.Empty(t, rules("/form"))
	require.Equal(t, map[string]Impact{"label": Critical, "button-name": Critical, "target-size": Serious}, rules("/bad"))
	require.Equal(t, map[string]Impact{"color-contrast": Serious}, rules("/faint"))
	require.Equal(t, map[string]Impact{"heading-order": Moderate}, rules("/lax"))

	page.Open("/form").RequireAccessible().Open("/lax").RequireAccessible().Resize(Phone).Dark().RequireAccessible()
	page.WithoutJavaScript().Open("/faint")
	require.Equal(t, []string{"color-contrast"}, ids(page.Axe()))
	requireOne(t, try(t, func(t *trial) { New(t, base).Open("/bad").RequireAccessible() }),
		"critical label", `<input name="q">`, "critical button-name")
}

func ids(violations []Violation) (ids []string) {
	for _, violation := range violations {
		ids = append(ids, violation.ID)
	}

	return ids
}
