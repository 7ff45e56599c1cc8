package query

// Statements, so that tests can ask the planner about them.
var (
	SearchStatement = searchStatement
	PageStatement   = pageStatement
)
