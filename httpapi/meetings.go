// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/monitor"
)

// Meeting is a conference that is watched, as a *monitor.Monitor has it. It is safe for concurrent use.
type Meeting interface {
	// Room returns the room as it is now. It is not changed afterwards.
	Room() monitor.Room
	// Curves returns what is behind the verdict on one channel of a participant; false if there is no such channel.
	Curves(id string, channel enf.Source) (monitor.Curves, bool)
	// Changed returns a channel that is closed when the room is next other than it is now.
	Changed() <-chan struct{}
}

// VerdictQuery selects changes of verdicts. What is zero is no condition.
type VerdictQuery struct {
	Room, Person string
	// From is inclusive, To exclusive.
	From, To time.Time
	// After is the ID of a record: those that follow it are wanted.
	After int64
	// Limit is the most records wanted.
	Limit int
}

// VerdictRecord is a change of a verdict that was kept, with the number under which it is.
type VerdictRecord struct {
	ID int64
	monitor.Event
}

// Node is a node of the committee as this side sees it.
type Node struct {
	// Address is where it is asked, Name whose it is; either may be empty.
	Address, Name string
	State
	// Problem says in a clause what is wrong with it, or that it does not answer; empty when nothing is.
	Problem string
}

type person struct {
	ID   string `json:"id" doc:"Unique in the room: the identity of the conference."`
	Name string `json:"name" doc:"For people to read; any text, of whoever chose it."`
}

type roomBrief struct {
	Name      string `json:"name"`
	Connected bool   `json:"connected" doc:"Whether the guard is in the room."`
	Problem   string `json:"problem,omitempty" doc:"Why not, or what else is wrong."`
	Present   int    `json:"present" doc:"How many people are there now."`
	Forged    int    `json:"forged" doc:"How many of them have the verdict forged."`
}

type roomList struct {
	Rooms   []roomBrief `json:"rooms" nullable:"false" doc:"The rooms that are watched, by name."`
	Joining bool        `json:"joining" doc:"Whether tokens to join them are given here."`
}

type truthState struct {
	Kind    string     `json:"kind" enum:"committee,participants,file,none"`
	Name    string     `json:"name,omitempty" doc:"Where it comes from: a node's address, a file."`
	Nominal int        `json:"nominal_hz" doc:"50 or 60; 0 while it is not known."`
	Known   *time.Time `json:"known,omitempty" doc:"The last second that has a value."`
	Problem string     `json:"problem,omitempty" doc:"What is wrong with it."`
}

type roomState struct {
	Name         string        `json:"name"`
	Now          time.Time     `json:"now" doc:"When the room was as it is here, by the guard's clock."`
	Connected    bool          `json:"connected" doc:"Whether the guard is in the room."`
	Problem      string        `json:"problem,omitempty" doc:"Why not, or what else is wrong."`
	Began        *time.Time    `json:"began,omitempty" doc:"When the guard began to watch."`
	Truth        truthState    `json:"truth"`
	Participants []participant `json:"participants" nullable:"false" doc:"Those present and those who have left, in the order in which they came."`
}

type participant struct {
	ID         string     `json:"id" doc:"Unique in the room: the identity of the conference."`
	Name       string     `json:"name" doc:"For people to read; any text, of whoever chose it."`
	Joined     *time.Time `json:"joined,omitempty"`
	Left       *time.Time `json:"left,omitempty" doc:"Only of those who have left."`
	Verdict    string     `json:"verdict" enum:"authentic,forged,undetermined" doc:"Forged when a channel is, else authentic when a channel is, else undetermined."`
	Reason     string     `json:"reason"`
	Confidence float64    `json:"confidence" minimum:"0" maximum:"1" doc:"0 for undetermined."`
	Since      *time.Time `json:"since,omitempty" doc:"When the verdict became what it is."`
	Channels   []channel  `json:"channels" nullable:"false"`
}

