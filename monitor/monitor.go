// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
)

// Source is a stretch of one participant's sound or picture over which its clock runs on: a block's time is the guard's
// wall clock as it was when the stretch began, plus what has passed by the sender's clock. What breaks that (another
// encoding, a new connection) ends the source, and the conference gives another. A gap within a source is a jump of time.
type Source interface {
	// Read returns the next block, waiting for it; io.EOF at the end.
	Read(ctx context.Context) (media.Block, error)
}

// Numbered is a [Source] of a participant who sends several of a kind side by side. Those of one number, of which there are few, come after
// one another; a Source that is not numbered has number 0.
type Numbered interface {
	Source
	Number() int
}

// Truth knows the frequency that the grid really had. It is safe for concurrent use.
type Truth interface {
	// Between returns the frequency at each whole second from from, inclusive, to to, exclusive; NaN where it is not known,
	// or not yet.
	Between(ctx context.Context, from, to time.Time) (enf.Series, error)
}

// TruthKind says where the truth comes from.
type TruthKind string

// The kinds of truth.
const (
	TruthCommittee    TruthKind = "committee"    // rounds of a committee of nodes
	TruthParticipants TruthKind = "participants" // what most of the participants' own streams agree on
	TruthFile         TruthKind = "file"         // a reference file
	TruthNone         TruthKind = "none"
)

// TruthState is what is known of the truth in use.
type TruthState struct {
	Kind TruthKind
	// Name is where it comes from: a node's address, a file.
	Name string
	// Grid is its nominal frequency.
	Grid enf.Grid
	// Known is the last second that has a value; zero when there is none.
	Known time.Time
	// Problem says in a clause what is wrong with it; empty when nothing is.
	Problem string
}

// Person is who takes part in a conference.
type Person struct {
	// ID is unique in the room: what the conference calls the identity.
	ID string
	// Name is for people to read; any text, of whoever chose it.
	Name string
}

// Room is a conference that is watched, as it is at one moment.
type Room struct {
	Name string
	// Connected reports whether the guard is in the room; Problem says in a clause why not, or what else is wrong.
	Connected bool
	Problem   string
	Began     time.Time
	Truth     TruthState
	// Threshold is the least correlation of an authentic window.
	Threshold float64
	// Participants are those present and those who have left, in the order in which they came.
	Participants []Participant
}

// Participant is what is known of one person.
type Participant struct {
	Person
	Joined time.Time
	// Left is zero for as long as the person is there.
	Left time.Time
	// Verdict is forged when that of a channel is, else authentic when that of a channel is, else undetermined.
	Verdict detect.Verdict
	Reason  string
	// Confidence is how sure the verdict is, from 0 to 1; 0 for undetermined.
	Confidence float64
	// Since is when the verdict became what it is.
	Since    time.Time
	Channels []Channel
}

// Channel is what is known of one person's sound or picture. Of several sent side by side it is the one that is the least to be believed:
// forged before undetermined before authentic.
type Channel struct {
	Source     enf.Source
	Verdict    detect.Verdict
	Reason     string
	Confidence float64
	Since      time.Time
	// Receiving reports whether anything has arrived in the last seconds.
	Receiving bool
	// Present reports whether there is ENF in it.
	Present bool
	// SNR is in decibels; Correlation, RMSE (hertz), Offset (hertz), Lag (seconds) and LLR (nats) are those of the newest
	// window; NaN where there are none.
	SNR, Correlation, RMSE, Offset, Lag, LLR float64
	// Forged are the forged spans found so far, in order of time.
	Forged []Span
}

// Span is a stretch of wall-clock time that was found forged.
type Span struct {
	From, To time.Time
	Kind     detect.SpanKind
}

// Curves are the series behind a channel's verdict, over the time that is kept.
type Curves struct {
	// Series is what the channel carried; Truth what the grid had at the same seconds.
	Series, Truth enf.Series
	// Windows are positions of the sliding window, in order of time.
	Windows []Window
}

// Window is one position of the sliding window, as it was judged when it was new.
type Window struct {
	From, To time.Time
	// Correlation is Pearson's r, LLR the log-likelihood ratio in nats; NaN where there were too few values.
	Correlation, LLR float64
	Verdict          detect.Verdict
}

// Event is a change of a verdict: of a channel, or of a participant when Channel is empty. That another stretch turns forged while the verdict
// is forged already is one as well, and that whoever is called forged has gone or is watched no longer: then Verdict and Former are both forged.
type Event struct {
	Time    time.Time
	Room    string
	Person  Person
	Channel enf.Source
	// Verdict is what it became, Former what it was.
	Verdict, Former detect.Verdict
	Reason          string
	Confidence      float64
	// Forged are, where Verdict is forged, the forged spans that it rests on, as far as they are known by then: the last may go on. Where only
	// Former is, they are no new accusation but those that it rested on, as they were found in the end; none if it was withdrawn.
	Forged []Span
}
