// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/monitor"
)

// says waits until an element has this text.
func (p *tab) says(id, text string) {
	p.Helper()
	p.wait(fmt.Sprintf(`document.querySelector("#%s").innerText === %q`, id, text))
}

// since is an expression of what a card says beside the name.
func since(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#people .card")].find((c) => c.querySelector("h3").textContent === %q)?.querySelector(".since").textContent`, name)
}

// Green is for what was told: where the voice or the picture tells nothing, that is said.
func partial(t *testing.T, browser context.Context) {
	now := time.Now()
	g := newGuard(t, now.Add(-5*time.Minute))
	for i, name := range []string{"Ada Lovelace", "Grace Hopper"} {
		id := strings.ToLower(strings.Fields(name)[0])
		g.come(id, name, now.Add(-4*time.Minute))
		g.judge(id, enf.SourceAudio, detect.Authentic, now.Add(time.Duration(-180+i)*time.Second), "The mains hum follows the grid's frequency.")
	}
	g.judge("grace", enf.SourceVideo, detect.Authentic, now.Add(-170*time.Second), "The flicker of the light follows the grid's frequency.")
	p := open(t, browser, g.server.URL, 1280, 900, "light")
	p.says("summary-title", "All 2 participants are authentic, Ada Lovelace by voice alone")
	p.says("summary-text", "What arrives was recorded here and now on this grid, as far as it can be told. There is no telling of the picture of Ada Lovelace.")
	p.wait(since("Ada Lovelace") + `.startsWith("by voice alone · since ")`)
	p.wait(since("Grace Hopper") + `.startsWith("since ")`)
	p.says("summary-stopped", "")

	// What was authentic and is no longer has a line of its own, here and for who opens the page later.
	g.judge("grace", enf.SourceAudio, detect.Undetermined, now, "The mains hum stopped at 12:03:10. It may have been switched off, or what is heard now was not recorded in that room.")
	const line = "Grace Hopper was authentic by voice; the mains hum stopped at 12:03:10."
	p.says("summary-title", "All 2 participants are authentic, 2 by voice or picture alone")
	p.says("summary-stopped", line)
	p.wait(since("Grace Hopper") + `.startsWith("by picture alone · since ")`)
	p.accessible("partly authentic")
	p.shot("partial")
	later := open(t, browser, g.server.URL, 360, 760, "dark")
	later.says("summary-stopped", line)
	later.accessible("partly authentic, dark")
	if wide := later.eval("document.documentElement.scrollWidth"); wide != "360" {
		t.Errorf("%s wide", wide)
	}

	// Who is muted is no suspect.
	g.change(func(r *monitor.Room) { r.Participants[1].Channels[0].Receiving = false })
	p.says("summary-stopped", "")
	// With both, all is well.
	g.change(func(r *monitor.Room) { r.Participants[1].Channels[0].Receiving = true })
	g.judge("grace", enf.SourceAudio, detect.Authentic, now, "The mains hum follows the grid's frequency.")
	g.judge("ada", enf.SourceVideo, detect.Authentic, now, "The flicker of the light follows the grid's frequency.")
	p.says("summary-title", "All 2 participants are authentic")
	p.says("summary-text", "What arrives was recorded here and now on this grid.")
	p.says("summary-stopped", "")
	p.clean()
	later.clean()
}

