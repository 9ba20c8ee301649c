// Package scenarios holds the scenarios that the deciding code alone can prove, one file each, played in the simulator; the page that says which
// test proves what, docs/scenarios.md, is made from them and from the markers in other tests.
//
// A file is named by the scenario's id. docs/scenarios.md has the language. Start reading at S1.3.txt, then script (the language) and list (the
// page).
package scenarios
