// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"sync"
	"time"
)

// fabric is the network between a committee's nodes, and where they run.
type fabric interface {
	// String says what it is, for the report.
	String() string
	// listen returns where node i listens for its peers and for clients.
	listen(i int) (peers, clients string)
	// reach returns where node from finds node to.
	reach(from, to int) string
	// door returns where this process finds an address at which node i listens.
	door(i int, address string) (string, error)
	// start starts c as node i's.
	start(i int, c *exec.Cmd) error
	// set makes the link between two nodes, both ways.
	set(a, b int, l link)
	// close ends all that runs in it.
	close() error
}

// link is how bytes travel from one node to another. The zero value is a good one.
type link struct {
	cut           bool
	delay, jitter time.Duration // uniform within ±jitter of delay
	loss          float64       // share of packets
}

// late returns how long a packet takes.
func (l link) late(rng *rand.Rand) time.Duration {
	if l.jitter <= 0 {
		return l.delay
	}
	return max(0, l.delay+time.Duration(rng.Int64N(int64(2*l.jitter)))-l.jitter)
}

// newFabric returns namespaces where this process may make them, else loopback, and then why.
func newFabric(n int, seed uint64, loopback bool) (fabric, string, error) {
	if loopback {
		f, err := newRelays(n, seed)
		return f, "loopback was asked for", err
	}
	spaces, err := newSpaces(n, seed)
	if err == nil {
		return spaces, "", nil
	}
	f, errLoopback := newRelays(n, seed)
	return f, err.Error(), errLoopback
}

// links is the state of all links, by the lower node first.
type links struct {
	mu      sync.Mutex
	of      map[[2]int]link
	changed chan struct{} // closed at each change, and then replaced
	rng     *rand.Rand
}

func newLinks(seed uint64) *links {
	return &links{of: make(map[[2]int]link), changed: make(chan struct{}), rng: rand.New(rand.NewPCG(seed, 0))}
}

func (l *links) set(a, b int, to link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[[2]int{min(a, b), max(a, b)}] = to
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *links) get(a, b int) (link, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[[2]int{min(a, b), max(a, b)}], l.changed
}

// draw returns whether a packet between two nodes is lost, and how late it is.
func (l *links) draw(a, b int) (lost bool, late time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	link := l.of[[2]int{min(a, b), max(a, b)}]
	if link.cut || link.loss > 0 && l.rng.Float64() < link.loss {
		return true, 0
	}
	return false, link.late(l.rng)
}

// relays is a fabric on loopback: every connection between two nodes passes through a relay in this process. What a relay
// cannot do is lose packets: it holds back what follows a lost one, as TCP does, for the time of a retransmission.
type relays struct {
	*links
	peers, clients []string
	between        map[[2]int]net.Listener // from, to
	ctx            context.Context
	cancel         context.CancelFunc
	tasks          sync.WaitGroup
}

func newRelays(n int, seed uint64) (*relays, error) {
	r := &relays{links: newLinks(seed), between: make(map[[2]int]net.Listener)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	addresses, err := freeAddresses(2 * n)
	if err != nil {
		return nil, err
	}
	r.peers, r.clients = addresses[:n], addresses[n:]
	for from := range n {
		for to := range n {
			if from == to {
				continue
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, errors.Join(err, r.close())
			}
			r.between[[2]int{from, to}] = l
			r.tasks.Go(func() { r.accept(l, from, to) })
		}
	}
	return r, nil
}

// freeAddresses returns n addresses of loopback that are free.
func freeAddresses(n int) ([]string, error) {
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all at the end, so that none is given twice
		out = append(out, l.Addr().String())
	}
	return out, nil
}

func (r *relays) String() string {
	return "loopback, with a TCP relay between every two nodes"
}
func (r *relays) listen(i int) (string, string)              { return r.peers[i], r.clients[i] }
func (r *relays) reach(from, to int) string                  { return r.between[[2]int{from, to}].Addr().String() }
func (r *relays) door(_ int, address string) (string, error) { return address, nil }
func (r *relays) start(_ int, c *exec.Cmd) error {
	dieWithParent(c)
	return c.Start()
}

func (r *relays) close() error {
	r.cancel()
	var errs []error
	for _, l := range r.between {
		errs = append(errs, l.Close())
	}
	r.tasks.Wait()
	return errors.Join(errs...)
}

func (r *relays) accept(l net.Listener, from, to int) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		r.tasks.Go(func() {
			defer in.Close()
			if !r.whole(from, to) {
				return
			}
			var d net.Dialer
			out, err := d.DialContext(r.ctx, "tcp", r.peers[to])
			if err != nil {
				return
			}
			defer out.Close()
			stop := context.AfterFunc(r.ctx, func() { _, _ = in.Close(), out.Close() })
			defer stop()
			var both sync.WaitGroup
			both.Go(func() { r.pump(out, in, from, to) })
			both.Go(func() { r.pump(in, out, from, to) })
			both.Wait()
		})
	}
}

// whole waits until a link is not cut; it returns false when the fabric ends before.
func (r *relays) whole(a, b int) bool {
	for {
		l, changed := r.get(a, b)
		if !l.cut {
			return true
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return false
		}
	}
}

// packet is bytes under way, and when they arrive.
type packet struct {
	bytes []byte
	due   time.Time
}

// retransmission is what Linux waits at least before it sends a lost segment again.
const retransmission = 200 * time.Millisecond

// pump carries bytes one way until either end closes.
func (r *relays) pump(dst, src net.Conn, a, b int) {
	under := make(chan packet, 256)
	go func() {
		defer close(under)
		var last time.Time
		for {
			buf := make([]byte, 1400)
			n, err := src.Read(buf)
			if err != nil || !r.whole(a, b) {
				return
			}
			due := time.Now()
			for again, lost := retransmission, true; lost && again < time.Minute; again *= 2 {
				var late time.Duration
				if lost, late = r.draw(a, b); lost {
					late = again
				}
				due = due.Add(late)
			}
			if due.Before(last) {
				due = last
			}
			last = due
			select {
			case under <- packet{buf[:n], due}:
			case <-r.ctx.Done():
				return
			}
		}
	}()
	for p := range under {
		if pause(r.ctx, time.Until(p.due)) != nil || !r.whole(a, b) {
			break
		}
		if _, err := dst.Write(p.bytes); err != nil {
			break
		}
	}
	_, _ = dst.Close(), src.Close() // so that the reader ends, and the other way too
	for range under {               // it may wait to hand over one more
	}
}

// forward passes each connection of l on to what dial returns, until l is closed.
func forward(l net.Listener, dial func() (net.Conn, error)) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			out, err := dial()
			if err != nil {
				return
			}
			defer out.Close()
			go func() {
				_, _ = io.Copy(out, in)
				_, _ = out.Close(), in.Close()
			}()
			_, _ = io.Copy(in, out)
		}()
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
}
