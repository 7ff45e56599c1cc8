// Package targets is how the benches state what they are to show: a figure that was
// measured, beside the one that is wanted. In come ratios, out goes a table for people;
// for programs they are JSON.
package targets