type channel struct {
	Channel     string     `json:"channel" enum:"audio,video" doc:"Of several cameras or microphones at once, what follows is of the one that is least to be believed."`
	Verdict     string     `json:"verdict" enum:"authentic,forged,undetermined"`
	Reason      string     `json:"reason"`
	Confidence  float64    `json:"confidence" minimum:"0" maximum:"1"`
	Since       *time.Time `json:"since,omitempty"`
	Receiving   bool       `json:"receiving" doc:"Whether anything has arrived in the last seconds."`
	Present     bool       `json:"enf_present" doc:"Whether there is ENF in it."`
	SNR         *float64   `json:"snr_db,omitempty"`
	Lag         *float64   `json:"lag_s,omitempty"`
	Offset      *float64   `json:"offset_hz,omitempty" doc:"Its clock's error, at the fundamental."`
	Correlation *float64   `json:"correlation,omitempty" doc:"Of the newest window, as are lag, offset, rmse and llr."`
	RMSE        *float64   `json:"rmse_hz,omitempty"`
	LLR         *float64   `json:"llr,omitempty" doc:"Log-likelihood ratio in nats."`
	Forged      []span     `json:"forged" nullable:"false" doc:"Forged spans found so far, in order."`
}

type span struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Kind  string    `json:"kind" enum:"foreign,cut" doc:"foreign: not the grid's frequency of that time. cut: a jump on the grid's time line."`
}

type curves struct {
	Nominal   int      `json:"nominal_hz" doc:"50 or 60; 0 while it is not known."`
	Threshold float64  `json:"threshold,omitempty" doc:"The least correlation of an authentic window."`
	Series    series   `json:"series" doc:"What the channel carried."`
	Truth     series   `json:"truth" doc:"What the grid had."`
	Windows   []window `json:"windows" nullable:"false" doc:"Positions of the sliding window, in order, each as it was judged when it was new."`
}

type series struct {
	Start time.Time `json:"start" doc:"The time of the first value."`
	Step  float64   `json:"step_s" doc:"Seconds from one value to the next."`
	Hz    floats    `json:"hz" doc:"Frequency at the fundamental; null where there is none."`
	Sigma floats    `json:"sigma_hz,omitempty" doc:"Standard uncertainty of each value."`
	SNR   floats    `json:"snr_db,omitempty"`
}

type window struct {
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"`
	Correlation *float64  `json:"correlation,omitempty"`
	LLR         *float64  `json:"llr,omitempty"`
	Verdict     string    `json:"verdict" enum:"authentic,forged,undetermined"`
}

func newBrief(name string, r monitor.Room) roomBrief {
	out := roomBrief{Name: name, Connected: r.Connected, Problem: printable(r.Problem)}
	for _, p := range r.Participants {
		if !p.Left.IsZero() {
			continue
		}
		out.Present++
		if p.Verdict == detect.Forged {
			out.Forged++
		}
	}
	return out
}

func newRoom(name string, r monitor.Room, now time.Time) roomState {
	out := roomState{
		Name: name, Now: now.UTC(), Connected: r.Connected, Problem: printable(r.Problem), Began: known(r.Began),
		Truth: truthState{
			Kind: string(r.Truth.Kind), Name: printable(r.Truth.Name), Nominal: int(r.Truth.Grid), Known: known(r.Truth.Known),
			Problem: printable(r.Truth.Problem),
		},
		Participants: make([]participant, len(r.Participants)),
	}
	if r.Truth.Kind == "" {
		out.Truth.Kind = string(monitor.TruthNone)
	}
	for i, p := range r.Participants {
		to := participant{
			ID: p.ID, Name: printable(p.Name), Joined: known(p.Joined), Left: known(p.Left), Verdict: verdict(p.Verdict), Reason: printable(p.Reason),
			Confidence: share(p.Confidence), Since: known(p.Since), Channels: make([]channel, len(p.Channels)),
		}
		for j, c := range p.Channels {
			to.Channels[j] = newChannel(c)
		}
		out.Participants[i] = to
	}
	return out
}

func newPerson(p monitor.Person) person { return person{p.ID, printable(p.Name)} }

func newChannel(c monitor.Channel) channel {
	return channel{
		Channel: string(c.Source), Verdict: verdict(c.Verdict), Reason: printable(c.Reason), Confidence: share(c.Confidence), Since: known(c.Since),
		Receiving: c.Receiving, Present: c.Present, SNR: number64(c.SNR, 1e2), Lag: number64(c.Lag, 1e3), Offset: number64(c.Offset, 1e6),
		Correlation: number64(c.Correlation, 1e4), RMSE: number64(c.RMSE, 1e6), LLR: number64(c.LLR, 1e2), Forged: newSpans(c.Forged),
	}
}

