// Command verify runs everything that CI runs, in stages with budgets, and says what happened: one line `stage SECONDS result` for each
// stage, the skips by name, and build/verify.json.
//
// It may not pass over a stage in silence: a stage that cannot run says SKIP with a reason, and with FENCED_TEST_REQUIRE=all that is a
// failure unless the reason stands in test/skips.allow. It may not know anything of fenced itself; what a stage proves is in its tests.
//
// Start reading at stages.go (the list), then stage.go (how one runs).
package main
