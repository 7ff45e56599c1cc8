package web

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// NewRouter returns a router to which the routes of the API can be added, with
// the rules that hold for all of them:
//
//   - Every resource has one address. "/api/books/" and "//api/books" are not
//     "/api/books" and no redirect to it either, which clients would follow with
//     a GET, whatever they had sent: they are a 404 that names the address.
//   - What is not there, or not by this method, is answered as problem+json; a
//     405 lists the methods in Allow, and OPTIONS answers with that list alone.
//   - HEAD is answered wherever GET is, by the same handler.
//   - What a page of another site has a browser send is refused, unless it only reads.
//
// Routes say their methods: .Methods(http.MethodGet).
func NewRouter() *mux.Router {
	router := mux.NewRouter().SkipClean(true)
	router.NotFoundHandler = Handle(func(_ http.ResponseWriter, r *http.Request) error {
		return notFound(router, r)
	})
	router.MethodNotAllowedHandler = Handle(func(w http.ResponseWriter, r *http.Request) error {
		return methodNotAllowed(router, w, r)
	})
	router.Use(noteRoute, refuseCrossSite)
	return router
}

// routable lists the methods that routes may have, as Allow gives them. HEAD
// follows GET and OPTIONS is everywhere.
var routable = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// methodsOf lists the methods that the router has for a path.
func methodsOf(router *mux.Router, r *http.Request, path string) []string {
	url := *r.URL
	url.Path = path
	var methods []string
	for _, method := range routable {
		var match mux.RouteMatch
		if router.Match(&http.Request{Method: method, URL: &url, Host: r.Host}, &match) && match.MatchErr == nil {
			methods = append(methods, method)
			if method == http.MethodGet {
				methods = append(methods, http.MethodHead)
			}
		}
	}
	return methods
}

func notFound(router *mux.Router, r *http.Request) error {
	tidy := "/"
	for part := range strings.SplitSeq(r.URL.Path, "/") {
		if part != "" {
			tidy = strings.TrimSuffix(tidy, "/") + "/" + part
		}
	}
	if tidy != r.URL.Path && len(methodsOf(router, r, tidy)) > 0 {
		return NotFound("This path has a slash too many; " + printable(tidy) + " is there.")
	}
	return NotFound("Nothing has this path. /docs lists what is there.")
}

func methodNotAllowed(router *mux.Router, w http.ResponseWriter, r *http.Request) error {
	allowed := strings.Join(append(methodsOf(router, r, r.URL.Path), http.MethodOptions), ", ")
	w.Header().Set("Allow", allowed)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return newProblem(TypeMethodNotAllowed, "This path has "+allowed+".")
}

// route lets a HEAD find the route of its GET. gorilla/mux compares methods to
// the letter, and a route that forgot HEAD would refuse every health checker
// that uses it.
func route(router *mux.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := newResponse(w)
		if r.Method == http.MethodHead {
			answer.head = true
			r = r.WithContext(r.Context()) // a copy, so that the outer layers still see HEAD
			r.Method = http.MethodGet
		}
		router.ServeHTTP(answer, r)
	})
}

// noteRoute runs once the route is found. It tells the outer layers which one,
// and gives a HEAD its name back: a handler may want to know that nobody sees
// the body.
func noteRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := newResponse(w)
		if template, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
			answer.route = template
		}
		if answer.head {
			r.Method = http.MethodHead // on mux's own copy of the request
		}
		next.ServeHTTP(answer, r)
	})
}