func newSpans(spans []monitor.Span) []span {
	out := make([]span, len(spans))
	for i, s := range spans {
		out[i] = span{s.From.UTC(), s.To.UTC(), string(s.Kind)}
	}
	return out
}

// mostCurve is the most that is told of a series at once: an hour.
const mostCurve = 3600

func newCurves(c monitor.Curves, r monitor.Room, from time.Time) curves {
	out := curves{
		Nominal: int(r.Truth.Grid), Threshold: r.Threshold, Series: newSeries(since(c.Series, from)), Truth: newSeries(since(c.Truth, from)),
		Windows: make([]window, 0, len(c.Windows)),
	}
	for _, w := range c.Windows[max(0, len(c.Windows)-mostCurve):] {
		if !w.To.Before(from) {
			out.Windows = append(out.Windows, window{w.From.UTC(), w.To.UTC(), number64(w.Correlation, 1e4), number64(w.LLR, 1e2), verdict(w.Verdict)})
		}
	}
	return out
}

// since returns the values of a series from an instant on, the newest mostCurve at most.
func since(s enf.Series, from time.Time) enf.Series {
	i := max(0, s.Len()-mostCurve)
	for i < s.Len() && s.Time(i).Before(from) {
		i++
	}
	return s.Slice(i, s.Len())
}

func newSeries(s enf.Series) series {
	return series{s.Start.UTC(), s.Step.Seconds(), rounded(s.Hz, 1e6), rounded(s.Sigma, 1e6), rounded(s.SNR, 10)}
}

// verdict returns the word for a verdict; nobody has said anything yet where there is none.
func verdict(v detect.Verdict) string {
	if v == "" {
		return string(detect.Undetermined)
	}
	return string(v)
}

// verdictPage is a page of the history of verdicts.
type verdictPage struct {
	Verdicts []verdictChange `json:"verdicts" nullable:"false" doc:"Changes of verdicts in order."`
	Next     int64           `json:"next" doc:"What to give as after to go on."`
}

type verdictChange struct {
	ID          int64     `json:"id"`
	Time        time.Time `json:"time"`
	Room        string    `json:"room"`
	Participant person    `json:"participant"`
	Channel     string    `json:"channel,omitempty" enum:"audio,video" doc:"Absent where the verdict is the participant's."`
	Verdict     string    `json:"verdict" enum:"authentic,forged,undetermined" doc:"What it became."`
	Former      string    `json:"former" enum:"authentic,forged,undetermined" doc:"What it was. Both are forged where another stretch turns forged meanwhile."`
	Reason      string    `json:"reason"`
	Confidence  float64   `json:"confidence" minimum:"0" maximum:"1"`
	Forged      []span    `json:"forged" nullable:"false" doc:"Where the verdict is forged, the spans that it rests on, as far as they are known by then: the last may go on. Where only the former is, no new accusation but the spans that it rested on, as they were found in the end; none if it was withdrawn."`
}

func newChange(r VerdictRecord) verdictChange {
	return verdictChange{
		ID: r.ID, Time: r.Time.UTC(), Room: r.Room, Participant: newPerson(r.Person), Channel: string(r.Channel),
		Verdict: verdict(r.Verdict), Former: verdict(r.Former), Reason: printable(r.Reason), Confidence: share(r.Confidence), Forged: newSpans(r.Forged),
	}
}

type nodeState struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty" doc:"Where it is asked."`
	Height  int64  `json:"height" doc:"The number of its newest block."`
	Peers   int    `json:"peers" doc:"How many nodes it is connected to."`
	Syncing bool   `json:"syncing" doc:"Whether it is still catching up."`
	Problem string `json:"problem,omitempty" doc:"What is wrong with it."`
}

type nodeList struct {
	Nodes []nodeState `json:"nodes" nullable:"false"`
}

func newNodes(nodes []Node) nodeList {
	out := nodeList{make([]nodeState, len(nodes))}
	for i, n := range nodes {
		out.Nodes[i] = nodeState{printable(n.Name), printable(n.Address), n.Height, n.Peers, n.Syncing, printable(n.Problem)}
	}
	return out
}
