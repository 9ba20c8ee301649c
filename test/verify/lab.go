package main

import (
	"context"
	"strings"
)

// labScenarios are what CI takes of the whole machines under QEMU: what a release must not break. They share clusters in the order of their files. `make lab`
// runs all, in two hours.
var labScenarios = []string{
	"TestAWriterLosesPower", "TestAWriterIsCutOff", // S4.3, S1.1
	"TestNobodyCanProveItButAPerson", "TestSoftdogEndsWhoIsCutOff", // R19, R14
	"TestAllThreeAreDirty", "TestTheDemonstrationOf2006", // S2.3, S2.1
}

// lab boots three machines with a real kernel, dlm and gfs2 for each of labScenarios that RUN does not leave out.
func lab(ctx context.Context, b *Bench) error {
	run := "^(" + strings.Join(labScenarios, "|") + ")$"
	if b.tests != "" {
		run, b.tests = b.tests, ""
	}
	return b.goTest(ctx, []string{"./test/lab"}, "-run", run)
}
