package web

import "net/http"

// Types of problems: URI-references with a full path (RFC 9457, section 3.1.1),
// which lead to their explanation in /docs. They are part of the API: added to,
// never changed.
const (
	TypeBadRequest           = "/docs#bad-request"
	TypeInvalidFields        = "/docs#invalid-fields"
	TypeNotFound             = "/docs#not-found"
	TypeMethodNotAllowed     = "/docs#method-not-allowed"
	TypeRequestTimeout       = "/docs#request-timeout"
	TypeCrossSite            = "/docs#cross-site"
	TypeConflict             = "/docs#conflict"
	TypePreconditionFailed   = "/docs#precondition-failed"
	TypePayloadTooLarge      = "/docs#payload-too-large"
	TypeUnsupportedMediaType = "/docs#unsupported-media-type"
	TypeIdempotencyKeyReused = "/docs#idempotency-key-reused"
	TypeInternal             = "/docs#internal"
	TypeUnavailable          = "/docs#unavailable"
	TypeMaybeWritten         = "/docs#maybe-written"
	TypeReadModelBehind      = "/docs#read-model-behind"
	TypeBookParked           = "/docs#book-parked"
)

// problemKind is what all problems of a type have in common.
type problemKind struct {
	status  int
	title   string
	meaning string // for /docs: what it means to the client and what to do
}

// problemKinds is the table of all problems there are.
var problemKinds = map[string]problemKind{
	TypeBadRequest: {
		http.StatusBadRequest, "The request cannot be read",
		"A parameter or header has a value it cannot have, a parameter is not known here, or the body is not JSON. errors names each. Sending the same again gives the same answer.",
	},
	TypeInvalidFields: {
		http.StatusUnprocessableEntity, "The content cannot be accepted",
		"The body is JSON, and at least one of its members is missing, unknown, of the wrong type or not allowed. errors names each. Nothing was written.",
	},
	TypeNotFound: {
		http.StatusNotFound, "There is nothing here",
		"Nothing has this address, or no longer. A path with a slash too many is another path.",
	},
	TypeMethodNotAllowed: {
		http.StatusMethodNotAllowed, "The path is right, the method is not",
		"The header Allow lists the methods that this path has.",
	},
	TypeRequestTimeout: {
		http.StatusRequestTimeout, "The request came too slowly",
		"The body did not arrive in time. Nothing was written.",
	},
	TypeCrossSite: {
		http.StatusForbidden, "The request comes from another site",
		"A browser sent this for a page of another site, which may not write here. Programs that are no browsers send neither Sec-Fetch-Site nor Origin and are not asked.",
	},
	TypeConflict: {
		http.StatusConflict, "The present state does not allow this",
		"Nothing was changed; a command was decided. The detail says what stood against it.",
	},
	TypePreconditionFailed: {
		http.StatusPreconditionFailed, "The book has moved on",
		"If-Match names no version that the book has now: someone changed it since you read it. Nothing was changed. Read it again, then decide.",
	},
	TypePayloadTooLarge: {
		http.StatusRequestEntityTooLarge, "The body is too large",
		"The detail names the limit. Nothing was written.",
	},
	TypeUnsupportedMediaType: {
		http.StatusUnsupportedMediaType, "The body is not JSON",
		"Bodies are JSON in UTF-8 and say so: Content-Type: application/json.",
	},
	TypeIdempotencyKeyReused: {
		http.StatusUnprocessableEntity, "The Idempotency-Key belongs to another request",
		"A key stands for one request. It came before with other content, so this request was not carried out.",
	},
	TypeInternal: {
		http.StatusInternalServerError, "Something went wrong on our side",
		"The cause is in the service's log under the correlation_id of the answer. Whether a write took effect is not known; repeating it under the same Idempotency-Key is safe.",
	},
	TypeUnavailable: {
		http.StatusServiceUnavailable, "Not possible at the moment",
		"Something that the service needs is away. A write that is answered with this was not carried out and will not be. It comes back by itself; try again after Retry-After.",
	},
	TypeMaybeWritten: {
		http.StatusServiceUnavailable, "The write was not confirmed",
		"Whether the write reached the log is not known, or it may still arrive. Send the same request under the same Idempotency-Key: it takes effect once, however often it is sent.",
	},
	TypeReadModelBehind: {
		http.StatusServiceUnavailable, "The write is not readable yet",
		"The write that the Consistency-Token names is safe, and the read model has not reached it within the time a query waits. Try again after Retry-After.",
	},
	TypeBookParked: {
		http.StatusServiceUnavailable, "The book cannot be shown",
		"The book is in the log, and the read model could not apply its first event. That event and those behind it are parked, in order, until an operator retries or discards them; the detail says how many, and since when.",
	},
}
