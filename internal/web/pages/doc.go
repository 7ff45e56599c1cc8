// Package pages shows the bookstore to people: the storefront, a book and its timeline,
// and what operators need.
//
// In come a browser's requests; out go HTML pages made on the server, good without
// JavaScript. What is on them comes from the HTTP API, which the pages ask as any client
// would, in process ([web.Call]): what a page can do, a program can do, by the same
// rules. So the pages need to know nothing of logs and databases. Searching on a page
// publishes the search, opening a book publishes that, and a write waits until it is
// readable, because the API does.
//
// A request with the header HX-Request comes from htmx and gets the part of a page that
// it will replace.
//
// What operators watch is live: the server sends the parts that have changed, made once a
// second for all who watch a page and not at all while nobody does.
//
// On failure: what the API answers as a problem becomes a page that says what helps,
// under the same status. A form that was sent twice has taken effect once: each carries a
// key ([Idempotency-Key]) that it was made with. Who edits a book that somebody else has
// changed meanwhile is shown both, and nothing was written. A page that was killed
// half-way leaves nothing behind: nothing is kept here between requests.
//
// Pages of other sites can't write (see package web), no page runs inline scripts or loads
// anything from elsewhere, and all files that they need are in the program.
//
// [Idempotency-Key]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
package pages
