package saturation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl/internal/saturation"
)

const header = "TIMESTAMP,ContextTokens,GeneratedTokens\n"

func TestReadTrace(t *testing.T) {
	got, err := saturation.ReadTrace(strings.NewReader(header +
		"2023-11-16 18:15:46.6805900,374,44\n" +
		"2023-11-16 18:15:51.9950000,879,55\n" +
		"2023-11-16 18:15:50.6805900,396,0\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []saturation.Request{{Input: 374, Output: 44}, {At: 4 * time.Second, Input: 396}, {At: 5314410 * time.Microsecond, Input: 879, Output: 55}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ReadTrace (-want +got):\n%s", diff)
	}
}

func TestReadTraceSaysWhatIsWrong(t *testing.T) {
	const line = "2023-11-16 18:15:46.6805900,374,44\n"
	for _, tt := range []struct{ text, want string }{
		{"", "read the trace's header: EOF"},
		{"a,b,c\n" + line, `the trace begins with ["a" "b" "c"]; want ["TIMESTAMP" "ContextTokens" "GeneratedTokens"]`},
		{header, "the trace has no requests"},
		{header + line + "yesterday,1,2\n", `line 3 of the trace: parsing time "yesterday"`},
		{header + line + "2023-11-16 18:15:47,many,2\n", `line 3 of the trace: ContextTokens is "many"; want 0 to 1000000`},
		{header + line + "2023-11-16 18:15:47,1,-2\n", `line 3 of the trace: GeneratedTokens is "-2"; want 0 to 1000000`},
		{header + line + "2023-11-16 18:15:45,1,2\n", "line 3 of the trace: 2023-11-16 18:15:45 lies before the first line's time"},
		{header + line + "2023-11-16 18:15:47,1\n", "read the trace: record on line 3: wrong number of fields"},
	} {
		if _, err := saturation.ReadTrace(strings.NewReader(tt.text)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("ReadTrace(%q) = %v; want %s", tt.text, err, tt.want)
		}
	}
}

func FuzzReadTrace(f *testing.F) {
	f.Add(header + "2023-11-16 18:15:46.6805900,374,44\n")
	f.Add(header + "\"2023-11-16 18:15:46\",1,1\r\n\r\n2023-11-16 18:15:46,2,2")
	f.Add("TIMESTAMP,ContextTokens\n1,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		requests, err := saturation.ReadTrace(strings.NewReader(text))
		if (err == nil) != (len(requests) > 0) {
			t.Fatalf("%d requests and error %v; want one of both", len(requests), err)
		}
		if !slices.IsSortedFunc(requests, func(a, b saturation.Request) int { return int(a.At - b.At) }) {
			t.Error("requests are not in the order of their arrival")
		}
		for _, r := range requests {
			if r.At < 0 || r.Input < 0 || r.Output < 0 {
				t.Errorf("%+v has negative numbers", r)
			}
		}
	})
}

// The synthetic mix has the percentiles of the trace that it stands for.
func TestSynthetic(t *testing.T) {
	requests := saturation.Synthetic(1, time.Hour)
	if diff := cmp.Diff(requests, saturation.Synthetic(1, time.Hour)); diff != "" {
		t.Fatal("the same seed gives other requests")
	}
	var input, output []int
	for _, r := range requests {
		input, output = append(input, r.Input), append(output, r.Output)
	}
	slices.Sort(input)
	slices.Sort(output)
	for _, tt := range []struct {
		what string
		got  int
		want float64
	}{
		{"requests a minute", len(requests) / 60, 328},
		{"input p50", input[len(input)/2], 1020},
		{"input p90", input[len(input)*9/10], 2735},
		{"output p50", output[len(output)/2], 129},
		{"output p90", output[len(output)*9/10], 424},
	} {
		if ratio := float64(tt.got) / tt.want; ratio < 0.95 || ratio > 1.05 {
			t.Errorf("%s = %d; want %v within 5 %%", tt.what, tt.got, tt.want)
		}
	}
}
