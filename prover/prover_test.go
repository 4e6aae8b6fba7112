// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package prover_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
	"github.com/defakepro/defakepro/prover"
)

// list is a source of given series.
type list []enf.Series

func (l *list) Read(ctx context.Context) (enf.Series, error) {
	if len(*l) == 0 {
		return enf.Series{}, io.EOF
	}
	s := (*l)[0]
	*l = (*l)[1:]
	wait := time.NewTimer(time.Until(s.Time(s.Len())))
	defer wait.Stop()
	select {
	case <-wait.C:
		return s, nil
	case <-ctx.Done():
		return enf.Series{}, ctx.Err()
	}
}

// committee returns a committee of so many members with their keys.
func committee(t *testing.T, n int) (poenf.Committee, []identity.Key) {
	t.Helper()
	var keys []identity.Key
	var members []poenf.Member
	for i := range n {
		k, err := identity.Generate(string(rune('a' + i)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
		members = append(members, poenf.Member{Name: k.Name, Key: k.Public()})
	}
	return poenf.NewCommittee("test", 50, members...), keys
}

// proveTogether has members replay one series for a time, and returns it.
func proveTogether(t *testing.T, l *ledger.Memory, c poenf.Committee, keys []identity.Key, during time.Duration) enf.Series {
	t.Helper()
	series := enftest.NewGrid(1, enftest.GridOptions{Nominal: enf.Grid50, Duration: 200 * time.Second}).Series()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	ended := make(chan error)
	for _, k := range keys {
		source, err := prover.NewReplay(series)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			ended <- prover.Run(ctx, prover.Options{
				Source: source, Ledger: l, Key: k, Electorate: l, Committee: func() (poenf.Committee, error) { return c, nil },
			})
		}()
	}
	for range keys {
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a prover ended with %v", err)
		}
	}
	return series
}

// Members who replay one series agree on it.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, keys := committee(t, 4)
		l, err := ledger.NewMemory(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		series := proveTogether(t, l, c, keys, 32*time.Second)
		rounds := 0
		for n := c.Last(time.Now().UnixMilli()); ; n-- {
			round, err := l.Round(t.Context(), n)
			if err != nil && rounds > 0 {
				break
			}
			if err != nil {
				continue // the newest is not closed yet
			}
			rounds++
			from := c.End(round.Number)/1000 - int64(c.Length)
			for i, offset := range round.Truth {
				want := series.Hz[(from+int64(i))%int64(len(series.Hz))]
				if got := 50 + float64(offset)*1e-6; math.Abs(got-want) > 1e-6 {
					t.Fatalf("round %d, value %d: %.6f Hz, want %.6f", round.Number, i, got, want)
				}
			}
			if len(round.Entries) != len(keys) {
				t.Errorf("round %d has %d proofs", round.Number, len(round.Entries))
			}
		}
		if rounds < 5 {
			t.Errorf("%d rounds in 32 s, want one every 5", rounds)
		}
	})
}

// deaf is an electorate that never answers.
type deaf struct {
	mu        sync.Mutex
	now, most int
}

func (*deaf) Election() (epoch uint64, seed [32]byte, ok bool) { return 1, seed, true }

func (d *deaf) Ticket(ctx context.Context, _ poenf.Ticket) error {
	count := func(n int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.now += n
		d.most = max(d.most, d.now)
	}
	count(1)
	defer count(-1)
	<-ctx.Done()
	return ctx.Err()
}

// drawFor has a member take part in draws for so many seconds.
func drawFor(t *testing.T, seconds int, e prover.Electorate, log *slog.Logger) error {
	t.Helper()
	c, keys := committee(t, 3)
	l, err := ledger.NewMemory(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	var source list
	for i := range seconds {
		source = append(source, enf.Series{Start: time.Now().Add(time.Duration(i) * time.Second), Step: time.Second, Hz: []float64{50}})
	}
	return prover.Run(t.Context(), prover.Options{
		Source: &source, Ledger: l, Committee: func() (poenf.Committee, error) { return c, nil }, Key: keys[0], Electorate: e, Log: log,
	})
}

// TestOneTicketAtOnce: what does not answer is not asked once more each second.
func TestOneTicketAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		electorate := new(deaf)
		if err := drawFor(t, 20, electorate, nil); err != nil || electorate.most != 1 {
			t.Errorf("%d tickets at once, %v", electorate.most, err)
		}
	})
}

// stern is an electorate that admits no ticket.
type stern struct{}

func (stern) Election() (epoch uint64, seed [32]byte, ok bool) { return 1, seed, true }
func (stern) Ticket(context.Context, poenf.Ticket) error       { return poenf.ErrNotMember }

