// Package web is the HTTP edge: everything that each route needs and none owns.
//
// In come HTTP requests, out go JSON answers and, for every failure, a
// [Problem] (RFC 9457). The routes of the API belong to the packages command
// and query, which write handlers that return an error; [Handle] is the one
// place where an error becomes a status. Around the routes lies the middleware
// of [Server], in an order that [Server.middleware] explains, and beside them
// the service's own routes: health, metrics, /openapi.json and /docs.
//
// On failure:
//   - Bad input is refused with all its faults at once, each named by field,
//     before anything is written: [DecodeJSON], [Params].
//   - The log or the database being away is a 503 with Retry-After. Where a
//     write may have got through all the same, the answer says so and that a
//     retry under the same Idempotency-Key is safe.
//   - A client that goes away is no failure of ours and no line in the error log.
//   - A client that is too slow loses its connection ([Timeouts]), so that ten
//     thousand of them hold nothing up.
//   - A [Stream] that breaks off, for whatever reason, is begun again by its client,
//     which says what it has seen. It has no end of its own, so a shutdown ends it.
//   - A panic is a 500 for its own request; the others never notice.
//   - Killed half-way, a request leaves nothing behind here: this package keeps
//     no state beyond a request. On [Server.Shutdown], requests that were taken
//     are answered, new ones find the port closed.
package web
