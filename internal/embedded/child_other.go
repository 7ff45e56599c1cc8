//go:build !linux

package embedded

import "syscall"

// childAttr keeps a child in a process group of its own, so that Ctrl-C, which
// a terminal sends to the whole group, reaches us only and we can drain before
// we stop it. Only Linux can tie a child's life to ours: elsewhere a PostgreSQL
// whose parent was killed runs on until the next start stops it
// (stopLeftover).
func childAttr(as account, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as.credential()}
}
