// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net"
	"net/netip"
	"sync"
)

// mostConnections returns how many connections a server takes of all clients, and of each, where the process may have so many
// files open; 0 says that nobody knows. Those from this machine are as many again, so that half of the files remain: a ledger
// that can open none does not go on.
func mostConnections(files uint64) (all, each int) {
	const most = 2048
	all = most
	if files > 0 {
		all = int(min(most, max(4, files/4)))
	}
	return all, all / 4
}

// bounded is a listener that closes what comes when there are so many connections already, of all or of the client. Who is on
// this machine is its owner, or a proxy, behind which all clients are one: they are counted apart, and all alike.
func bounded(l net.Listener, all, each int) net.Listener {
	return &boundedListener{Listener: l, all: all, each: each}
}

type boundedListener struct {
	net.Listener
	all, each       int
	here, elsewhere seats
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		remote := c.RemoteAddr().String()
		take, each := l.elsewhere.take, l.each
		if a, err := netip.ParseAddrPort(remote); err != nil || a.Addr().Unmap().IsLoopback() {
			take, each = l.here.take, l.all
		}
		if release, ok := take(remote, l.all, each); ok {
			return &boundedConn{Conn: c, release: sync.OnceFunc(release)}, nil
		}
		_ = c.Close() // nobody hears of it but the client, who sees it
	}
}

// boundedConn gives its place back when it is closed.
type boundedConn struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite ends what is sent, which a server does before it closes, so that its last answer is not lost.
func (c *boundedConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}
