//go:build linux

package sqlite

import "testing"

// A test cannot mount a disk of another machine, so what the kernel would say of
// one is given here.
func TestFileSystemOfAFolder(t *testing.T) {
	const mounts = `22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
40 22 0:35 / /mnt/nas rw shared:9 - nfs4 nas:/export rw
41 22 0:36 / /home/me/my\040files rw shared:9 - fuse.sshfs me@host: rw
42 22 0:37 / /media/usb rw - fuseblk /dev/sdb1 rw
43 40 0:38 / /mnt/nas rw - fuse.rclone drive: rw
`
	for folder, want := range map[string]string{
		"/": "ext4", "/var/lib/pawl": "ext4", "/mnt/nasty": "ext4", "/mnt/nas": "fuse.rclone", "/mnt/nas/a": "fuse.rclone",
		"/home/me/my files/x": "fuse.sshfs", "/media/usb": "fuseblk",
	} {
		if got := mountedIn(mounts, folder); got != want {
			t.Errorf("%s is on %s; want %s", folder, got, want)
		}
	}
	if fuseLocal["fuse.sshfs"] || fuseLocal["fuse.rclone"] || !fuseLocal["fuseblk"] {
		t.Error("file systems in a program: only those that keep files on this machine may be used")
	}
	for number, want := range map[uint32]string{0x6969: "NFS", 0xFE534D42: "SMB"} {
		if networks[number] != want {
			t.Errorf("file system %#x is %q; want %s", number, networks[number], want)
		}
	}
	if name, remote := fileSystem(t.TempDir()); remote || name == "unknown" {
		t.Errorf("a temporary folder is on %s, remote %v; want one of this machine", name, remote)
	}
}
