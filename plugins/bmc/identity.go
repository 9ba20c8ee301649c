package main

import (
	"encoding/hex"
	"strings"

	"github.com/fenced-project/fenced/plugins/bmc/goipmi"
)

// orders are the byte orders in which vendors send a GUID: where on the wire each byte of the UUID is.
var orders = [][16]int{
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, // RFC 4122
	{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}, // SMBIOS: the first three fields little-endian
	{15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, // IPMI: all of it reversed
}

// spellings are the UUIDs that these bytes may mean, each once. Which one is right only the machine's SMBIOS can say (R16 a).
func spellings(wire [16]byte) []string {
	var out []string
	seen := map[string]bool{}
	for _, order := range orders {
		var u [16]byte
		for i, at := range order {
			u[i] = wire[at]
		}
		h := hex.EncodeToString(u[:])
		s := strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// spellingsOf are the UUIDs that a UUID in writing may mean: a vendor that sends its bytes in another order also writes them so. What is no
// UUID, or one of all zeros or ones, identifies nothing.
func spellingsOf(text string) []string {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 || !goipmi.Meaningful([16]byte(b)) {
		return nil
	}
	return spellings([16]byte(b))
}