// TestRefusalIsSaidOnce: that a ticket is refused, second after second, is said once a minute.
func TestRefusalIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := 0
		log := slog.New(slog.NewTextHandler(writer(func(string) { said++ }), &slog.HandlerOptions{Level: slog.LevelWarn}))
		if err := drawFor(t, 150, stern{}, log); err != nil || said != 3 {
			t.Errorf("said %d times in 150 s, %v", said, err)
		}
	})
}

// TestClockSetBack: that nothing is proved until a time comes that has not been there is said, and once.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, keys := committee(t, 3)
		l, err := ledger.NewMemory(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		var source list
		for _, at := range []int{0, 1, -600, -599, -598, 2, 3} {
			source = append(source, enf.Series{Start: time.Now().Add(time.Duration(at) * time.Second), Step: time.Second, Hz: []float64{50}})
		}
		var said []string
		err = prover.Run(t.Context(), prover.Options{
			Source: &source, Ledger: l, Committee: func() (poenf.Committee, error) { return c, nil }, Key: keys[0],
			Log: slog.New(slog.NewTextHandler(writer(func(line string) { said = append(said, line) }), &slog.HandlerOptions{Level: slog.LevelWarn})),
		})
		if err != nil || len(said) != 1 || !strings.Contains(said[0], "set back") {
			t.Errorf("%q, %v", said, err)
		}
	})
}

// Members draw lots: after an epoch others prove, as many as there are seats.
func TestElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, keys := committee(t, 7)
		c.EpochRounds, c.Seats, c.Faulty = 2, 4, 0
		l, err := ledger.NewMemory(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		proveTogether(t, l, c, keys, 100*time.Second)
		seats := map[string]bool{}
		last := c.Last(time.Now().UnixMilli())
		for n := last - 15; n < last; n++ {
			round, err := l.Round(t.Context(), n)
			if err != nil {
				continue
			}
			who := ""
			for _, e := range round.Entries {
				who += e.Member
			}
			if len(round.Entries) != c.Seats {
				t.Errorf("round %d has the proofs of %s", n, who)
			}
			seats[who] = true
		}
		if len(seats) < 3 {
			t.Errorf("in 15 rounds of 7 epochs sat %v", seats)
		}
	})
}

