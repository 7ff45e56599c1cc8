package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/telemetry"
	"bookstore/internal/web"
)

// Bus puts a command on the log. It fails with [events.ErrLogUnavailable] or
// [events.ErrMaybeWritten].
type Bus interface {
	Send(ctx context.Context, command events.Issued) error
}

// ReadModel lets an answer wait until what it says can be read.
type ReadModel interface {
	WaitFor(ctx context.Context, token events.Token) error
}

// API is the write side's HTTP routes. All fields are required.
type API struct {
	Bus       Bus
	IDs       *IDs
	Outcomes  *Outcomes
	ReadModel ReadModel
	DB        postgres.Reader

	// Undecided says whether commands are on the log that are not decided yet.
	Undecided func(ctx context.Context) (bool, error)

	Wait         time.Duration // for the outcome, where the client does not say
	MaxBodyBytes int64
}

// Routes adds the routes to r.
func (a *API) Routes(r *mux.Router) {
	r.Handle("/api/books", web.Handle(a.createBook)).Methods(http.MethodPost)
	r.Handle("/api/books/{id}", web.Handle(a.updateBook)).Methods(http.MethodPut)
	r.Handle("/api/books/{id}", web.Handle(a.deleteBook)).Methods(http.MethodDelete)
	r.Handle("/api/commands/{id}", web.Handle(a.showCommand)).Methods(http.MethodGet)
}

func (a *API) createBook(w http.ResponseWriter, r *http.Request) error {
	details, err := a.readDetails(w, r)
	if err != nil {
		return err
	}
	return a.execute(w, r, events.CreateBook{Details: details}, func(ctx context.Context) (events.Command, error) {
		id, err := a.IDs.Next(ctx)
		return events.CreateBook{ID: id, Details: details}, err
	})
}

func (a *API) updateBook(w http.ResponseWriter, r *http.Request) error {
	id, ifMatch, err := readTarget(r)
	if err != nil {
		return err
	}
	details, err := a.readDetails(w, r)
	if err != nil {
		return err
	}
	update := events.UpdateBook{ID: id, Details: details, IfMatch: ifMatch}
	return a.execute(w, r, update, func(ctx context.Context) (events.Command, error) {
		return update, a.precheck(ctx, id, ifMatch)
	})
}

func (a *API) deleteBook(w http.ResponseWriter, r *http.Request) error {
	id, ifMatch, err := readTarget(r)
	if err != nil {
		return err
	}
	deletion := events.DeleteBook{ID: id, IfMatch: ifMatch}
	return a.execute(w, r, deletion, func(ctx context.Context) (events.Command, error) {
		return deletion, a.precheck(ctx, id, ifMatch)
	})
}

