package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/fenced-project/fenced/test/product"
)

// makeImage bounds the making of what guests boot; most of it is a download.
const makeImage = 8 * time.Minute

// Needs are the programs without which there is no lab, by the Debian package that has them.
var Needs = map[string]string{
	"qemu-system-x86_64": "qemu-system-x86", "ipmi_sim": "openipmi", "ipmitool": "ipmitool", "busybox": "busybox-static", "cpio": "cpio", "depmod": "kmod", "xz": "xz-utils",
	"readelf": "binutils", "corosync": "corosync", "dlm_controld": "dlm-controld", "mkfs.gfs2": "gfs2-utils", "mkfs.ext4": "e2fsprogs", "systemctl": "systemd",
}

// image is what guests boot, and the program that ipmi_sim runs.
type image struct{ dir, tool string }

func (i image) kernel() string { return filepath.Join(i.dir, "vmlinux") }

// initramfs is the archive of a guest, with systemd or with busybox alone.
func (i image) initramfs(systemd bool) string {
	if systemd {
		return filepath.Join(i.dir, "initramfs-systemd.cpio")
	}
	return filepath.Join(i.dir, "initramfs.cpio")
}

// build makes the image of the sources in root, in their build directory. The kernel is kept from one time to the next.
func build(ctx context.Context, root string) (image, error) {
	if runtime.GOARCH != "amd64" {
		return image{}, fmt.Errorf("the lab's machines are amd64, this one is %s", runtime.GOARCH)
	}
	ctx, cancel := context.WithTimeout(ctx, makeImage)
	defer cancel()
	built, err := product.Source{Root: root}.Build()
	if err != nil {
		return image{}, err
	}
	dir := filepath.Join(root, "build", "lab")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return image{}, err
	}
	i := image{dir: dir, tool: filepath.Join(dir, "tool")}
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", i.tool, "./test/lab/tool")
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return image{}, fmt.Errorf("cannot build the lab's tool: %w\n%s", err, out)
	}
	c = exec.CommandContext(ctx, filepath.Join(root, "test", "lab", "image.sh"), dir, built, i.tool)
	if out, err := c.CombinedOutput(); err != nil {
		return image{}, fmt.Errorf("cannot make what the guests boot: %w\n%s", err, out)
	}
	return i, nil
}
