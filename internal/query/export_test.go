package query

// SearchStatement lets tests ask the planner about it.
var SearchStatement = searchStatement
