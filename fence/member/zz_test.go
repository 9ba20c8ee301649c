package member

import (
	"fmt"
	"os"
	"testing"
)

var zz = map[string]int{}

func TestMain(m *testing.M) { r := m.Run(); fmt.Println(zz); os.Exit(r) }
