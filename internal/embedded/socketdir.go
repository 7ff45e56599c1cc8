package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// longestSocketDir leaves room for "/.s.PGSQL.65535" and the final NUL in
// sockaddr_un's path: 108 bytes on Linux, 104 on the BSDs and macOS.
const longestSocketDir = 104 - len("/.s.PGSQL.65535") - 1

// makeSocketDir returns the directory for the server's socket, made and closed
// to everyone but the account: who reaches the socket is let in without a
// password. It lies in the data directory if a socket can have that path,
// else, under a name made from that path, with the machine's temporary files.
func makeSocketDir(dataDir string, reachable bool, as account) (string, error) {
	inside := filepath.Join(dataDir, "run")
	// A comma would make clients see a list of hosts.
	if reachable && len(inside) <= longestSocketDir && !strings.Contains(inside, ",") {
		return inside, as.makeDir(inside)
	}

	sum := sha256.Sum256([]byte(dataDir))
	name := fmt.Sprintf("bookstore-%d-%s", as.uid, hex.EncodeToString(sum[:8]))
	parent := os.TempDir()
	if len(filepath.Join(parent, name)) > longestSocketDir {
		parent = "/tmp"
	}
	outside := filepath.Join(parent, name)

	return outside, claimTempDir(outside, as)
}

// claimTempDir makes dir where everyone may make directories: one that somebody
// else put there first must not be used, they could sit on the socket.
func claimTempDir(dir string, as account) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		return as.own(dir)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}

	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || int(owner) != as.uid || info.Mode().Perm() != 0o700 {
		return fmt.Errorf("%s is not a private directory of user %d: remove it", dir, as.uid)
	}

	return nil
}
