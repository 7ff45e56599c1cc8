package embedded

import "syscall"

// childAttr keeps a child in a process group of its own, so that Ctrl-C, which
// a terminal sends to the whole group, reaches us only and we can drain before
// we stop it. onParentDeath is what the kernel sends it if we are killed.
func childAttr(as account, onParentDeath syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setpgid:    true,
		Pdeathsig:  onParentDeath,
		Credential: as.credential(),
	}
}