// When somebody leaves, who reads another's card with keys stays there.
func leaving(t *testing.T, browser context.Context) {
	g := newGuard(t, time.Now().Add(-5*time.Minute))
	meet(g)
	p := open(t, browser, g.server.URL, 1280, 900, "light")
	p.wait(badge("Mallory Vane") + ` === "Authentic"`)
	p.run(chromedp.Focus(`button[aria-label="Evidence on Mallory Vane"]`))
	g.change(func(r *monitor.Room) { r.Participants[0].Left = time.Now() })
	p.wait(`document.querySelectorAll("#people .card").length === 3 && document.querySelectorAll("#gone-people .card").length === 1`)
	const focus = `document.activeElement.getAttribute("aria-label")`
	if on := p.eval(focus); on != `"Evidence on Mallory Vane"` {
		t.Errorf("after somebody left the focus is on %s", on)
	}
	g.change(func(r *monitor.Room) { r.Participants[0].Left = time.Time{} })
	p.wait(`document.querySelectorAll("#people .card").length === 4`)
	if on := p.eval(focus); on != `"Evidence on Mallory Vane"` {
		t.Errorf("after somebody came back the focus is on %s", on)
	}
	if order := p.eval(`[...document.querySelectorAll("#people h3")].map((e) => e.textContent)`); order != `["Ada Lovelace","Grace Hopper","Mallory Vane","Linus Pauling"]` {
		t.Errorf("the order is %s", order)
	}
	p.clean()
}

// What is kept after the room told of it is in the table too, and files are of this meeting.
func late(t *testing.T, browser context.Context) {
	now := time.Now()
	g := newGuard(t, now.Add(-5*time.Minute))
	g.come("ada", "Ada Lovelace", now)
	g.mu.Lock()
	g.keep(monitor.Event{Time: now.Add(-24 * time.Hour), Person: monitor.Person{ID: "bob", Name: "Bob of yesterday"}, Verdict: detect.Forged, Former: detect.Undetermined})
	g.mu.Unlock()
	g.judge("ada", enf.SourceAudio, detect.Authentic, now, "The mains hum follows the grid's frequency.")
	p := open(t, browser, g.server.URL, 1280, 900, "light")
	p.wait(`document.querySelectorAll("#history tbody tr").length === 2`)
	g.mu.Lock() // the room does not change
	g.keep(monitor.Event{Time: now, Person: monitor.Person{ID: "ada", Name: "Ada Lovelace"}, Channel: enf.SourceVideo, Verdict: detect.Authentic, Former: detect.Undetermined})
	g.mu.Unlock()
	p.wait(`document.querySelectorAll("#history tbody tr").length === 3`)
	for _, kind := range []string{"csv", "json"} {
		file := p.eval(`fetch(document.querySelector("#history-` + kind + `").href).then((r) => r.text())`)
		if !strings.Contains(file, "Ada Lovelace") || strings.Contains(file, "Bob of yesterday") {
			t.Errorf("%s: %s", kind, file)
		}
	}
	p.clean()
}

// TestHistoryAgain: what changes while an answer is on its way is asked for after it.
func TestHistoryAgain(t *testing.T) {
	p := open(t, startBrowser(t), newGuard(t, time.Now()).server.URL+"/", 640, 480, "light")
	got := p.eval(`import(document.querySelector("script").src.replace("dashboard", "panels")).then(async ({ History }) => {
		const change = (id) => ({ id, time: new Date().toISOString(), participant: { id: "ada", name: "Ada" }, channel: "audio", verdict: "authentic", former: "undetermined", reason: "" });
		const kept = [change(1)], asked = [];
		let begun, open;
		const underway = new Promise((done) => { begun = done; }), gate = new Promise((done) => { open = done; });
		const real = globalThis.fetch;
		globalThis.fetch = async (path, ...rest) => {
			const url = new URL(path, location);
			if (url.pathname !== "/v1/verdicts" || url.searchParams.get("room") !== "elsewhere") return real(path, ...rest);
			const after = Number(url.searchParams.get("after")), page = kept.filter((v) => v.id > after);
			asked.push(after);
			begun();
			await gate;
			return new Response(JSON.stringify({ verdicts: page, next: page.at(-1)?.id ?? after }));
		};
		const h = new History("elsewhere", "2026-01-01T00:00:00Z");
		const first = h.load();
		await underway;
		kept.push(change(2));
		const second = await h.load();
		open();
		const more = await first;
		globalThis.fetch = real;
		return [asked, h.list.map((v) => v.id), more, second];
	}).then(JSON.stringify)`)
	if want := `"[[0,1],[1,2],true,false]"`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
