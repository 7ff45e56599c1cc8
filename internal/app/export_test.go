package app

import "github.com/gorilla/mux"

// Router has the routes that the service answers.
func (a *App) Router() *mux.Router { return a.server.Router() }
