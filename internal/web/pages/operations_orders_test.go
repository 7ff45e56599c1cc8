package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/operations"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

const (
	catalogPage = "/operations/projections/catalog"
	rebuildPage = catalogPage + "/rebuilds/7"
)

// withRebuild makes the fake have a rebuild, and answer what is ordered of it.
func (b operatorsBundle) withRebuild(r rebuild.Rebuild) {
	r.ID, r.Projection = 7, "catalog"
	generations := []operations.Generation{{Generation: 2, State: "retired", Attached: true}, {Generation: 3, State: "active"}}
	b.api.answer("GET /api/projections/catalog", http.StatusOK, operations.Projection{Name: "catalog", Parked: 1, Generations: generations})
	b.api.answer("GET /api/projections/catalog/rebuilds", http.StatusOK, []rebuild.Rebuild{r})
	b.api.answer("GET /api/projections/catalog/rebuilds/7", http.StatusOK, r)
	b.api.answer("POST /api/projections/catalog/rebuilds", http.StatusCreated, r)
	for _, order := range []string{"pause", "resume", "cancel", "accept"} {
		b.api.answer("POST /api/projections/catalog/rebuilds/7/"+order, http.StatusAccepted, r)
	}
	b.api.answer("POST /api/projections/catalog/rollback", http.StatusOK, operations.Projection{Name: "catalog"})
	b.api.answer("DELETE /api/projections/catalog/generations/2", http.StatusNoContent, nil)
}

// submit sends the form around an element as a browser does that runs no scripts.
func (b operatorsBundle) submit(t *testing.T, page operatorsPage, id string, fill url.Values, status int) (to string, next operatorsPage) {
	t.Helper()
	form := page.id(t, id)
	for form.Data != "form" {
		if inside := form.tag("form"); len(inside) == 1 {
			form = inside[0]
			break
		}
		form = document{form.Parent}
	}
	require.Equal(t, "post", form.attr("method"))
	sent := url.Values{}
	for _, field := range form.tag("input") {
		if field.attr("type") == "hidden" {
			sent.Set(field.attr("name"), field.attr("value"))
		}
	}
	for name, values := range fill {
		require.Len(t, form.with("name", name), 1, "fields %q", name)
		sent[name] = values
	}
	return b.post(t, form.attr("action"), sent, status)
}

func TestOrdersReachTheAPI(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.api.answer("GET /api/parked", http.StatusOK, []operations.Parked{{ID: 12, Consumer: "catalog"}})
	for _, order := range []string{"/api/parked/12/retry", "/api/parked/retry"} {
		b.api.answer("POST "+order, http.StatusOK, operations.Asked{Asked: 1, Applied: 1})
	}
	b.api.answer("POST /api/parked/12/discard", http.StatusOK, operations.Asked{Asked: 1, Discarded: 1})
	running := rebuild.Rebuild{Phase: rebuild.Copying, Wish: rebuild.Run}
	paused := rebuild.Rebuild{Phase: rebuild.Copying, Wish: rebuild.Pause}
	differs := rebuild.Rebuild{Phase: rebuild.Differs, Wish: rebuild.Run}
	for _, c := range []struct {
		rebuild   rebuild.Rebuild
		on, press string
		fill      url.Values
		order, to string
		says      string
	}{
		{running, rebuildPage, "pause", nil, "POST /api/projections/catalog/rebuilds/7/pause", rebuildPage + "?done=paused", "told to pause"},
		{paused, rebuildPage, "resume", nil, "POST /api/projections/catalog/rebuilds/7/resume", rebuildPage + "?done=resumed", "told to go on"},
		{running, rebuildPage, "cancel", nil, "POST /api/projections/catalog/rebuilds/7/cancel", rebuildPage + "?done=cancelled", "told to end"},
		{differs, rebuildPage, "accept", nil, "POST /api/projections/catalog/rebuilds/7/accept", rebuildPage + "?done=accepted", "are accepted"},
		{running, catalogPage, "start", nil, `POST /api/projections/catalog/rebuilds {"max_query_slowdown":null,"accept_diff":false}`, rebuildPage + "?done=started", "has begun"},
		{
			running, catalogPage, "start", url.Values{"max_query_slowdown": {" 1.5 "}, "accept_diff": {"true"}},
			`POST /api/projections/catalog/rebuilds {"max_query_slowdown":1.5,"accept_diff":true}`, rebuildPage + "?done=started", "has begun",
		},
		{running, catalogPage, "rollback", nil, "POST /api/projections/catalog/rollback", catalogPage + "?done=rolled-back", "answers again"},
		{running, catalogPage, "drop-2", nil, "DELETE /api/projections/catalog/generations/2", catalogPage + "?done=dropped", "is gone"},
		{running, catalogPage, "retry-all", nil, "POST /api/parked/retry?consumer=catalog", catalogPage + "?done=applied", "applied"},
		{running, "/operations", "retry-all", nil, "POST /api/parked/retry", "/operations?done=applied", "applied"},
		{running, "/operations", "retry-12", nil, "POST /api/parked/12/retry", "/operations?done=applied", "applied"},
		{running, "/operations", "discard-12", nil, "POST /api/parked/12/discard", "/operations?done=discarded", "Discarded"},
	} {
		b.withRebuild(c.rebuild)
		before := len(b.api.ordered())
		to, _ := b.submit(t, b.get(t, c.on, http.StatusOK), c.press, c.fill, http.StatusSeeOther)
		require.Equal(t, []string{c.order}, b.api.ordered()[before:], c.press)
		require.Equal(t, c.to, to, c.press)
		require.Contains(t, b.get(t, to, http.StatusOK).id(t, "notice").text(), c.says, c.press)
	}
}

