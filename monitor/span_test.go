// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// What the newest seconds show and what comparisons find become spans that stay where they are.
func TestSpans(t *testing.T) {
	zero := time.Unix(1_800_000_000, 0)
	at := func(s int) time.Time { return zero.Add(time.Duration(s) * time.Second) }
	between := func(from, to int) span {
		return span{Span: Span{From: at(from), To: at(to), Kind: detect.SpanForeign}, begun: uint64(to)}
	}
	warn := func(from, to int) func(*channel) {
		return func(c *channel) { c.warn(between(from, to), at(to-horizon)) }
	}
	// found is a comparison of some seconds, which finds spans from and to some; all of the seconds if none are given.
	found := func(from, to int, edges ...int) func(*channel) {
		return func(c *channel) {
			var spans []span
			for i := 0; i < len(edges); i += 2 {
				spans = append(spans, between(edges[i], edges[i+1]))
			}
			if len(edges) == 0 {
				spans = append(spans, between(from, to))
			}
			for i := range spans {
				spans[i].confirmed = true
			}
			c.accused(spans, stretch{at(from), at(to)}, stretch{})
		}
	}
	strays := func(from, to int) func(*channel) { // as above, and so does the newest minute
		return func(c *channel) {
			s := between(from, to)
			s.confirmed = true
			c.accused([]span{s}, stretch{at(to - 600), at(to)}, stretch{at(to - 60), at(to)})
		}
	}
	judged := func(c *channel) { c.base.known = true }
	for _, test := range []struct {
		name  string
		steps []func(*channel)
		want  string
	}{
		{"new", []func(*channel){warn(150, 160)}, "150-160"},
		{"dated better by later values", []func(*channel){warn(155, 160), warn(149, 165)}, "149-165"},
		{"older than the newest seconds", []func(*channel){warn(150, 230), warn(155, 245), warn(165, 255)}, "150-255"},
		{"another close by", []func(*channel){warn(150, 160), warn(170, 180)}, "150-180"},
		{"another", []func(*channel){warn(150, 160), warn(176, 180)}, "150-160 176-180"},
		{"compared", []func(*channel){warn(150, 190), found(0, 180, 145, 180)}, "145-190"},
		{"compared again and again", []func(*channel){
			warn(150, 190), found(0, 180, 140, 180), found(0, 185, 130, 185), found(0, 185, 163, 185), found(0, 185, 175, 185),
		}, "163-190"},
		{"its beginning is no longer kept", []func(*channel){warn(150, 790), found(140, 770, 160, 770), found(160, 780, 180, 780)}, "150-790"},
		{"all foreign, and known", []func(*channel){judged, warn(150, 520), found(2, 500), found(2, 535)}, "150-520"},
		{"all foreign, two known", []func(*channel){judged, warn(150, 160), warn(300, 310), found(2, 500)}, "150-160 300-310"},
		{"all foreign, and new", []func(*channel){found(2, 90), found(2, 95)}, "2-90"},
		{"all foreign, and going on", []func(*channel){found(2, 90), strays(2, 95), strays(2, 100)}, "2-100"},
		{"over", []func(*channel){warn(150, 511), found(0, 530, 148, 453)}, "148-453"},
		{"over, hardly", []func(*channel){warn(150, 511), found(0, 520, 148, 453)}, "148-511"},
		{"nearly forgotten", []func(*channel){warn(150, 455), found(0, 500, 148, 453), found(445, 1000, 445, 449)}, "148-453"},
		{"longer than shown", []func(*channel){warn(150, 300), found(0, 500, 150, 310), found(0, 500, 150, 320)}, "150-310"},
		{"going on unseen", []func(*channel){warn(150, 300), found(0, 370, 150, 370), strays(150, 355), strays(150, 360), strays(150, 361)}, "150-360"},
		{"one after all", []func(*channel){warn(150, 200), warn(250, 300), found(0, 400, 150, 300)}, "150-300"},
		{"two after all", []func(*channel){found(0, 600, 100, 400), found(0, 600, 100, 200, 300, 400)}, "100-200 300-400"},
		{"close together", []func(*channel){found(0, 600, 100, 200, 210, 250)}, "100-250"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newChannel(enf.SourceAudio, time.Minute, zero)
			for _, step := range test.steps {
				step(c)
			}
			var got []string
			for _, s := range c.spans {
				got = append(got, fmt.Sprintf("%.0f-%.0f", s.From.Sub(zero).Seconds(), s.To.Sub(zero).Seconds()))
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("%s, not %s", got, test.want)
			}
		})
	}
	c := newChannel(enf.SourceAudio, time.Minute, zero)
	for i := range 3 * mostSpans {
		warn(100*i, 100*i+10)(c)
	}
	if n := len(c.spans); n != mostSpans || !c.spans[n-1].From.Equal(at(100*(3*mostSpans-1))) {
		t.Errorf("%d spans are remembered", n)
	}
}
