package sqlite

import "syscall"

var networks = map[string]bool{
	"nfs": true, "smbfs": true, "afpfs": true, "webdav": true, "ftp": true, "cifs": true,
	"macfuse": true, "osxfuse": true, "fusefs": true,
}

// fileSystem returns the name of the file system that a folder is on, and whether
// its files may be on another machine.
func fileSystem(folder string) (name string, remote bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return "unknown", false // SQLite will tell what is wrong with it
	}
	for _, c := range s.Fstypename {
		if c == 0 {
			break
		}
		name += string(rune(c))
	}
	return name, networks[name]
}
