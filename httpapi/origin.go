// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// admit returns why a request is not answered, whatever it asks for; nil if it is.
func (s *server) admit(r *http.Request) *refusal {
	if !s.named(r) {
		// A page elsewhere can have a name of its own lead to this machine, and read the answers (DNS rebinding).
		return blank(http.StatusMisdirectedRequest, "this is reached only by a name of this machine, such as localhost")
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return blank(http.StatusForbidden, "pages of other hosts change nothing here")
	}
	return nil
}

// named reports whether a request came by a name that leads here alone. On a loopback address that is no matter of course.
func (s *server) named(r *http.Request) bool {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return loopback(host) || strings.HasSuffix(host, ".localhost") || slices.Contains(s.Hosts, host)
}

// seats are the event streams that are open, in all and of each client.
type seats struct {
	mu   sync.Mutex
	all  int
	each map[netip.Prefix]int
}

// take takes a seat for the client at an address, unless all are taken, or all of its own.
func (s *seats) take(remote string, most, mostEach int) (release func(), ok bool) {
	who := client(remote)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= most || who.IsValid() && s.each[who] >= mostEach {
		return nil, false
	}
	if s.each == nil {
		s.each = make(map[netip.Prefix]int)
	}
	s.all++
	s.each[who]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.each[who]--; s.each[who] == 0 {
			delete(s.each, who)
		}
	}, true
}

// client returns who is at an address: a network of IPv6 that is one customer's counts as one. It is invalid where nobody
// can be told apart, as on a Unix socket.
func client(remote string) netip.Prefix {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr := a.Addr().Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
