package command

import (
	"net/http"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// readDetails reads a book from the body and reports everything wrong with it.
func (a *API) readDetails(w http.ResponseWriter, r *http.Request) (events.Details, error) {
	var details events.Details
	if err := web.DecodeJSON(w, r, &details, a.MaxBodyBytes); err != nil {
		return details, err
	}
	details.ISBN = plainISBN(details.ISBN)
	faults := CheckDetails(details)
	if len(faults) == 0 {
		return details, nil
	}
	fields := make([]web.FieldError, len(faults))
	for i, f := range faults {
		fields[i] = web.FieldError{Field: f.Field, Message: f.Message}
	}
	return details, web.Unprocessable(fields...)
}

// readTarget reads which book is meant, and at which versions. No version means
// any.
func readTarget(r *http.Request) (id int64, ifMatch []int64, err error) {
	if id, err = web.PathID(r, "id"); err != nil {
		return 0, nil, err
	}
	ifMatch, _, err = web.ParseIfMatch(r.Header)
	return id, ifMatch, err
}
