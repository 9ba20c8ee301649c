package residual

import "path"

// ProbeDLM is the probe of the kernel's distributed lock manager.
const ProbeDLM = "dlm"

const dlmDir = "sys/kernel/dlm"

// dlmProbe finds lockspaces: one directory each in /sys/kernel/dlm, made before the join is answered, so a process stuck in joining shows too.
// No such directory means that the module is not loaded.
func dlmProbe(l *look) []Finding {
	if f, ok := l.open(ProbeDLM); !ok {
		return []Finding{f}
	}
	defer l.close()
	entries, err := l.list(dlmDir)
	var found []Finding
	for _, e := range entries {
		p := path.Join(dlmDir, e.Name())
		if !e.IsDir() { // the kernel makes only directories here: whatever this is, it is not understood
			found = append(found, l.unknown(ProbeDLM, l.path(p), "it is not a directory, as every lockspace is", false))
			continue
		}
		found = append(found, Finding{
			Probe: ProbeDLM, Path: printable(l.path(p)), Class: ClassState, Reset: true,
			What: "dlm lockspace " + printable(e.Name()),
			Why:  "the kernel holds a lockspace that no daemon of ours controls",
		})
	}
	if err != nil {
		found = append(found, l.unreadable(ProbeDLM, dlmDir, err))
	}
	return found
}
