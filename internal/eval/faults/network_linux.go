// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// spaces is a fabric of network namespaces, one for each node, whose only way out is a TUN device. Its other end is in
// this process, which is the switch between them: it loses and delays packets of IP, and the nodes' own TCP copes. So
// it asks nothing of the kernel but namespaces and TUN (tc's netem is missing from many), leaves nothing behind when it
// is killed, because nothing in it has a name, and two drills do not meet.
type spaces struct {
	*links
	nodes []*space
	tasks sync.WaitGroup

	mu   sync.Mutex
	last map[[2]int]time.Time // when the last packet from one to another arrives
}

// space is a namespace, and the thread that lives in it.
type space struct {
	jobs  chan func()
	ended chan struct{}
	tun   *os.File
	doors []net.Listener
}

const (
	device      = "enf0"
	peersPort   = 26656
	clientsPort = 8650
)

func hostOf(i int) string { return fmt.Sprintf("10.77.0.%d", i+1) }

func newSpaces(n int, seed uint64) (fabric, error) {
	s := &spaces{links: newLinks(seed), last: make(map[[2]int]time.Time)}
	for i := range n {
		one := &space{jobs: make(chan func()), ended: make(chan struct{})}
		ready := make(chan error)
		go one.live(ready, hostOf(i))
		err := <-ready
		s.nodes = append(s.nodes, one)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("no network namespaces: %w", err), s.close())
		}
	}
	for i := range s.nodes {
		s.tasks.Go(func() { s.carry(i) })
	}
	return s, nil
}

// live is the namespace's thread, until jobs is closed.
func (s *space) live(ready chan<- error, address string) {
	// Never unlocked: the thread, which no other goroutine may use any more, ends with the goroutine, and with it all
	// processes that it has started.
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() { // the process's first thread does not end, and is what others take for the process
		go s.live(ready, address)
		<-s.ended
		runtime.UnlockOSThread()
		return
	}
	defer close(s.ended)
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err == nil {
		err = s.connect(address)
	}
	ready <- err
	for f := range s.jobs {
		f()
	}
}

// connect makes the namespace's devices.
func (s *space) connect(address string) error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return errors.Join(fmt.Errorf("TUN device: %w", err), unix.Close(fd))
	}
	s.tun = os.NewFile(uintptr(fd), device)
	control, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(control)
	if err := raise(control, "lo"); err != nil {
		return err
	}
	for _, a := range []struct {
		what    uint
		address net.IP
	}{{unix.SIOCSIFADDR, net.ParseIP(address)}, {unix.SIOCSIFNETMASK, net.IPv4(255, 255, 255, 0)}} {
		request, err := unix.NewIfreq(device)
		if err != nil {
			return err
		}
		if err := errors.Join(request.SetInet4Addr(a.address.To4()), unix.IoctlIfreq(control, a.what, request)); err != nil {
			return fmt.Errorf("address of %s: %w", device, err)
		}
	}
	return raise(control, device)
}

// raise has a device work.
func raise(control int, name string) error {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(control, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("device %s: %w", name, err)
	}
	return nil
}

// inside runs f in the namespace.
func (s *space) inside(f func() error) error {
	done := make(chan error)
	select {
	case s.jobs <- func() { done <- f() }:
		return <-done
	case <-s.ended:
		return net.ErrClosed
	}
}

// carry takes what node from sends to where it goes.
func (s *spaces) carry(from int) {
	buf := make([]byte, 1<<16)
	for {
		n, err := s.nodes[from].tun.Read(buf)
		if err != nil {
			return
		}
		const addresses = 20 // of the header, the last four bytes of which are the destination
		if n < addresses || buf[0]>>4 != 4 {
			continue
		}
		to := int(buf[19]) - 1
		if to < 0 || to >= len(s.nodes) || to == from {
			continue
		}
		lost, late := s.draw(from, to)
		if lost {
			continue
		}
		if late == 0 {
			_, _ = s.nodes[to].tun.Write(buf[:n]) // full, or closed: lost
			continue
		}
		bytes := append([]byte(nil), buf[:n]...)
		time.AfterFunc(s.wait(from, to, late), func() { _, _ = s.nodes[to].tun.Write(bytes) })
	}
}

// wait returns how long a packet is under way that would take late: none overtakes another.
func (s *spaces) wait(from, to int, late time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	due := now.Add(late)
	if before := s.last[[2]int{from, to}].Add(time.Microsecond); due.Before(before) {
		due = before
	}
	s.last[[2]int{from, to}] = due
	return due.Sub(now)
}

func (s *spaces) String() string {
	return "a network namespace for each node, with a switch of IP packets between them"
}

func (s *spaces) listen(i int) (string, string) {
	return fmt.Sprintf("%s:%d", hostOf(i), peersPort), fmt.Sprintf("127.0.0.1:%d", clientsPort)
}

func (s *spaces) reach(_, to int) string {
	peers, _ := s.listen(to)
	return peers
}

func (s *spaces) door(i int, address string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.nodes[i].doors = append(s.nodes[i].doors, l)
	go forward(l, func() (c net.Conn, err error) {
		// A socket belongs to the namespace in which it was made, whoever uses it then.
		err = s.nodes[i].inside(func() (err error) {
			c, err = net.DialTimeout("tcp", address, 5*time.Second)
			return err
		})
		return c, err
	})
	return l.Addr().String(), nil
}

func (s *spaces) start(i int, c *exec.Cmd) error {
	dieWithParent(c)
	return s.nodes[i].inside(c.Start)
}

func (s *spaces) close() error {
	var errs []error
	for _, one := range s.nodes {
		for _, l := range one.doors {
			errs = append(errs, l.Close())
		}
		close(one.jobs)
		<-one.ended
		if one.tun != nil {
			errs = append(errs, one.tun.Close())
		}
	}
	s.tasks.Wait()
	return errors.Join(errs...)
}

// dieWithParent has the command killed when the thread that starts it ends, so that none outlives a drill that was killed.
func dieWithParent(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// smallDisk makes a directory, that is not there yet, one on a disk of so many bytes. The disk is mounted nowhere once this
// returns: it lives in a file descriptor of this process, through which /proc leads, and is gone when that is closed, or the
// process killed.
func smallDisk(dir string, bytes int64) (remove func() error, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=0700", bytes)); err != nil {
		return nil, errors.Join(fmt.Errorf("tmpfs at %s: %w", dir, err), os.Remove(dir))
	}
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err := errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH)); err != nil {
		return nil, err
	}
	err = errors.Join(os.Remove(dir), os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), dir))
	return func() error { return unix.Close(fd) }, err
}

// limitFiles lets a process write no file beyond so many bytes.
func limitFiles(pid int, bytes uint64) error {
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: bytes}, nil); err != nil {
		return fmt.Errorf("limit files of process %d: %w", pid, err)
	}
	return nil
}
