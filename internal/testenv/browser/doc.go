// Package browser lets tests use the pages as a person does, in a real headless
// Chromium: what comes in is the address of a service under test and what the
// person does and looks for; what goes out is a failed test, with what the page
// shows, when it is not there in time.
//
//	page := browser.New(t, service.URL).Resize(browser.Phone).Dark()
//	page.Open("/").Type("#q", "lathe").Press("Enter")
//	page.WaitText("h1", "Results").RequireAccessible()
//
// All tests of a binary share one Chromium, started when the first one asks and
// stopped by [bookstore/internal/testenv.Main]. Each [Page] has cookies, cache and
// window of its own, so tests may be parallel, and a test that is two readers has
// two pages.
//
// # What is found without being looked for
//
// A test fails at its end, whatever it looked at, if a page logged an error, threw,
// broke its Content-Security-Policy, could not load something (also: was answered
// 4xx or 5xx), opened a dialog, or asked anything of another host than the
// service's; and if it did not do what [Page.ExpectFault] said that it would.
// Nothing can reach another host: no name is resolved and no proxy is used.
// What other windows do, those that a page opens, is not seen.
//
// # Selectors
//
// A selector is CSS, or XPath if it begins with a slash, as in
// //button[.="Save"]. Of several elements that match, those that can be seen come
// first, in the order of the document.
//
// # Waiting
//
// Nothing sleeps, and nothing waits for ever: each step asks the page again and
// again until it can be done, or fails the test after [Patience]. A click is for an
// element that is visible, enabled, at rest and not covered by another, as a person
// would need. A page that is left for another one in the middle of a question is
// asked anew. Steps must be called in the goroutine of the test.
//
// # No Chromium
//
// Tests are skipped, unless the environment says CI: there they fail. It is looked
// for as BOOKSTORE_TEST_CHROMIUM (a path or a name), chromium, chromium-browser and
// google-chrome. If the test binary is killed, Chromium ends with it (on Linux), and
// testenv removes its files in the next run.
package browser
