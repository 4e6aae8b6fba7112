// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// BenchmarkRound is GET /v1/rounds/{n} beside a bare handler that writes the same bytes: over loopback with kept
// connections, as many at once as there are processors, and without a network. The round is one of six members with 60
// values.
func BenchmarkRound(b *testing.B) {
	c := ledgertest.NewCommittee("bench", 6, 60)
	r := aRound(7)
	r.Truth, r.Entries = c.Truth(7), nil
	for _, m := range c.Members {
		r.Entries = append(r.Entries, poenf.Entry{Member: m.Name, ProofHash: [32]byte{1, 2, 3}, Score: 123456})
	}
	l := rounds(1, 9)
	l.round = func(context.Context, uint64) (poenf.Round, error) { return r, nil }
	body, err := json.Marshal(newRound(r))
	if err != nil {
		b.Fatal(err)
	}
	body = append(body, '\n')
	bare := http.NewServeMux()
	bare.HandleFunc("GET /v1/rounds/{n}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	for _, test := range []struct {
		name    string
		handler http.Handler
	}{{"ours", Handler(Options{Ledger: l, Committee: theCommittee})}, {"bare", bare}} {
		b.Run("loopback/"+test.name, func(b *testing.B) {
			server := httptest.NewServer(test.handler)
			defer server.Close()
			b.SetBytes(int64(len(body)))
			b.RunParallel(func(pb *testing.PB) {
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				for pb.Next() {
					answer, err := client.Get(server.URL + "/v1/rounds/7")
					if err != nil {
						b.Error(err)
						return
					}
					if n, err := io.Copy(io.Discard, answer.Body); err != nil || n != int64(len(body)) {
						b.Errorf("%d bytes, %v", n, err)
					}
					answer.Body.Close()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
		b.Run("handler/"+test.name, func(b *testing.B) {
			b.ReportAllocs()
			request := httptest.NewRequest(http.MethodGet, "/v1/rounds/7", nil)
			request.RemoteAddr = "127.0.0.1:1" // its rate is not limited
			for b.Loop() {
				w := httptest.NewRecorder()
				test.handler.ServeHTTP(w, request)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
