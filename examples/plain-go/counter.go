package main

import (
	"context"
	"sync"
)

// counter counts what is under way.
type counter struct {
	mutex sync.Mutex
	count int
	zero  chan struct{} // Closed when somebody waits and nothing is under way any more.
}

func (c *counter) add(n int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.count += n
	if c.count == 0 && c.zero != nil {
		close(c.zero)
		c.zero = nil
	}
}

// wait returns when nothing is under way, or when the context is done.
func (c *counter) wait(ctx context.Context) {
	c.mutex.Lock()
	zero := make(chan struct{})
	if c.count == 0 {
		close(zero)
	} else {
		c.zero = zero
	}
	c.mutex.Unlock()
	select {
	case <-zero:
	case <-ctx.Done():
	}
}
