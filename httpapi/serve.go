// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ServeOptions set [Serve] up. The zero value serves plaintext on loopback.
type ServeOptions struct {
	// TLS has the node's certificate; nil is plaintext, which only a loopback address or a Unix socket may have.
	TLS *tls.Config
	// Grace is how long requests that run may take when the server is to stop: 10 s when zero. Streams of events end at once.
	Grace time.Duration
	// HeaderTime is how long a request's header may take to arrive: 10 s when zero.
	HeaderTime time.Duration
	// Connections is how many there may be at once, a quarter of them from one address; those from this machine are as many again,
	// all from one address if need be: 2048 when zero, or a quarter of the files that the process may have open, if that is less.
	Connections int
	// Log takes what went wrong with connections. nil discards.
	Log *slog.Logger
}

// What a server gives its clients: enough for any link over which a round every few seconds makes sense.
const (
	answerTime  = 2 * time.Minute // longer than Limits.Submit
	idleTime    = 2 * time.Minute
	headerBytes = 16 << 10
)

// Serve serves a handler on a listener until ctx ends, then lets running requests finish, and returns nil. It closes the
// listener in any case.
func Serve(ctx context.Context, l net.Listener, h http.Handler, o ServeOptions) error {
	defer l.Close() // twice, mostly: the server has done it
	if err := Servable(l, o.TLS != nil); err != nil {
		return err
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	// Requests keep going while the server drains, streams do not: they watch this one.
	draining, drain := context.WithCancel(context.WithoutCancel(ctx))
	defer drain()
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: cmp.Or(o.HeaderTime, 10*time.Second),
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), drainKey{}, draining)
		},
	}
	all, each := mostConnections(mostFiles())
	if o.Connections > 0 {
		all, each = o.Connections, max(1, o.Connections/4)
	}
	l = bounded(l, all, each)
	served := make(chan error, 1)
	go func() {
		if o.TLS == nil {
			served <- server.Serve(l)
			return
		}
		server.TLSConfig = o.TLS.Clone()
		server.TLSConfig.MinVersion = max(server.TLSConfig.MinVersion, tls.VersionTLS13)
		served <- server.ServeTLS(l, "", "")
	}()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(o.Grace, 10*time.Second))
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		log.Warn("requests cut off", slog.Any("err", err))
		_ = server.Close() // its error is of the listener, which is closed
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// Servable returns an error if [Serve] would refuse the listener: others could read and change what goes over it.
func Servable(l net.Listener, secure bool) error {
	if !secure && !local(l.Addr()) {
		return fmt.Errorf("%s is reachable from other machines: give it a TLS certificate, or a loopback address such as 127.0.0.1", l.Addr())
	}
	return nil
}

// Private reports whether nobody outside this machine can reach the listener: elsewhere an interface asks for tokens.
func Private(l net.Listener) bool { return local(l.Addr()) }

// drainKey is where a request's context has the context that ends when the server is to stop.
type drainKey struct{}

// local reports whether nobody outside this machine can reach an address.
func local(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