func TestOrdersSayWhatBecameOfParkedRecords(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	for code, became := range map[string]operations.Asked{
		"none-parked": {},
		"waiting":     {Asked: 3, Applied: 1, Parked: 1, Waiting: 1},
		"in-vain":     {Asked: 2, Applied: 1, Parked: 1},
		"applied":     {Asked: 2, Applied: 2},
		"discarded":   {Asked: 1, Discarded: 1},
	} {
		b.api.answer("POST /api/parked/retry", http.StatusAccepted, became)
		to, _ := b.post(t, "/operations/parked/retry", nil, http.StatusSeeOther)
		require.Equal(t, "/operations?done="+code, to)
		require.NotEmpty(t, b.get(t, to, http.StatusOK).id(t, "notice").text())
	}
}

// TestRefusedOrdersAreNoDeadEnd: the page is there, with what stood against the order.
func TestRefusedOrdersAreNoDeadEnd(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.withRebuild(rebuild.Rebuild{Phase: rebuild.Copying, Wish: rebuild.Run})
	over := web.Conflict("The rebuild is over.")
	b.api.answer("POST /api/projections/catalog/rebuilds/7/pause", http.StatusConflict, over)
	_, page := b.submit(t, b.get(t, rebuildPage, http.StatusOK), "pause", nil, http.StatusConflict)
	require.Equal(t, "The rebuild is over.", page.id(t, "notice").text())
	require.Equal(t, "alert", page.id(t, "notice").attr("role"))
	require.Equal(t, "Rebuild 7 of catalog", page.tag("h1")[0].text())
	require.True(t, strings.HasPrefix(page.with("hx-ext", "sse")[0].attr("sse-connect"), rebuildPage+"/live?"), "and goes on by itself")

	b.api.answer("POST /api/projections/catalog/rebuilds", http.StatusConflict, web.Conflict("Rebuild 7 of catalog is under way: /x."))
	_, page = b.submit(t, b.get(t, catalogPage, http.StatusOK), "start", nil, http.StatusConflict)
	require.Equal(t, "Rebuild 7 of catalog is under way: /x.", page.id(t, "notice").text())
	page.id(t, "start-rebuild")

	b.api.answer("POST /api/parked/12/retry", http.StatusNotFound, web.NotFound("No such record is parked, or no longer."))
	_, page = b.post(t, "/operations/parked/12/retry", url.Values{"back": {"/operations"}}, http.StatusNotFound)
	require.Equal(t, "No such record is parked, or no longer.", page.id(t, "notice").text())
	page.id(t, "projections")

	// What is no fault of the order's has a page of its own, and so has what can't be shown.
	b.api.answer("POST /api/projections/catalog/rollback", http.StatusServiceUnavailable, web.Unavailable("The database cannot be reached.", 0))
	_, page = b.post(t, catalogPage+"/rollback", url.Values{"back": {catalogPage}}, http.StatusServiceUnavailable)
	require.Contains(t, page.text(), "The database cannot be reached.")
	_, page = b.post(t, "/operations/projections/none/rollback", url.Values{"back": {"/operations/projections/none"}}, http.StatusNotFound)
	require.Contains(t, page.text(), "There is no such thing.")
	b.post(t, catalogPage+"/generations/x/drop", nil, http.StatusBadRequest)
	b.post(t, catalogPage+"/rebuilds/x/pause", nil, http.StatusBadRequest)
	b.post(t, "/operations/parked/0/discard", nil, http.StatusBadRequest)
}

func TestFaultsAreAtTheirField(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.withRebuild(rebuild.Rebuild{Phase: rebuild.Switched})
	b.api.answer("POST /api/projections/catalog/rebuilds", http.StatusUnprocessableEntity,
		web.Unprocessable(web.FieldError{Field: "max_query_slowdown", Message: "must be above 1: a rebuild can't make queries faster"}))
	for text, fault := range map[string]string{
		"0.5":       "must be above 1: a rebuild can't make queries faster",
		"much":      "must be a number, such as 1.5",
		"NaN":       "must be a number, such as 1.5",
		"1e999":     "must be a number, such as 1.5",
		hostileText: "must be a number, such as 1.5",
	} {
		_, page := b.post(t, catalogPage+"/rebuilds", url.Values{"max_query_slowdown": {text}, "accept_diff": {"true"}}, http.StatusUnprocessableEntity)
		field := page.id(t, "max_query_slowdown")
		require.Equal(t, text, field.attr("value"))
		require.Equal(t, "true", field.attr("aria-invalid"))
		require.Contains(t, page.id(t, field.attr("aria-describedby")).text(), fault)
		require.True(t, page.id(t, "accept_diff").carries("checked"))
	}
	require.Len(t, b.api.ordered(), 1, "what is no number is not sent on")
}

func TestPagesSayNothingThatAnAddressMakesUp(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.get(t, "/operations?done="+url.QueryEscape(hostileText), http.StatusOK).lacks(t, "notice")
	b.api.answer("POST /api/parked/retry", http.StatusOK, operations.Asked{})
	to, _ := b.post(t, "/operations/parked/retry", url.Values{"back": {"https://elsewhere.example/"}}, http.StatusSeeOther)
	require.Equal(t, "/operations?done=none-parked", to)
}

func TestOrdersOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/operations/parked/retry", nil)
	require.NoError(t, err)
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	b.load(t, request, http.StatusForbidden)
	require.Empty(t, b.api.ordered())
}
