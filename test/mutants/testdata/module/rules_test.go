package rules

import "testing"

func TestQuorate(t *testing.T) {
	if Quorate(1, 2) || !Quorate(2, 2) {
		t.Fatal("a minority is quorate")
	}
}

func TestLimit(t *testing.T) {
	if Limit(3) != 3 {
		t.Fatal("limit")
	}
}

func TestCount(t *testing.T) {
	if Count(3) != 3 {
		t.Fatal("count")
	}
}

func TestBackground(t *testing.T) { Background() }

func TestAlwaysFails(t *testing.T) { t.Fatal("it fails without any mutant") }

func TestSkipped(t *testing.T) { t.Skip("SKIP TestSkipped: to be seen") }
