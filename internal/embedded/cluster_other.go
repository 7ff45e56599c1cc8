//go:build !linux

package embedded

// Only Linux lets a process reach an open directory by a path of its own.
const (
	inheritedDir       = ""
	canPassDirectories = false
)
