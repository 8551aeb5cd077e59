package cli

import (
	"cmp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What is older never reads as younger.
func TestAges(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "0s"}, {999 * time.Millisecond, "0s"}, {99 * time.Second, "99s"}, {100 * time.Second, "1m40s"}, {2 * time.Minute, "2m"},
		{10*time.Minute + 59*time.Second, "10m"}, {99 * time.Minute, "99m"}, {100 * time.Minute, "1h40m"}, {99 * time.Hour, "99h"}, {100 * time.Hour, "4d4h"},
		{240 * time.Hour, "10d"}, {27*24*time.Hour + time.Hour, "27d"},
	} {
		if got := age(c.d); got != c.want {
			t.Errorf("age(%v) = %q; want %q", c.d, got, c.want)
		}
	}
	var last time.Duration
	for d := time.Duration(0); d < 20*24*time.Hour; d += 7 * time.Second {
		text, days := age(d), time.Duration(0)
		if n, rest, ok := strings.Cut(text, "d"); ok {
			count, err := strconv.Atoi(n)
			if err != nil {
				t.Fatalf("age(%v) = %q", d, text)
			}
			days, text = time.Duration(count)*24*time.Hour, cmp.Or(rest, "0s")
		}
		read, err := time.ParseDuration(text)
		if read += days; err != nil || read < last || read > d {
			t.Fatalf("age(%v) = %q, %v; want no less than %v, which is told of what is younger", d, age(d), err, last)
		}
		last = read
	}
}
