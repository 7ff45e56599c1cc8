// Package isbn reads International Standard Book Numbers (ISO 2108) as people
// and files have them.
//
// A text comes in: a field of a request, a cell of a spreadsheet, a search query.
// Out go the thirteen digits that every form of one number shares, or that the
// text is none. So two writings of one ISBN are equal texts once parsed, and an
// ISBN-10 finds the book that was stored under its ISBN-13.
//
// What is read is not guessed at: a check digit that is wrong is a typing mistake,
// and no number is better than another book's. Nothing is kept and nothing fails
// half way; the same text always has the same answer.
package isbn
