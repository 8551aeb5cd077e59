package measure

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
)

// Resident returns how many bytes of this process are in memory: as the kernel
// counts them where it tells, else what the runtime has taken and not given back.
func Resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if fields := bytes.Fields(b); err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}
