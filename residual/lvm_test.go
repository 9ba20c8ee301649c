package residual

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
)

const testVG = `vg0 {
id = "KK92Ji-zyY0-NdmF-F92W-pszK-plXn-YZKQiJ"
seqno = 1
status = ["RESIZEABLE", "READ", "WRITE"]
lock_type = "dlm"

physical_volumes {
pv0 {
id = "FbBLAR-ZzF7-BrUu-6OQp-d7i1-kk30-GjRWrb"
}
}
}
`

// makePV writes a disk of LVM with this metadata, which begins that far before the end of its ring.
func makePV(text string, before int) []byte {
	const area, size = 4096, 4096
	le := binary.LittleEndian
	disk := make([]byte, area+size)
	label := disk[sector : 2*sector]
	copy(label, "LABELONE")
	le.PutUint64(label[8:], 1)
	le.PutUint32(label[20:], 32)
	copy(label[24:], "LVM2 001")
	lists := label[32+40:]
	le.PutUint64(lists, 8192) // one data area
	le.PutUint64(lists[32:], area)
	le.PutUint64(lists[40:], size)
	le.PutUint32(label[16:], lvmSum(label[20:]))
	from := mdaHeader
	if before > 0 {
		from = size - before
	}
	h := disk[area : area+mdaHeader]
	copy(h[4:], mdaMagic)
	le.PutUint32(h[20:], 1)
	le.PutUint64(h[24:], area)
	le.PutUint64(h[32:], size)
	le.PutUint64(h[40:], uint64(from))
	le.PutUint64(h[48:], uint64(len(text)))
	le.PutUint32(h[56:], lvmSum([]byte(text)))
	le.PutUint32(h, lvmSum(h[4:]))
	n := copy(disk[area+from:], text)
	copy(disk[area+mdaHeader:], text[n:])
	return disk
}

// The images were written by LVM 2.03.16: testdata/lvm.
func TestImagesOfLVM(t *testing.T) {
	for file, want := range map[string]vgMeta{
		"testdata/lvm/pv0.img": {name: "local0", id: "KK92JizyY0NdmFF92WpszKplXnYZKQiJ"}, "testdata/lvm/pv1.img": {name: "shared0", id: "dnP0JYSMq5NXRYSCugr07CQd51unspcH", lockType: "dlm"},
	} {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readVG(f); err != nil || got != want {
			t.Errorf("%s: %+v %v", file, got, err)
		}
		_ = f.Close()
	}
}

func TestMetadataIsARing(t *testing.T) {
	for _, before := range []int{0, len(testVG), 100, 1} {
		if m, err := readVG(bytes.NewReader(makePV(testVG, before))); err != nil || m.lockType != "dlm" || m.name != "vg0" {
			t.Errorf("%d before the end: %+v %v", before, m, err)
		}
	}
}

// Metadata that somebody writes at this moment, or that is damaged, proves nothing.
func TestTornMetadata(t *testing.T) {
	good := makePV(testVG, 0)
	for at, want := range map[int]error{sector + 40: errTorn, 4096 + 60: errTorn, 4096 + mdaHeader + 10: errTorn, sector: errNoLabel} {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if _, err := readVG(bytes.NewReader(bad)); !errors.Is(err, want) {
			t.Errorf("byte %d: %v, want %v", at, err, want)
		}
	}
	if _, err := readVG(bytes.NewReader(good[:4700])); err == nil {
		t.Error("a disk that ends in its metadata is read")
	}
}

func TestSharedGroups(t *testing.T) {
	for text, want := range map[string]string{
		testVG: "lock type dlm",
		strings.Replace(testVG, `"dlm"`, `"sanlock"`, 1):                         "lock type sanlock",
		strings.Replace(testVG, `"dlm"`, `"none"`, 1):                            "",
		strings.Replace(testVG, "lock_type = \"dlm\"\n", "", 1):                  "",
		strings.Replace(testVG, `lock_type = "dlm"`, `flags = ["CLUSTERED"]`, 1): "clvmd",
		strings.Replace(testVG, `"WRITE"]`, `"WRITE", "CLUSTERED"]`, 1):          "clvmd",
	} {
		if m, err := parseVG(text); err != nil || m.shared() != want {
			t.Errorf("%s: %q %v", text, m.shared(), err)
		}
	}
	// what a volume in the group is called does not count
	inner := strings.Replace(strings.Replace(testVG, "lock_type = \"dlm\"\n", "", 1), "pv0 {", "pv0 {\nlock_type = \"dlm\"", 1)
	if m, err := parseVG(inner); err != nil || m.shared() != "" {
		t.Errorf("%+v %v", m, err)
	}
	for _, text := range []string{"", "{", "x {", "x {\nid = \"short\"\n}", "a = b\nx {\nid = \"KK92Ji-zyY0-NdmF-F92W-pszK-plXn-YZKQiJ\"\n"} {
		if _, err := parseVG(text); err == nil {
			t.Errorf("%q is understood", text)
		}
	}
}
