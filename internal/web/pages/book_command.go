package pages

import (
	"net/http"
	"net/url"

	"github.com/gorilla/mux"
)

// commandPage tells what has become of a write that took long.
type commandPage struct {
	chrome
	ID     string
	Status string // pending, accepted or rejected
	Reason string // of a rejection, as in the API
	Book   int64  // 0 where it is not known
}

// showCommand leads to the book once the command is decided, and until then has the
// browser ask again.
func (p *Pages) showCommand(w http.ResponseWriter, r *http.Request) error {
	var command struct {
		Status string `json:"status"`
		Reason string `json:"reason"`
		BookID int64  `json:"book_id"`
	}
	id := mux.Vars(r)["id"]
	answer, err := p.api.get(r, "/api/commands/"+url.PathEscape(id), nil, &command)
	if err != nil {
		return err
	}
	if command.Status == "accepted" {
		to := bookWith(command.BookID, r.URL.Query().Get("done"), answer.Header.Get("Consistency-Token"))
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
	if command.Status == "pending" {
		w.Header().Set("Refresh", "2") // seconds
	}
	page := commandPage{chrome: p.chrome(r), ID: id, Status: command.Status, Reason: command.Reason, Book: command.BookID}
	return p.templates.render(w, r, http.StatusOK, "command", "", page)
}
