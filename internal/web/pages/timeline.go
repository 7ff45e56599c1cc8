package pages

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Bounds of the API: how many versions it gives at once, and how many it skips.
const (
	maxVersions = 100
	maxSkipped  = 10_000
)

// shownVersions is how many versions a page shows.
const shownVersions = 50

// timeline is a part of a book's history, the newest first.
type timeline struct {
	Steps  []step
	Newer  string // the addresses of the pages around this; "" where there is none
	Older  string
	Parked int64 // events behind all these that could not be applied
	Behind bool  // the book has versions that are not here yet
	Failed bool
}

// version is what the API says of one.
type version struct {
	Version   int64     `json:"version"`
	Type      string    `json:"type"` // created, updated or deleted
	At        time.Time `json:"at"`
	Actor     string    `json:"actor"`
	CommandID string    `json:"command_id"`
	Details   *details  `json:"details"`
	Parked    int64     `json:"parked_events"`
}

// step is a version and what it has changed.
type step struct {
	version
	By      string // the actor in words
	Changes []change
}

// timeline returns the part of a book's history that was asked for: the versions before
// the parameter before, or the latest. Pages are cut by versions, so that they stay the
// same when there are more.
func (p *Pages) timeline(r *http.Request, id, latest int64) (*timeline, error) {
	last := min(latest, maxSkipped+shownVersions)
	if before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64); err == nil && before > 1 {
		last = min(last, before-1)
	}
	first := max(last-shownVersions+1, 1)
	// The version before the first tells what that has changed.
	skip := max(first-2, 0)
	versions, _, err := p.versions(r, id, skip, last-skip)
	if err != nil {
		return nil, err
	}
	t := &timeline{Steps: steps(versions, first, last, pseudonym(reader(r)))}
	for _, v := range versions {
		t.Parked = v.Parked
	}
	t.Behind = len(t.Steps) == 0 || t.Steps[0].Version < last
	if last < latest {
		t.Newer = bookAddress(id) + "?before=" + strconv.FormatInt(min(last+shownVersions, latest)+1, 10)
	}
	if first > 1 {
		t.Older = bookAddress(id) + "?before=" + strconv.FormatInt(first, 10)
	}
	return t, nil
}

// versions returns some of a book's history, the first first, and whether there are more.
func (p *Pages) versions(r *http.Request, id, skip, limit int64) (versions []version, more bool, err error) {
	answer, err := p.api.do(r, call{path: bookAPI(id) + "/history", header: seenHeader(r), query: url.Values{
		"o": {strconv.FormatInt(skip, 10)}, "limit": {strconv.FormatInt(limit, 10)},
	}}, &versions)
	return versions, answer.Header.Get("Link") != "", err
}

// latestVersion looks for the latest version of a book that only its history knows, and
// fails as the API does where there never was one. Few books have more versions than the
// API gives at once; of those it finds the end by halving.
func (p *Pages) latestVersion(r *http.Request, id int64) (version, error) {
	versions, more, err := p.versions(r, id, 0, maxVersions)
	if err != nil || !more {
		return last(versions), err
	}
	var failed error
	ends := sort.Search(maxSkipped-maxVersions, func(i int) bool {
		if failed != nil {
			return true
		}
		behind, _, err := p.versions(r, id, int64(maxVersions+i+1), 1)
		failed = err
		return len(behind) == 0
	})
	if failed != nil {
		return version{}, failed
	}
	versions, _, err = p.versions(r, id, int64(maxVersions+ends), 1)
	return last(versions), err
}

func last(versions []version) version {
	if len(versions) == 0 {
		return version{}
	}
	return versions[len(versions)-1]
}

// steps are the versions from first to last, the newest first, with what each has changed.
func steps(versions []version, first, last int64, own string) []step {
	var all []step
	var before *details
	for _, v := range versions {
		if v.Version >= first && v.Version <= last {
			all = append(all, step{version: v, By: actor(v.Actor, own), Changes: changes(before, v.Details)})
		}
		before = v.Details
	}
	slices.Reverse(all)
	return all
}

// actor says in words who did something. Ids of readers are long, and say nothing more to
// people than that they differ.
func actor(id, own string) string {
	switch {
	case id == "":
		return "somebody unknown"
	case id == own:
		return "you"
	case uuid.Validate(id) == nil:
		return "reader " + id[:8]
	default:
		return id
	}
}
