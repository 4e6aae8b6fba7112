// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Handler returns the REST surface of a node.
func Handler(o Options) http.Handler {
	if o.Ledger == nil || o.Committee == nil {
		panic("httpapi: Options need a Ledger and a Committee")
	}
	o.Limits = o.Limits.defaults()
	mux := http.NewServeMux()
	humago.New(mux, huma.Config{OpenAPI: &huma.OpenAPI{}})
	return mux
}
