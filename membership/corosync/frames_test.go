package corosync

import (
	"testing"

	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

func TestFramesWaitInOrderAndVoidOnesGo(t *testing.T) {
	woken := 0
	f := &frames{wake: func() { woken++ }}
	push := func(session agreement.Digest, text string) {
		if !f.push(agreement.Message{Session: session, Promise: true}, []byte(text)) {
			t.Fatalf("%s is refused", text)
		}
	}
	ping := func(text string) { f.push(agreement.Message{Ping: &agreement.Ping{}}, []byte(text)) }
	f.now("one")
	push("one", "a")
	ping("ping 1")
	push("one", "b")
	push("", "hello")
	ping("ping 2") // takes the place of the first: it was not sent
	if woken != 5 {
		t.Errorf("woken %d times", woken)
	}
	take := func(want string) {
		t.Helper()
		b := f.head()
		if string(b) != want || string(f.head()) != want {
			t.Fatalf("next is %q, want %q", b, want)
		}
		f.sent(b)
		f.sent(b) // twice takes nothing else away
	}
	take("ping 2") // before whatever waits
	take("a")
	f.now("two") // b is void now
	push("two", "c")
	take("hello")
	take("c")
	if f.head() != nil {
		t.Error("something is left")
	}
	push("two", "d")
	f.clear()
	if f.head() != nil {
		t.Error("something is left after clear")
	}
}

// A Hello that was not sent says less than the next one; one that was sent meanwhile is not sent again.
func TestANewerHelloTakesThePlaceOfOne(t *testing.T) {
	f := &frames{wake: func() {}}
	hello := func(text string) { f.push(agreement.Message{Hello: &agreement.Hello{}}, []byte(text)) }
	hello("one")
	hello("two")
	sending := f.head()
	hello("three")
	f.sent(sending)
	f.push(agreement.Message{Promise: true}, []byte("other"))
	if string(sending) != "two" {
		t.Errorf("%q is sent first", sending)
	}
	for _, want := range []string{"three", "other"} {
		if b := f.head(); string(b) != want {
			t.Errorf("next is %q, want %q", b, want)
		}
		f.sent(f.head())
	}
	if f.head() != nil {
		t.Error("something is left")
	}
}

func TestFramesAreBounded(t *testing.T) {
	f := &frames{wake: func() {}}
	for range maxFrames {
		if !f.push(agreement.Message{Promise: true}, []byte("x")) {
			t.Fatal("refused before the bound")
		}
	}
	if f.push(agreement.Message{Promise: true}, []byte("x")) {
		t.Error("accepted beyond the bound")
	}
}
