package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// networks are file systems that are, or may be, on another machine, by the number
// that statfs gives.
var networks = map[uint32]string{
	0x00006969: "NFS",
	0x0000517B: "SMB",
	0xFE534D42: "SMB",
	0xFF534D42: "CIFS",
	0x5346414F: "AFS",
	0x6B414653: "AFS",
	0x00C36400: "Ceph",
	0x01021997: "9p",
	0x0BD00BD0: "Lustre",
	0x47504653: "GPFS",
	0x73757245: "Coda",
	0x0000564C: "NCP",
	0x01161970: "GFS2",
	0x7461636F: "OCFS2",
	0x19830326: "BeeGFS",
	0x786F4256: "a shared folder of VirtualBox",
	0xBACBACBC: "a shared folder of VMware",
}

const fuse = 0x65735546

// fileSystem returns the name of the file system that a folder is on, and whether
// its files may be on another machine.
func fileSystem(folder string) (name string, remote bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return "unknown", false // SQLite will tell what is wrong with it
	}
	if uint32(s.Type) == fuse {
		return fuseSystem(folder)
	}
	name, remote = networks[uint32(s.Type)]
	if remote {
		return name, true
	}
	return mounted(folder), false
}

// fuseLocal are file systems in a program that keep their files on this machine.
var fuseLocal = map[string]bool{
	"fuse": true, "fuseblk": true, "fuse.bindfs": true, "fuse.fuse-overlayfs": true, "fuse.gocryptfs": true,
	"fuse.encfs": true, "fuse.cryfs": true, "fuse.mergerfs": true, "fuse.ntfs-3g": true, "fuse.exfat": true,
	"fuse.lxcfs": true, "fuse.ext2": true, "fuse.zfs": true,
}

// fuseSystem refuses what it does not know: most of those are remote.
func fuseSystem(folder string) (name string, remote bool) {
	name = mounted(folder)
	return name, !fuseLocal[name]
}

// mounted returns the type of the file system that a folder is on, as the mounts
// of this process say.
func mounted(folder string) string {
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "unknown"
	}
	return mountedIn(string(mounts), folder)
}

// mountedIn reads lines such as "36 35 98:0 /root /mnt rw - ext4 /dev/sda rw". The
// last of the longest mount points above the folder holds it.
func mountedIn(mounts, folder string) string {
	name, longest := "unknown", -1
	for line := range strings.Lines(mounts) {
		mount, system, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(mount), strings.Fields(system)
		if !ok || len(fields) < 5 || len(kind) == 0 {
			continue
		}
		point := unescape.Replace(fields[4])
		if len(point) >= longest && within(folder, point) {
			name, longest = kind[0], len(point)
		}
	}
	return name
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func within(folder, point string) bool {
	return point == "/" || folder == point || strings.HasPrefix(folder, point+"/")
}
