package browser

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFaultsFailTheTest(t *testing.T) {
	t.Parallel()
	script := func(code string) map[string]string {
		return map[string]string{"/": `<script src="/a.js"></script>`, "/a.js": code}
	}
	body := func(code string) map[string]string { return map[string]string{"/": code} }

	for name, tc := range map[string]struct {
		pages map[string]string
		kind  Kind
		part  string
	}{
		"console":             {script(`console.error("it", "broke", 3)`), Console, "it broke 3"},
		"failed assertion":    {script(`console.assert(false, "of this")`), Console, "of this"},
		"exception":           {script(`null.title`), Exception, "reading 'title'"},
		"rejected promise":    {script(`Promise.reject(new Error("nobody cares"))`), Exception, "nobody cares"},
		"exception later":     {script(`addEventListener("load", () => { throw new Error("late") })`), Exception, "late"},
		"inline script":       {body(`<script>document.title = "no"</script>`), Policy, "inline script"},
		"inline style":        {body(`<p style="color: red">red</p>`), Policy, "inline style"},
		"missing file":        {body(`<img alt="" src="/x.png">`), Log, "404"},
		"no answer":           {body(`<img alt="" src="http://127.0.0.1:1/x.png">`), Foreign, "127.0.0.1:1"},
		"image of others":     {body(`<img alt="" src="http://other.invalid/x.png">`), Foreign, "http://other.invalid/x.png"},
		"script of others":    {body(`<script src="https://other.invalid/x.js"></script>`), Foreign, "https://other.invalid/x.js"},
		"another port":        {script(`fetch("http://127.0.0.1:1/").catch(() => {})`), Policy, "127.0.0.1:1"},
		"dialog, which holds": {script(`confirm("sure?")`), Dialog, "sure?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := site(t, tc.pages)
			var faults []Fault
			problems := try(t, func(t *trial) { faults = New(t, base).Open("/").Faults() })

			seen := slices.IndexFunc(faults, func(f Fault) bool { return f.Kind == tc.kind })
			require.GreaterOrEqual(t, seen, 0, "%v", faults)
			require.Contains(t, faults[seen].String(), tc.part)
			require.Len(t, problems, len(faults), "each is told at the end of the test")
			require.Contains(t, problems[seen], faults[seen].String())
		})
	}
}

func TestAGoodPageHasNoFaults(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{
		"/": `<p id="p">Said</p><script src="/a.js"></script>`, "/a.js": `document.title = "Scripted"`,
	})
	page := New(t, base).Open("/")
	require.Empty(t, page.Faults())
	require.Equal(t, "Scripted", page.Title())
	require.Equal(t, []string{"GET " + base + "/", "GET " + base + "/a.js"}, page.Requests()[:2])
}

func TestWhatAPageGivesUpIsNoFault(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{
		"/": `<p id="p">waits</p><script src="/a.js"></script>`,
		"/a.js": `new EventSource("/stream").onmessage = (event) => { document.querySelector("#p").textContent = event.data };
			const given = new AbortController();
			fetch("/slow", { signal: given.signal }).catch(() => { document.title = "Given up" });
			given.abort();`,
		"/next": `next`,
	})
	require.Empty(t, try(t, func(t *trial) { // ends while it streams
		New(t, base).Open("/").WaitText("#p", "streamed").Open("/next").Open("/").WaitText("#p", "streamed")
	}))
}

func TestExpectedFaults(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{"/": `fine`})
	require.Empty(t, try(t, func(t *trial) {
		New(t, base).ExpectFault("404 (Not Found)").Open("/nowhere").WaitText("h1", "A page")
	}))
	require.Empty(t, try(t, func(t *trial) {
		New(t, base).Open("/nowhere").ExpectFault("/nowhere")
	}), "said afterwards")
	requireOne(t, try(t, func(t *trial) {
		New(t, base).ExpectFault("412").Open("/nowhere").ExpectFault("404")
	}), "expected and not seen: 412")
}
