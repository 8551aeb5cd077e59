package turns

import "container/heap"

// Lowest returns the first n users in the order of their turns; the line stays as
// it is.
func (l *Line[U]) Lowest(n int) []*Turn[U] {
	q := l.waiting
	if n <= 1 || len(q) <= 1 {
		return q[:min(n, len(q))]
	}
	found := make([]*Turn[U], 0, min(n, len(q)))
	next := frontier[U]{q, []int{0}}
	for len(found) < n && len(next.at) > 0 {
		i := heap.Pop(&next).(int)
		found = append(found, q[i])
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < len(q) {
				heap.Push(&next, child)
			}
		}
	}
	return found
}

// frontier is a heap of places in a heap: those whose parents were passed.
type frontier[U any] struct {
	of queue[U]
	at []int
}

func (f frontier[U]) Len() int           { return len(f.at) }
func (f frontier[U]) Less(i, j int) bool { return f.of.Less(f.at[i], f.at[j]) }
func (f frontier[U]) Swap(i, j int)      { f.at[i], f.at[j] = f.at[j], f.at[i] }
func (f *frontier[U]) Push(x any)        { f.at = append(f.at, x.(int)) }
func (f *frontier[U]) Pop() any {
	last := f.at[len(f.at)-1]
	f.at = f.at[:len(f.at)-1]
	return last
}
