// Package clients asks a running service over HTTP and takes down how long each answer
// took, for the benches that do.
//
// In comes what to ask, as a function; out go [Samples], which sum up to a
// [Measurement]. [Hammer] asks as fast as the answers come, [Knock] at a fixed rate.
//
// On failure: an answer that is not as it should be ([ErrFailed]) is counted, and its
// latency counts too. Anything else, such as a service that is not there, ends the
// measurement. Two measurements at once share the machine and nothing else.
package clients
