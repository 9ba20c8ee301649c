package residual

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// A thread may have a table of open files, or a mount namespace, of its own (CLONE_FILES, unshare): what it holds is in no entry of its process. The
// kernel is asked which threads share with which (kcmp); where it does not say, a thread counts as one that does not.

// thread is where procfs shows what threads that share have in common.
type thread struct {
	pid int
	dir string // ends in a slash
}

// The resources that threads share or do not: the kernel's own numbers (linux/kcmp.h).
const (
	sharesFiles = 2 // KCMP_FILES: one table of open files
	sharesPlace = 3 // KCMP_FS: one root and working directory; a mount namespace of one's own needs a place of one's own
)

// maxApart bounds how many kinds of threads of one process are told apart; each thread beyond them counts by itself.
const maxApart = 16

// apart lists one thread of a process for each of the tables of what, the first thread first, which is the process as procfs shows it. A process that
// vanishes has none left to list. The error says that the threads could not be read.
func (l *look) apart(pid, what int) ([]thread, error) {
	all := []thread{{pid: pid, dir: proc(pid, "")}}
	dir := proc(pid, "task")
	if l.alone(dir) {
		return all, nil
	}
	l.entries = 0 // the bound is one of each process
	entries, err := l.list(dir)
	if err != nil {
		if gone(err) {
			err = nil
		}
		return all, err
	}
	distinct := []int{pid}
next:
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil || tid == pid {
			continue
		}
		for _, d := range distinct {
			if l.share(d, tid, what) {
				continue next // or one of them is gone, and holds nothing
			}
		}
		if len(distinct) < maxApart {
			distinct = append(distinct, tid)
		}
		all = append(all, thread{pid: pid, dir: dir + "/" + e.Name() + "/"})
	}
	return all, nil
}

// alone proves that a process has one thread, by the number of links to its directory, without reading it. Only procfs counts them.
func (l *look) alone(dir string) bool {
	if l.o.SystemRoot != "/" {
		return false
	}
	var st unix.Stat_t
	return unix.Lstat("/"+dir, &st) == nil && st.Nlink == 3 // procfs alone: no link of it leads anywhere else
}

// share reports whether the kernel says that two threads share a table, or that they are not both there. A number in a fake system is none of this
// kernel's.
func (l *look) share(a, b, what int) bool {
	if l.o.SystemRoot != "/" {
		return false
	}
	same, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), uintptr(what), 0, 0, 0) // #nosec G115: process ids and constants
	return errno == 0 && same == 0 || errno == unix.ESRCH
}
