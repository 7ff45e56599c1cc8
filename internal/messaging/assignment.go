package messaging

import (
	"context"
	"sync"
)

// assignment is what a consumer holds during one session of its group.
type assignment struct {
	partitions []int32
	ctx        context.Context // ends with the session, or when it is given up
	giveUp     context.CancelFunc

	mu      sync.Mutex
	over    bool
	running sync.WaitGroup // calls of Handle
}

func newAssignment(session context.Context, partitions []int32) *assignment {
	ctx, cancel := context.WithCancel(session)
	return &assignment{partitions: partitions, ctx: ctx, giveUp: cancel}
}

// enter begins a call of Handle, if the assignment still holds. The context has
// the values of the message's and ends with the assignment.
func (a *assignment) enter(msg context.Context) (ctx context.Context, leave func(), ok bool) {
	if a == nil {
		return nil, nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.ctx.Err() != nil {
		return nil, nil, false
	}
	a.running.Add(1)
	return bounded{Context: a.ctx, values: msg}, a.running.Done, true
}

// end lets no call of Handle begin and waits for those that have. Without it they
// could outlive their session: Watermill does not wait for them when it closes.
func (a *assignment) end() {
	a.mu.Lock()
	a.over = true
	a.mu.Unlock()
	a.giveUp()
	a.running.Wait()
}

// bounded has the end of one context and the values of another.
type bounded struct {
	context.Context
	values context.Context
}

// Value implements [context.Context].
func (b bounded) Value(key any) any { return b.values.Value(key) }
