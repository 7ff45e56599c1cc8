package command

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// status is what GET /api/commands/{id} answers.
type status struct {
	CommandID string               `json:"command_id"`
	Status    string               `json:"status"` // pending, accepted, rejected
	BookID    int64                `json:"book_id,omitempty"`
	Version   int64                `json:"version,omitempty"`
	Reason    events.RejectionCode `json:"reason,omitempty"`
	DecidedAt *time.Time           `json:"decided_at,omitempty"`
	Location  string               `json:"location"`
}

func commandPath(id string) string { return "/api/commands/" + id }

func pending(id string) status {
	return status{CommandID: id, Status: "pending", Location: commandPath(id)}
}

// accepted answers that the command is on the log and will be decided.
func accepted(w http.ResponseWriter, commandID string) error {
	w.Header().Set("Location", commandPath(commandID))
	return web.WriteJSON(w, http.StatusAccepted, pending(commandID))
}

func (a *API) showCommand(w http.ResponseWriter, r *http.Request) error {
	parsed, err := uuid.Parse(mux.Vars(r)["id"])
	if err != nil {
		return web.BadRequest("A command's id is the UUID in the Location of a 202.", web.FieldError{Field: "id", Message: "must be a UUID"})
	}
	id := parsed.String()
	w.Header().Set("Cache-Control", "no-store")

	d, found, err := a.Outcomes.Find(r.Context(), id)
	if err != nil {
		return err
	}
	if !found {
		// Not decided, or never sent. A command that was accepted is on the log; if
		// all that is there is decided, there was none.
		undecided, err := a.Undecided(r.Context())
		if err != nil {
			return err
		}
		if undecided {
			return web.WriteJSON(w, http.StatusOK, pending(id))
		}
		if d, found, err = a.Outcomes.Find(r.Context(), id); err != nil {
			return err
		}
	}
	if !found {
		return web.NotFound("There is no command with this id.")
	}
	if !d.Published {
		return web.WriteJSON(w, http.StatusOK, pending(id))
	}
	s := status{
		CommandID: d.CommandID, Status: "accepted", BookID: d.BookID, Version: d.Version,
		DecidedAt: &d.DecidedAt, Location: bookPath(d.BookID),
	}
	if !d.Accepted() {
		s.Status, s.Reason, s.Location = "rejected", d.Rejection, commandPath(id)
	}
	w.Header().Set("Consistency-Token", events.Token{d.Event}.String())
	return web.WriteJSON(w, http.StatusOK, s)
}
