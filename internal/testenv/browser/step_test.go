package browser

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const form = `<form method="post" action="/sent">
	<label for="title">Title</label> <input id="title" name="title" value="Lathe">
	<label for="at">Date</label> <input id="at" name="at" type="date">
	<label for="kind">Kind</label> <select id="kind"><option>a</option><option>b</option></select>
	<input type="hidden" id="token" value="secret">
	<button id="save">Save</button> <button id="off" disabled>Off</button></form>
	<a id="next" href="/next">Next</a>`

// suggest is a page that answers to keys, a moment later.
var suggest = map[string]string{
	"/": `<label for="q">Search</label> <input id="q"><ul id="list"></ul><p id="keys"></p><script src="/a.js"></script>`,
	"/a.js": `const q = document.querySelector("#q"), list = document.querySelector("#list");
		q.addEventListener("input", () => setTimeout(() => {
			list.replaceChildren(...[...q.value].map((c) => Object.assign(document.createElement("li"), { textContent: "  has\n " + c })));
		}, 100));
		q.addEventListener("keydown", (e) => { document.querySelector("#keys").textContent += (e.shiftKey ? "shift-" : "") + e.key + " " });`,
}

func TestStepsWaitForWhatTheyNeed(t *testing.T) {
	t.Parallel()
	page := New(t, site(t, suggest)).Open("/")
	require.Zero(t, page.Count("li"))
	page.Type("#q", "ab書é").WaitText("li", "has 書").WaitCount("li", 4)
	require.Equal(t, []string{"has a", "has b", "has 書", "has é"}, page.Texts("li"))
	require.Equal(t, "has a", page.Text("li"))
	require.Equal(t, "ab書é", page.Value("#q"))
	page.Clear("#q").WaitGone("li")
	require.Empty(t, page.Texts("li"))
	page.Press("x", "Shift+Tab", "Tab", "ArrowDown").WaitVisible("#q:focus").WaitText("#keys", "ArrowDown")
	require.Equal(t, "a b Delete x shift-Tab ArrowDown", page.Text("#keys"))
	require.Equal(t, "has x", page.Text(`//li[contains(., "x")]`), "XPath")
}

func TestFormsWithAndWithoutJavaScript(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(p *Page){
		"with":    func(*Page) {},
		"without": func(p *Page) { p.WithoutJavaScript() },
		"phone":   func(p *Page) { p.Resize(Phone) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := New(t, site(t, map[string]string{"/": form, "/next": "next"}))
			prepare(page)
			page.Open("/").Type("#title", " 旋盤 🛠").Set("#at", "2024-04-10").Set("#kind", "b")
			require.Equal(t, "2024-04-10", page.Value("#at"))
			require.Equal(t, "b", page.Value("#kind"))
			require.Equal(t, "secret", page.Value("#token"), "though hidden")
			require.Equal(t, "post", page.Attribute("form", "method"))
			require.Empty(t, page.Attribute("form", "novalidate"))

			page.Loads(func() { page.Click("#save") })
			require.Equal(t, "Lathe 旋盤 🛠", page.Text("#sent"))
			require.Contains(t, page.URL(), "/sent")
			page.Back().Loads(func() { page.Click("label[for=title]").Press("Enter") })
			page.Back().Loads(func() { page.Click("#next") }).WaitURL("/next")
			page.Reload().WaitText("main", "next")
		})
	}
}

func TestWithoutJavaScriptNoneRuns(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{
		"/":     `<noscript><p id="plain">plain</p></noscript><p id="p">as served</p><script src="/a.js"></script>`,
		"/a.js": `document.querySelector("#p").textContent = "scripted"`,
	})
	require.Equal(t, "scripted", New(t, base).Open("/").Text("#p"))
	page := New(t, base).WithoutJavaScript().Open("/").WaitText("#plain", "plain")
	require.Equal(t, "as served", page.Text("#p"))
	var sum int
	page.Eval("1 + 2", &sum)
	require.Equal(t, 3, sum, "the harness still asks")
}

func TestCookiesAreThePagesOwn(t *testing.T) {
	t.Parallel()
	base := site(t, nil)
	page, other := New(t, base).Open("/sent"), New(t, base)
	cookies := page.Cookies()
	require.Len(t, cookies, 1)
	require.Equal(t, "uid", cookies[0].Name)
	require.True(t, cookies[0].HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookies[0].SameSite)
	require.True(t, cookies[0].Expires.IsZero(), "till the browser is closed")
	require.Empty(t, other.Cookies())
}

func TestFailuresTellWhatThePageShows(t *testing.T) {
	t.Parallel()
	base := site(t, map[string]string{
		"/": form + `<p>Shown</p><p id="hidden" hidden>Hidden</p><div id="over"></div><link rel="stylesheet" href="/a.css">`,
		"/a.css": `#over { position: fixed; inset: 0 } #moving { animation: 1s linear infinite alternate move } ` +
			`@keyframes move { to { transform: translateX(900px) } }`,
		"/moving": `<button id="moving">Catch me</button><link rel="stylesheet" href="/a.css">`,
	})
	page := New(t, base)
	for name, tc := range map[string]struct {
		path string
		step func(p *Page)
		why  string
	}{
		"not there":    {"/", func(p *Page) { p.Text("#nowhere") }, "no such element"},
		"not seen":     {"/", func(p *Page) { p.WaitVisible("#hidden") }, "none can be seen"},
		"not gone":     {"/", func(p *Page) { p.WaitGone("#save") }, `still there: <button id="save">`},
		"other text":   {"/", func(p *Page) { p.WaitText("#save", "Store") }, `it says ["Save"]`},
		"too few":      {"/", func(p *Page) { p.WaitCount("button", 3) }, "2 can be seen"},
		"disabled":     {"/", func(p *Page) { p.Click("#off") }, "disabled: <button"},
		"covered":      {"/", func(p *Page) { p.Click("#save") }, `covered by <div id="over">`},
		"moving":       {"/moving", func(p *Page) { p.Click("#moving") }, "move"},
		"no field":     {"/", func(p *Page) { p.Type("h1", "x") }, "can't be focused"},
		"no choice":    {"/", func(p *Page) { p.Set("#kind", "c") }, `takes no "c"`},
		"same page":    {"/", func(p *Page) { p.Loads(func() {}) }, "the page is still the same"},
		"elsewhere":    {"/", func(p *Page) { p.WaitURL("/books") }, "it is http://"},
		"no selector":  {"/", func(p *Page) { p.Within(time.Hour).Text("h1[") }, "not a valid selector"},
		"no key":       {"/", func(p *Page) { p.Press("Entre") }, "no such key"},
		"no modifier":  {"/", func(p *Page) { p.Press("Shfit+Tab") }, "no such modifier"},
		"broken eval":  {"/", func(p *Page) { p.Eval("null.x", new(int)) }, "TypeError"},
		"another type": {"/", func(p *Page) { p.Eval("'x'", new(int)) }, "cannot unmarshal"},
	} {
		problems := try(t, func(t *trial) {
			page.Open(tc.path)
			hasty := *page.Within(100 * time.Millisecond)
			hasty.t = t
			tc.step(&hasty)
		})
		require.Len(t, problems, 1, "%s: %v", name, problems)
		for _, part := range []string{tc.why, "URL:   " + base + tc.path, "title: A page", "text:"} {
			require.Contains(t, problems[0], part, name)
		}
	}

	problems := try(t, func(t *trial) { New(t, "http://127.0.0.1:1").Open("/") })
	require.Contains(t, problems[0], "ERR_")
}
