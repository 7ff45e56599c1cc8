// Package archtest holds the rules on who may import whom, who may write which
// tables, and that each package says what it is for. It has no code of its own:
// its tests read the module's source as the go command sees it, and fail with
// each break of a rule, by package and import.
//
// The linter holds some of these rules too, file by file. Here they also hold for
// what is imported by way of another package, and for whoever runs go test alone.
package archtest