// What is missing for long is not made up.
func TestHoles(t *testing.T) {
	for _, test := range []struct {
		name  string
		holes []int // seconds before the round's end
		want  string
	}{
		{"none", nil, "admitted"},
		{"two seconds", []int{30, 29, 10}, "admitted"},
		{"three seconds", []int{30, 29, 28}, "incomplete"},
		{"at the end", []int{1}, "incomplete"},
		{"at the beginning", []int{60}, "incomplete"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, keys := committee(t, 1)
				l, err := ledger.NewMemory(c, nil)
				if err != nil {
					t.Fatal(err)
				}
				end := time.Unix(time.Now().Unix()/c.Period*c.Period+c.Period, 0)
				s := enf.Series{Start: end.Add(-60 * time.Second), Step: time.Second, Hz: make([]float64, 60)}
				for i := range s.Hz {
					s.Hz[i] = 50.01
				}
				for _, h := range test.holes {
					s.Hz[60-h] = math.NaN()
				}
				registry := prometheus.NewRegistry()
				err = prover.Run(t.Context(), prover.Options{
					Source: &list{s}, Ledger: l, Key: keys[0], Metrics: registry, Committee: func() (poenf.Committee, error) { return c, nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				// The round before has values too, but not all; it counts as incomplete as well.
				want := "# HELP defakepro_prover_rounds_total Rounds by what became of this member's proof: admitted, late, refused, incomplete, unseated or dropped.\n" +
					"# TYPE defakepro_prover_rounds_total counter\n"
				if test.want == "admitted" {
					want += "defakepro_prover_rounds_total{outcome=\"admitted\"} 1\ndefakepro_prover_rounds_total{outcome=\"incomplete\"} 1\n"
				} else {
					want += "defakepro_prover_rounds_total{outcome=\"incomplete\"} 2\n"
				}
				if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "defakepro_prover_rounds_total"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// hesitant is a source that takes its time.
type hesitant struct{ prover.Source }

func (h hesitant) Read(ctx context.Context) (enf.Series, error) {
	s, err := h.Source.Read(ctx)
	if err == nil {
		time.Sleep(time.Until(s.Time(s.Len()).Add(9 * time.Second)))
	}
	return s, err
}

// Who comes after the others have closed a round says so, once.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, keys := committee(t, 4)
		l, err := ledger.NewMemory(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		series := enftest.NewGrid(1, enftest.GridOptions{Nominal: enf.Grid50, Duration: 200 * time.Second}).Series()
		source, err := prover.NewReplay(series)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var log bytes.Buffer
		registry := prometheus.NewRegistry()
		ended := make(chan error)
		go func() {
			ended <- prover.Run(ctx, prover.Options{
				Source: hesitant{source}, Ledger: l, Key: keys[3], Committee: func() (poenf.Committee, error) { return c, nil },
				Metrics: registry, Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
		}()
		proveTogether(t, l, c, keys[:3], time.Minute)
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		outcomes := map[string]float64{}
		for _, f := range families {
			if f.GetName() == "defakepro_prover_rounds_total" {
				for _, m := range f.GetMetric() {
					outcomes[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
		if said := strings.Count(log.String(), "before this member's proof"); outcomes["late"] < 5 || outcomes["admitted"] > 0 || said != 1 {
			t.Errorf("%v, said %d times:\n%s", outcomes, said, &log)
		}
	})
}

// Raw sound from a sound card whose clock is wrong still belongs to the right seconds, and is known soon.
func TestPCM(t *testing.T) {
	const seconds, rate, ppm = 700, 2000, 200
	synctest.Test(t, func(t *testing.T) {
		grid := enftest.NewGrid(2, enftest.GridOptions{Nominal: enf.Grid50, Duration: seconds * time.Second})
		begun := time.Now().UTC()
		r, w := io.Pipe()
		go func() {
			defer func() { _ = w.Close() }()
			true0 := rate * (1 + 1e-6*ppm) // samples in a true second
			x := make([]float64, 500)
			b := make([]byte, 2*len(x))
			for n := 0; n < seconds*rate; n += len(x) {
				clear(x)
				grid.Hum(x, true0, float64(n)/true0, []enftest.Harmonic{{Number: 2, Amplitude: 0.3}})
				enftest.Noise(x, uint64(n), 0.003)
				for i, v := range x {
					binary.LittleEndian.PutUint16(b[2*i:], uint16(int16(v*32767)))
				}
				time.Sleep(time.Until(begun.Add(time.Duration(float64(n+len(x)) / true0 * 1e9))))
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}()
		source, err := prover.NewPCM(r, prover.InputOptions{Grid: enf.Grid50, Rate: rate})
		if err != nil {
			t.Fatal(err)
		}
		n, squares, worst, soon := 0, 0.0, time.Duration(0), 0
		for {
			s, err := source.Read(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			worst = max(worst, time.Since(s.Time(0)))
			for i, hz := range s.Hz {
				if at := s.Time(i).Sub(begun).Seconds(); at > 20 && !math.IsNaN(hz) {
					d := hz*(1+1e-6*ppm) - grid.Frequency(at)
					n, squares = n+1, squares+d*d
					if time.Since(s.Time(i)) < 4*time.Second {
						soon++
					}
				}
			}
		}
		rmse := math.Sqrt(squares / float64(n))
		t.Logf("%d values, RMSE %.2f mHz, known after %v, %d within 4 s", n, 1e3*rmse, worst, soon)
		if n < seconds/2 || rmse > 2e-3 || worst > 16*time.Second || soon < n*9/10 {
			t.Errorf("%d values, RMSE %.2f mHz, known after %v, %d within 4 s", n, 1e3*rmse, worst, soon)
		}
	})
}

// TestCommandLingers: of a command that has closed its output, or whose output something else has open, nobody waits for the end.
func TestCommandLingers(t *testing.T) {
	for name, command := range map[string]string{"closed": "exec >&-; sleep 20; true", "held": "sleep 20; true"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			said := make(chan struct{}, 1)
			source, err := prover.Open(ctx, "command:"+command, prover.InputOptions{Grid: enf.Grid50, Log: slog.New(slog.NewTextHandler(writer(func(string) {
				said <- struct{}{}
			}), nil))})
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				if name == "closed" {
					<-said
				}
				cancel()
			}()
			ended := make(chan error)
			go func() {
				_, err := source.Read(ctx)
				ended <- err
			}()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			case <-time.After(15 * time.Second):
				t.Error("it is waited for")
			}
		})
	}
}

// writer is called when something is written.
type writer func(text string)

func (w writer) Write(b []byte) (int, error) {
	w(string(b))
	return len(b), nil
}

func TestBadInputs(t *testing.T) {
	for input, want := range map[string]string{
		"":               `input ""`,
		"nonsense:x":     "must be soundcard",
		"csv:/none.csv":  "/none.csv",
		"media:/none.go": "none.go",
		"command:":       "must be",
	} {
		if _, err := prover.Open(t.Context(), input, prover.InputOptions{Grid: enf.Grid50}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", input, err, want)
		}
	}
	for _, o := range []prover.InputOptions{{Rate: 10}, {Rate: 1 << 30}, {Channels: 99}, {Format: "mp3"}} {
		if _, err := prover.NewPCM(strings.NewReader(""), o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
