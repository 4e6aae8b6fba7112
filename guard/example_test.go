// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"context"
	"fmt"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/guard"
	"github.com/defakepro/defakepro/monitor"
)

// table is a meeting in which one person has come and shows what cannot be decoded.
type table struct{}

func (table) Follow(_ context.Context, to guard.Listener) error {
	to.Connection(true, "")
	to.Join(monitor.Person{ID: "ada", Name: "Ada"})
	to.Problem("ada", enf.SourceVideo, "what is sent cannot be decoded")
	return context.Canceled // the meeting is over
}

func Example() {
	g := guard.New(guard.Options{Room: "board", Conference: table{}, Grid: enf.Grid60})
	if err := g.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	g.Monitor().Judge(context.Background())
	for _, p := range g.Monitor().Room().Participants {
		fmt.Printf("%s is %s. %s\n", p.Name, p.Verdict, p.Reason)
	}
	// Output: Ada is undetermined. Picture: The picture cannot be followed: what is sent cannot be decoded.
}
