// Package operations is what operators see of the service over HTTP, and what
// they can tell it: its projections and their generations, rebuilds, and the
// records that could not be applied.
//
// In come requests ([API.Routes]); out go rows of the database as JSON, and orders
// to the process that is to follow them. Starting a rebuild, rolling back,
// dropping and comparing are done by whoever knows the projections ([Rebuilds]).
// Pausing, resuming, cancelling, accepting, retrying and discarding are notes on a
// row, which the owner of the rebuild or of the partition finds within a second.
// Nothing here writes read tables or moves checkpoints.
//
// On failure: an order that was answered with 2xx is in the database, and is
// followed also if this process or the owner dies; given twice it is one. An owner
// that is away is no failure of an order: the answer says that it waits. With the
// log away, how far a projection is behind it is answered as null, all else as
// ever. With the database away nothing is known, and a 503 says so.
package operations