// execute carries a request out and answers with what becomes of it. What is
// asked for is known at once; prepare makes the command of it, and is not called
// for a request whose command was decided before: that decision answers it,
// whatever has become of the book since.
func (a *API) execute(w http.ResponseWriter, r *http.Request, asked events.Command, prepare func(context.Context) (events.Command, error)) error {
	prefer := web.ParsePrefer(r.Header, a.Wait, longestWait)
	commandID, keyed, err := a.commandID(r)
	if err != nil {
		return err
	}
	if !a.Outcomes.Available() {
		return web.Unavailable("The database cannot be reached. Nothing was written.", retryAfter)
	}
	decision, stop := a.Outcomes.Expect(commandID)
	defer stop()
	earlier, decided, err := a.sendOnce(r, commandID, keyed, prepare)
	if err != nil {
		return err
	}
	if decided {
		if earlier.CommandHash != events.CommandHash(asked) {
			return web.IdempotencyKeyReused()
		}
		w.Header().Set("Idempotency-Replayed", "true")
		if earlier.Published {
			return a.answer(w, r, asked, earlier, time.Now().Add(prefer.Wait))
		}
	}
	if prefer.RespondAsync {
		return accepted(w, commandID)
	}
	deadline := time.Now().Add(prefer.Wait)
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case d := <-decision:
		return a.answer(w, r, asked, d, deadline)
	case <-timer.C:
		return accepted(w, commandID)
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

// sendOnce puts the command that prepare makes on the log, unless it was decided
// before: then it returns that decision.
func (a *API) sendOnce(r *http.Request, commandID string, keyed bool, prepare func(context.Context) (events.Command, error)) (earlier Decision, decided bool, err error) {
	if !keyed {
		return Decision{}, false, a.send(r, commandID, prepare)
	}
	if earlier, decided, err = a.Outcomes.Find(r.Context(), commandID); err != nil || decided {
		return earlier, decided, err
	}
	err = a.send(r, commandID, prepare)
	var refused *web.Problem
	if !errors.As(err, &refused) {
		return Decision{}, false, err
	}
	// The book as it stands is against the command. An earlier try of it may have
	// been decided this moment, and be the reason.
	earlier, decided, findErr := a.Outcomes.Find(r.Context(), commandID)
	if findErr != nil || !decided {
		return Decision{}, false, err
	}
	return earlier, true, nil
}

// send puts the command that prepare makes on the log.
func (a *API) send(r *http.Request, commandID string, prepare func(context.Context) (events.Command, error)) error {
	actor, err := web.UserID(r)
	if err != nil {
		return err
	}
	command, err := prepare(r.Context())
	if err != nil {
		return err
	}
	return a.Bus.Send(r.Context(), events.Issued{
		Envelope: events.Envelope{
			ID: commandID, Source: events.SourceAPI, Time: events.Instant(time.Now()),
			Traceparent: telemetry.Traceparent(r.Context()), CorrelationID: telemetry.CorrelationID(r.Context()), Actor: actor,
		},
		Command: command,
	})
}

// longestWait bounds what a client may ask for with Prefer: wait (RFC 7240).
const longestWait = 30 * time.Second

// idempotencyKeys is the namespace of the command ids that are made from
// Idempotency-Keys (RFC 9562, UUIDv5).
var idempotencyKeys = uuid.MustParse("0b9f4c56-7a0e-4f5e-9d1c-6f5b8c1c2a11")

// commandID names the command. Under one Idempotency-Key a user always gets the
// same id, and a command id is decided once: that is all there is to
// idempotency.
func (a *API) commandID(r *http.Request) (id string, keyed bool, err error) {
	key, err := web.IdempotencyKey(r)
	if err != nil {
		return "", false, err
	}
	if key == "" {
		id, err := uuid.NewV7()
		return id.String(), false, err
	}
	user, err := web.UserID(r)
	if err != nil {
		return "", false, err
	}
	return uuid.NewSHA1(idempotencyKeys, []byte(user+"\x00"+key)).String(), true, nil
}

// precheck refuses a command on a book that is surely not there, or surely past
// the versions in If-Match, without putting it on the log. The decision itself
// checks again.
func (a *API) precheck(ctx context.Context, id int64, ifMatch []int64) error {
	book, err := readBook(ctx, a.DB, id)
	if err != nil {
		return err
	}
	if !book.Exists() {
		return rejection(events.RejectedNotFound, id, book.Version)
	}
	for _, version := range ifMatch {
		if version >= book.Version {
			return nil
		}
	}
	if len(ifMatch) > 0 {
		return rejection(events.RejectedVersion, id, book.Version)
	}
	return nil
}

// retryAfter is what a client is asked to wait when the database is away.
const retryAfter = 2 * time.Second

// answer turns a decision into the answer that the client gets, once the read
// model shows it.
func (a *API) answer(w http.ResponseWriter, r *http.Request, asked events.Command, d Decision, deadline time.Time) error {
	if d.CommandHash != events.CommandHash(asked) {
		w.Header().Del("Idempotency-Replayed")
		return web.IdempotencyKeyReused()
	}
	token := events.Token{d.Event}
	w.Header().Set("Consistency-Token", token.String())
	if !d.Accepted() {
		return rejection(d.Rejection, d.BookID, d.Version)
	}
	ctx, cancel := context.WithDeadline(r.Context(), deadline)
	defer cancel()
	if err := a.ReadModel.WaitFor(ctx, token); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return accepted(w, d.CommandID)
		}
		return err
	}
	switch asked := asked.(type) {
	case events.CreateBook:
		w.Header().Set("Location", bookPath(d.BookID))
		w.Header().Set("ETag", web.ETag(d.Version))
		return web.WriteJSON(w, http.StatusCreated, bookAfter(d, asked.Details))
	case events.UpdateBook:
		w.Header().Set("ETag", web.ETag(d.Version))
		return web.WriteJSON(w, http.StatusOK, bookAfter(d, asked.Details))
	default:
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// bookAfter is the book as the decision left it: what the read model has, or had
// when something newer has come since.
func bookAfter(d Decision, details events.Details) web.Book {
	return web.Book{
		ID: d.BookID, Version: d.Version,
		Title: details.Title, Author: details.Author, PublishedAt: details.PublishedAt, Description: details.Description,
		ISBN:      details.ISBN,
		CreatedAt: d.CreatedAt, UpdatedAt: d.DecidedAt,
	}
}

// rejection is the problem that a client sees.
func rejection(code events.RejectionCode, id, version int64) error {
	switch code {
	case events.RejectedNotFound:
		return web.NotFound(fmt.Sprintf("There is no book with the id %d.", id))
	case events.RejectedVersion:
		return web.PreconditionFailed(fmt.Sprintf("The book is at version %d now.", version))
	case events.RejectedExists:
		return web.Conflict(fmt.Sprintf("A book with id %d was created before.", id))
	case events.RejectedDetails:
		return web.Unprocessable(web.FieldError{Field: "details", Message: "break the rules for a book"})
	}
	return fmt.Errorf("no answer for rejection %q of book %d", code, id)
}

func bookPath(id int64) string { return "/api/books/" + strconv.FormatInt(id, 10) }
