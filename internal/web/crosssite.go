package web

import "net/http"

// refuseCrossSite keeps pages of other sites from having their visitors' browsers write
// here: whoever can reach an internal service is asked to by any page he opens. Browsers
// say where a request comes from (Sec-Fetch-Site, or Origin); programs don't, and are let
// through. It holds for the API as it does for forms, since orders without a body need no
// JSON.
func refuseCrossSite(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	return Handle(func(w http.ResponseWriter, r *http.Request) error {
		if guard.Check(r) != nil {
			return newProblem(TypeCrossSite, "A page of another site has asked for this. Nothing was done.")
		}
		next.ServeHTTP(w, r)
		return nil
	})
}
