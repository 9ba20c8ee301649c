package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// withheld is one of corosync's client libraries with a person at its tap: a daemon that finds it first is told by the real corosync what the real library
// says, but from a moment on nothing, until it is told all. Files in the daemon's HOME are the tap.
type withheld struct {
	t   *testing.T
	dir string // for LD_LIBRARY_PATH
}

// The names of the files: nothing is told from now on, or from the first piece of a log on, which is when `seen` appears.
const (
	now    = "held"
	atPage = "held-at-page"
	seen   = "seen"
)

// tap is the library: its dispatch finds nothing while a file is there, and the message at which it began is told first when it is gone. All else is the
// real one's.
const tap = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *at(const char *name) {
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("HOME"), name);
	return path;
}

static int there(const char *name) { return access(at(name), F_OK) == 0; }

static void *behind(const char *name) { return dlsym(dlopen(BEHIND, RTLD_NOW), name); }

#ifdef GROUP
#include <corosync/cpg.h>

static cpg_deliver_fn_t deliver;
static struct { cpg_handle_t handle; struct cpg_name group; uint32_t node, pid; void *data; size_t size; } kept;

static void take(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *data, size_t size) {
	if (kept.data || !there("held-at-page") || !memmem(data, size, "\"page\":", 7)) {
		deliver(h, g, node, pid, data, size);
		return;
	}
	kept.handle = h, kept.group = *g, kept.node = node, kept.pid = pid, kept.size = size;
	kept.data = memcpy(malloc(size), data, size);
	fclose(fopen(at("seen"), "w"));
}

cs_error_t cpg_model_initialize(cpg_handle_t *h, cpg_model_t model, cpg_model_data_t *data, void *context) {
	cs_error_t (*real)(cpg_handle_t *, cpg_model_t, cpg_model_data_t *, void *) = behind("cpg_model_initialize");
	cpg_model_v1_data_t *v1 = (cpg_model_v1_data_t *)data;
	deliver = v1->cpg_deliver_fn;
	v1->cpg_deliver_fn = take;
	cs_error_t said = real(h, model, data, context);
	v1->cpg_deliver_fn = deliver;
	return said;
}

static int waits(void) {
	if (!kept.data || there("held-at-page"))
		return kept.data != NULL;
	deliver(kept.handle, &kept.group, kept.node, kept.pid, kept.data, kept.size);
	free(kept.data);
	kept.data = NULL;
	return 0;
}
#else
static int waits(void) { return 0; }
#endif

int DISPATCH(uint64_t handle, int flags) {
	static int (*real)(uint64_t, int);
	if (there("held") || waits()) {
		usleep(10000);
		return 6; /* CS_ERR_TRY_AGAIN: there is nothing */
	}
	if (!real)
		real = (int (*)(uint64_t, int))behind(NAME);
	return real(handle, flags);
}
`

// withholds builds it for one of the libraries.
func withholds(t *testing.T, library string) withheld {
	t.Helper()
	if _, err := os.Stat("/usr/include/corosync/cpg.h"); err != nil {
		skip(t, "corosync/cpg.h is not installed")
	}
	cc, err := exec.LookPath("gcc")
	if err != nil {
		skip(t, "gcc is not installed")
	}
	out, err := exec.Command(cc, "-print-file-name="+library).Output()
	must(t, err)
	real, err := filepath.EvalSymlinks(strings.TrimSpace(string(out)))
	must(t, err)
	call, flags := "quorum_dispatch", []string{}
	if strings.HasPrefix(library, "libcpg") {
		call, flags = "cpg_dispatch", []string{"-DGROUP", "-Dcpg_dispatch=cpg_dispatch_of_the_header"}
	}
	dir := t.TempDir()
	source, stub := filepath.Join(dir, "tap.c"), filepath.Join(dir, "stub.so")
	must(t, os.WriteFile(source, []byte(tap), 0o600))
	// The real one is needed by its path: by its name the loader would find this one. A stub of that name makes the linker write it so.
	build := append([]string{
		"-shared", "-fPIC", "-Wall", "-Werror", source, "-o", filepath.Join(dir, library), "-Wl,--no-as-needed", stub, "-ldl",
		"-DBEHIND=" + fmt.Sprintf("%q", real), "-DNAME=" + fmt.Sprintf("%q", call), "-DDISPATCH=tapped", "-Wl,--defsym=" + call + "=tapped",
	}, flags...)
	for _, args := range [][]string{{"-shared", "-x", "c", os.DevNull, "-o", stub, "-Wl,-soname," + real}, build} {
		if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
			t.Fatalf("gcc %v: %v\n%s", args, err, bytes.TrimSpace(out))
		}
	}
	return withheld{t, dir}
}

// env lets daemons find it.
func (w withheld) env() []string { return []string{"LD_LIBRARY_PATH=" + w.dir} }

func (w withheld) file(n *playground.Node, name string) string {
	return filepath.Join(filepath.Dir(n.Socket()), name)
}

// hold lets a node's daemon be told nothing from a moment on.
func (w withheld) hold(n *playground.Node, from string) {
	w.t.Helper()
	must(w.t, os.WriteFile(w.file(n, from), nil, 0o600))
}

// begun reports whether the piece of a log has come at which a node's daemon is told nothing more.
func (w withheld) begun(n *playground.Node) bool {
	_, err := os.Stat(w.file(n, seen))
	return err == nil
}

// tell lets it be told all that it was not.
func (w withheld) tell(n *playground.Node) {
	w.t.Helper()
	for _, name := range []string{now, atPage} {
		if err := os.Remove(w.file(n, name)); !errors.Is(err, fs.ErrNotExist) {
			must(w.t, err)
		}
	}
}
