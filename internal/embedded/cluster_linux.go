package embedded

// inheritedDir names a directory that the program got as its first extra file
// descriptor. Following it needs no right to the directories above, which is
// how an unprivileged PostgreSQL works on files below /root. Each process that
// the program forks keeps the descriptor, and so the name.
const inheritedDir = "/proc/self/fd/3"

const canPassDirectories = true
