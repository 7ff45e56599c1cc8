// Package migrations holds the SQL that builds the service's tables, one
// numbered step per file, compiled into the program so that a binary and its
// schema never part. postgres.Migrate applies them, in order and only forward:
// a step that was released is never changed, since databases that have applied
// it will not apply it again; what is wrong with it is put right by a later one.
package migrations

import "embed"

// FS holds the steps.
//
//go:embed *.sql
var FS embed.FS
